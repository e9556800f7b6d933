"""What a pipeline does: `submit`."""

import asyncio
import sys
from pathlib import Path
from typing import Annotated

import typer
from msgspec import Raw
from msgspec.structs import asdict, replace

from mitregate import settings
from mitregate.cli.deployment import Described, associations_of, check, deployment_of, properties_of
from mitregate.cli.desk import RemoteDesk, about, address_of, decoded, explained, open_client
from mitregate.cli.exits import EXITS, OK
from mitregate.cli.options import AsJson
from mitregate.cli.records import Gate
from mitregate.cli.terminal import STYLES, plain, show, show_json
from mitregate.cli.waiting import Patient, Remarks, conclude, wait_at
from mitregate.client import USUAL, AsyncClient, Deployment, GatingState, Key, Outcome
from mitregate.core.changes import ChangeType
from mitregate.core.deployments import EnvironmentType, State
from mitregate.core.errors import Malformed, Refused, Unknown

File = Annotated[
    str | None, typer.Option(help="Submit this JSON file, as the Deployments API takes it; - is standard input.")
]
PipelineId = Annotated[str | None, typer.Option(help="The pipeline's id.")]
PipelineName = Annotated[str | None, typer.Option(help="Its name, by which change control goes; the id by default.")]
PipelineUrl = Annotated[str | None, typer.Option(help="Where people find the pipeline.")]
EnvironmentId = Annotated[str | None, typer.Option(help="The environment's id.")]
EnvironmentName = Annotated[str | None, typer.Option(help="Its name; the id by default.")]
Kind = Annotated[EnvironmentType | None, typer.Option(help="Which kind of environment it is; unmapped by default.")]
Number = Annotated[int | None, typer.Option(help="The deployment's number; it rises within pipeline and environment.")]
Update = Annotated[
    int | None, typer.Option(help="The number of this update; only a higher one counts. By default the server's time.")
]
StateOption = Annotated[State, typer.Option(help="How far the deployment is.")]
Gated = Annotated[
    bool | None,
    typer.Option("--gate/--no-gate", help="Ask to be held until it is allowed; by default if it is pending."),
]
Label = Annotated[str | None, typer.Option("--label", "--version", help="What is deployed: a release or a commit.")]
DisplayName = Annotated[str | None, typer.Option(help="What to call this deployment.")]
Description = Annotated[str, typer.Option(help="What it is about.")]
Url = Annotated[str | None, typer.Option(help="Where people find this deployment.")]
Issues = Annotated[list[str] | None, typer.Option("--issue", help="An issue it concerns; repeat it for more.")]
Services = Annotated[list[str] | None, typer.Option("--service", help="A service's id; repeat it for more.")]
Commits = Annotated[list[str] | None, typer.Option("--commit", help="REPOSITORY@HASH; repeat it for more.")]
ChangeKey = Annotated[
    str | None, typer.Option("--change", help="The change request that it relies on, such as CHG-7; no other one then.")
]
Type = Annotated[ChangeType | None, typer.Option("--as", help="The type of change that it asks for.")]
Runbook = Annotated[bool, typer.Option("--runbook", help="It is the run of a runbook.")]
Wait = Annotated[bool, typer.Option("--wait", help="Then wait as `wait` does, and end as it does.")]
Timeout = Annotated[float, typer.Option(help="Seconds to wait at most.", min=0)]


class Report(Outcome, frozen=True, kw_only=True, rename="camel"):
    """What became of a submission, with the gating statuses of what is gated, and the gates that were waited for."""

    gating_statuses: tuple[GatingState, ...] = ()
    gates: tuple[Raw, ...] = ()


def submit(
    *,
    file: File = None,
    pipeline: PipelineId = None,
    pipeline_name: PipelineName = None,
    pipeline_url: PipelineUrl = None,
    environment: EnvironmentId = None,
    environment_name: EnvironmentName = None,
    environment_type: Kind = None,
    sequence: Number = None,
    update_sequence: Update = None,
    state: StateOption = State.PENDING,
    gate: Gated = None,
    label: Label = None,
    display_name: DisplayName = None,
    description: Description = "",
    url: Url = None,
    issue: Issues = None,
    service: Services = None,
    commit: Commits = None,
    change: ChangeKey = None,
    change_type: Type = None,
    runbook: Runbook = False,
    wait: Wait = False,
    timeout: Timeout = 3600,
    json: AsJson = False,
) -> int:
    """Submit a deployment, described by options or in a file, as an app; show its gating status.

    The app is the one of MITREGATE_CLIENT_ID and MITREGATE_CLIENT_SECRET. A server that does not answer, or asks for
    time, is tried again for some seconds. Ends with 2 if anything was rejected.
    """
    described = Described(
        pipeline=pipeline,
        pipeline_name=pipeline_name,
        pipeline_url=pipeline_url,
        environment=environment,
        environment_name=environment_name,
        environment_type=environment_type,
        sequence=sequence,
        update_sequence=update_sequence,
        state=state,
        gate=gate,
        label=label,
        display_name=display_name,
        description=description,
        url=url,
        associations=associations_of(issue, service, commit),
        properties=properties_of(change, change_type, is_runbook=runbook),
    )
    return asyncio.run(_submit(_read(file, described) or described, timeout if wait else None, json=json))


def _read(file: str | None, described: Described) -> bytes | None:
    """Read the file that is to be submitted, if there is one; else the description must do.

    Raises:
        Malformed: there is both or neither, or the file cannot be read.
    """
    if file is None:
        check(described)
        return None
    if described != Described():
        message = "A file was given, and options that describe a deployment as well."
        raise Malformed(message, advice="Give one or the other.")
    try:
        body = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
    except OSError as error:
        message = f"The file {file} cannot be read: {error.strerror}."
        raise Malformed(message, advice="Name a JSON file, or - for standard input.") from None
    return body or b" "


async def _submit(submitted: bytes | Described, seconds: float | None, *, json: bool) -> int:
    """Submit, show what became of it, and wait for at most *seconds*, if given; give the exit code."""
    here = replace(settings.load(), token="")
    remarks = Remarks()
    on_pause = None if json else lambda pause: remarks.note(pause.because)
    async with open_client(here, retries=USUAL, on_pause=on_pause) as client:
        whole = await _whole(submitted, RemoteDesk(here, client, USUAL), address_of(here))
        properties = submitted.properties if isinstance(submitted, Described) else {}
        with explained(here):
            report = await _report(client, whole, properties)
        if not json:
            remarks.note(None)
            _tell(report)
        ended = EXITS[Refused] if report.rejected_deployments else OK
        if ended == OK and seconds is not None:
            report = await _wait(RemoteDesk(here, client), report, seconds)
    if json:
        show_json(report)
    return ended if ended != OK else _conclude(report, seconds or 0, json=json)


async def _whole(submitted: bytes | Described, desk: RemoteDesk, server: str) -> bytes | Deployment:
    """Complete a description, with the time at the server."""
    if isinstance(submitted, bytes):
        return submitted
    return deployment_of(submitted, server=server, now=(await about(desk)).time)


async def _report(client: AsyncClient, submitted: bytes | Deployment, properties: dict[str, str]) -> Report:
    outcome = await client.submit(submitted, properties=properties or None)
    states: list[GatingState] = []
    for key in outcome.accepted_deployments:
        try:
            states.append(await client.gating_status(key))
        except Unknown:
            continue  # it did not ask to be gated
    return Report(**asdict(outcome), gating_statuses=tuple(states))


async def _wait(desk: RemoteDesk, report: Report, seconds: float) -> Report:
    """Wait for all that is gated, one after another, all within the same time."""
    if not report.gating_statuses:
        message = "Nothing that was submitted is gated, so there is nothing to wait for."
        raise Malformed(message, advice="Leave out --wait, or ask to be gated with --gate.")
    patient = Patient(desk, seconds)
    gates = []
    for state in report.gating_statuses:
        key = (state.pipeline_id, state.environment_id, state.deployment_sequence_number)
        gates.append(Raw(await wait_at(patient, None, key)))
    return replace(report, gates=tuple(gates))


def _conclude(report: Report, seconds: float, *, json: bool) -> int:
    """Give the exit code: of all the gates that were waited for the worst."""
    return max((conclude(decoded(gate, Gate), seconds, json=json) for gate in report.gates), default=OK)


def _tell(report: Report) -> None:
    for key in report.accepted_deployments:
        show(f"accepted: {_name(key)}", style="green")
    for rejected in report.rejected_deployments:
        show(f"rejected: {_name(rejected.key)}", style="bold red")
        for fault in rejected.errors:
            show(f"  {plain(fault.message)}")
    if report.unknown_issue_keys:
        show(f"unknown issues: {plain(', '.join(report.unknown_issue_keys))}", style="yellow")
    for unknown in report.unknown_associations:
        show(f"unknown kind of association: {plain(unknown.association_type)}", style="yellow")
    for state in report.gating_statuses:
        show(f"{state.gating_status}: {_name(state)}", style=STYLES.get(state.gating_status, ""))
        for detail in state.details:
            show(f"  {plain(detail.issue_key)} {plain(detail.issue_link)}")


def _name(key: Key | GatingState) -> str:
    return plain(f"{key.pipeline_id} → {key.environment_id} #{key.deployment_sequence_number}")
