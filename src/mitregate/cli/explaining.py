"""Why a deployment may start, waits or stopped: `explain`; and what would come of one: `simulate`."""

from collections.abc import Iterable, Mapping
from typing import Annotated

import typer

from mitregate.cli.desk import Desk, about, answer, ask, decoded, path
from mitregate.cli.explain_records import Change, Explanation
from mitregate.cli.gates import Deployment, conditions
from mitregate.cli.instants import read_instant
from mitregate.cli.options import AsJson, Environment, Pipeline, Sequence
from mitregate.cli.terminal import STYLES, moment, plain, show, show_card, show_json, show_table
from mitregate.core.changes import ChangeType
from mitregate.core.deployments import EnvironmentType
from mitregate.core.errors import Malformed

ADVICE = "Give a gate's id or link, PIPELINE/ENVIRONMENT/NUMBER, or --pipeline, --environment and --sequence."

Meant = Annotated[
    str | None,
    typer.Argument(
        help="A gate's id, the link to its page, or PIPELINE/ENVIRONMENT/NUMBER; only the pipeline may have slashes.",
        metavar="DEPLOYMENT",
        show_default=False,
    ),
]
AppName = Annotated[str | None, typer.Option("--app", help="The name of its app, or its id.")]
Instant = str | None


def explain(
    meant: Meant = None,
    *,
    pipeline: Pipeline = None,
    environment: Environment = None,
    sequence: Sequence = None,
    app: AppName = None,
    json: AsJson = False,
) -> None:
    """Explain a deployment: why it may start, waits or stopped, what would open it, and when at the earliest.

    It may be over, and it need not be gated.
    """
    gate_id, deployment = read_meant(meant, (pipeline, environment, sequence))

    async def look(desk: Desk) -> bytes:
        if gate_id is not None:
            return await ask(desk, "GET", path("gates", gate_id, "explanation"))
        return await ask(desk, "GET", path("explanation"), query=conditions(deployment) | {"appId": app})

    body = answer(look, for_app=True)
    _show(body, json=json)


def read_meant(meant: str | None, deployment: Deployment) -> tuple[str | None, Deployment]:
    """Read which deployment is meant: give the id of its gate, or its own ids.

    Raises:
        Malformed: that is not clear.
    """
    is_whole = all(part is not None for part in deployment)
    if (meant is None) == (deployment == (None, None, None)) or not (meant or is_whole):
        raise Malformed("It is not clear which deployment is meant.", advice=ADVICE)
    if meant is None:
        return None, deployment
    if meant.startswith(("http://", "https://")) and "/gates/" in meant:
        return meant.partition("?")[0].partition("#")[0].rpartition("/gates/")[2].strip("/"), deployment
    if "/" not in meant:
        return meant, deployment
    where, _, number = meant.rpartition("/")
    pipeline, _, environment = where.rpartition("/")
    try:
        return None, (pipeline, environment, int(number))
    except ValueError:
        message = f"{meant!r} does not end with the sequence number of a deployment."
        raise Malformed(message, advice=ADVICE) from None


def simulate(
    *,
    project: Annotated[str, typer.Option(help="The name of its project, or of its runbook.")],
    environment: Annotated[str, typer.Option(help="The name of its environment.")],
    environment_id: Annotated[str | None, typer.Option(help="The environment's id, if that is another.")] = None,
    kind: Annotated[EnvironmentType, typer.Option("--type", help="The type of its environment.")] = (
        EnvironmentType.UNMAPPED
    ),
    version: Annotated[str | None, typer.Option(help="What is deployed.")] = None,
    product: Annotated[str | None, typer.Option(help="The tool that deploys, such as GitLab.")] = None,
    service: Annotated[list[str] | None, typer.Option(help="A service that it concerns; may be repeated.")] = None,
    commit: Annotated[list[str] | None, typer.Option(help="A commit, as REPOSITORY@HASH; may be repeated.")] = None,
    runbook: Annotated[bool, typer.Option("--runbook", help="It is the run of a runbook.")] = False,
    unasked: Annotated[bool, typer.Option("--unasked", help="It does not ask to be gated.")] = False,
    change: Annotated[str | None, typer.Option(help="The change request that it names, such as CHG-7.")] = None,
    change_type: Annotated[ChangeType | None, typer.Option("--as", help="The type of change that it asks for.")] = None,
    start: Annotated[Instant, typer.Option(help="When the window of its change would open.")] = None,
    end: Annotated[Instant, typer.Option(help="The last instant of that window.")] = None,
    at: Annotated[Instant, typer.Option(help="When it would be submitted: an instant with its zone, or +2h.")] = None,
    app: Annotated[
        str | None, typer.Option("--app", help="The app that would submit it; the only one there is, if left out.")
    ] = None,
    json: AsJson = False,
) -> None:
    """Explain a deployment that is not there yet: what would come of it if it were submitted.

    Nothing is kept. It is decided on as a real one is, by the rules and the changes that there are now.
    """
    query: dict[str, object] = {
        "project": project,
        "environment": environment,
        "environmentId": environment_id,
        "type": kind.value,
        "version": version,
        "product": product,
        "service": service,
        "commit": commit,
        "runbook": str(runbook).lower(),
        "asks": str(not unasked).lower(),
        "change": change,
        "changeType": change_type.value if change_type is not None else None,
        "appId": app,
    }
    instants = {"plannedStart": start, "plannedEnd": end, "at": at}
    _show(answer(lambda desk: _simulate(desk, query, instants), for_app=True), json=json)


async def _simulate(desk: Desk, query: Mapping[str, object], instants: Mapping[str, Instant]) -> bytes:
    given = {name: text for name, text in instants.items() if text is not None}
    if given:
        now = (await about(desk)).time
        query = {**query, **{name: read_instant(text, now).isoformat() for name, text in given.items()}}
    return await ask(desk, "GET", path("simulation"), query=query)


def _show(body: bytes, *, json: bool) -> None:
    if json:
        show_json(body)
        return
    said = decoded(body, Explanation)
    show(plain(said.headline), style=STYLES.get(said.gating_status if said.stage in {"", "held"} else "", "bold"))
    _section("Why", [reason.message for reason in said.reasons] or [said.rules.why])
    _section("What would open it", [reason.remedy for reason in said.reasons if reason.remedy])
    overridden = [said.override.said] if said.override is not None else []
    places = [f"It takes the place of {one}." for one in said.supersedes]
    _section("When", [*said.when, *(said.calendar.said if said.calendar is not None else ()), *overridden, *places])
    if said.change is not None:
        show()
        show("The change", style="bold")
        show_card(_fields(said.change))
    _show_rules(said)
    if said.story:
        show()
        show("Story", style="bold")
        show_table(("AT", "WHO", "WHAT"), [(moment(one.at), one.actor, one.said) for one in said.story])


def _section(title: str, lines: Iterable[str]) -> None:
    found = list(lines)
    if found:
        show()
        show(title, style="bold")
        for line in found:
            show(plain(line))


def _fields(change: Change) -> list[tuple[str, str]]:
    template = f", of {change.template!r}" if change.template else ""
    return [
        ("key", " ".join(filter(None, (change.key, change.link)))),
        ("title", change.title),
        ("found", change.found.why),
        ("passed over", change.found.passed),
        ("type", f"{change.type}{template}"),
        ("risk", f"{change.risk}: {change.risk_why}" if change.risk_why else change.risk),
        ("status", change.status),
        ("planned", change.window),
        ("approvals", change.approvals.said if change.approvals is not None else ""),
        *(("decided", one.said) for one in change.decisions),
        *(("conflicts with", one.said) for one in change.conflicts),
    ]


def _show_rules(said: Explanation) -> None:
    rules = said.rules
    since = f" (by now they are at revision {rules.in_force})" if rules.in_force != rules.revision else ""
    show()
    show("By which rules", style="bold")
    # Where there is a gate that says no such thing, why it is there at all.
    if said.reasons:
        show(plain(rules.why))
    show_card(
        [
            ("revision", f"{rules.revision}{since}"),
            (f"its {rules.side}'s rule", rules.left),
            ("its environment's rule", rules.right),
            ("services not known", ", ".join(said.unknown_services)),
        ]
    )
