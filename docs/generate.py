"""Fill in the parts of the documentation that follow from the code.

In a page, `<!-- generated: NAME -->` and `<!-- end -->` enclose such a part. `python docs/generate.py` writes all of
them anew; with `--check` it writes nothing, names the pages that are stale, and ends with 1 if there are any.
"""

import importlib
import inspect
import pkgutil
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

import msgspec
import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command

import mitregate
from mitregate import __version__, client, wiring
from mitregate.cli import exits
from mitregate.cli.program import program
from mitregate.core import errors, gates, people
from mitregate.core.calendar import Position
from mitregate.core.catalogue import Template
from mitregate.core.changes import CLASS_OF, TRANSITIONS, Status, StatusClass, Transition
from mitregate.core.conflicts import Conflicts
from mitregate.core.control import Matrix, Rule
from mitregate.core.declared import DeclaredApp, DeclaredUser
from mitregate.core.errors import MitregateError
from mitregate.core.feeds import Feed
from mitregate.core.jobs import Ladder, Result
from mitregate.core.reach import Reach
from mitregate.core.risk import TABLE
from mitregate.core.rulebook import FreezeRule, HolidaySet, Hours, Rulebook
from mitregate.core.services import Group, Service
from mitregate.core.times import Times
from mitregate.core.waiting import Waiting
from mitregate.core.workflow import ENDINGS, Ending, Outcomes, Workflow
from mitregate.flows import admit
from mitregate.providers import connect, webhook
from mitregate.providers.connect import Connect
from mitregate.providers.webhook import Webhook
from mitregate.settings import PREFIX, Settings
from mitregate.web import api_server, deployments, problems, reference, throttle
from mitregate.web.document import make_document
from mitregate.web.routes import make_api
from mitregate.wire import declared, jira_deployments, jira_values, rulebook_schema

DOCS = Path(__file__).parent
MARKED = re.compile(r"(<!-- generated: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)

Row = Sequence[str]


def table(head: Row, rows: Iterable[Row]) -> str:
    """Write a table."""
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |\n" for line in lines)


def code(*words: str) -> str:
    """Write words as code, divided by commas; nothing for none."""
    return ", ".join(f"`{word}`" for word in words)


def spell(span: timedelta) -> str:
    """Write a length of time in the largest unit that is whole."""
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if span.total_seconds() >= size and span.total_seconds() % size == 0:
            return f"{span.total_seconds() / size:g} {unit}"
    return f"{span.total_seconds():g} s"


# --- settings ---


def settings() -> str:
    """List the settings."""
    schemas = msgspec.json.schema(Settings)["$defs"][Settings.__name__]["properties"]
    return "\n".join(_setting(name, schema) for name, schema in schemas.items())


def _setting(name: str, schema: dict[str, Any]) -> str:
    default = schema["default"]
    shown = code(str(default)) if default != "" else "none"
    example = "\n".join(f"{PREFIX}{name.upper()}={example}" for example in schema["examples"])
    words = f"In the file `{name}`. Default: {shown}."
    return f"### `{PREFIX}{name.upper()}`\n\n{schema['description']}\n\n{words} Example:\n\n```text\n{example}\n```\n"


# --- what is decided ---

WORDS = {
    StatusClass.WAIT: "wait",
    StatusClass.PROCEED: "proceed",
    StatusClass.STOP: "stop",
    Position.NOT_YET: "before the window",
    Position.OPEN: "in the window, or no window",
    Position.OVER: "after the window",
}


def verdicts() -> str:
    """Draw the table from class and position to status and reason."""
    head = ["class", *(WORDS[position] for position in Position)]
    return table(
        head, ([f"*{WORDS[kind]}*", *(_cell(kind, position) for position in Position)] for kind in StatusClass)
    )


def _cell(kind: StatusClass, position: Position) -> str:
    status, reason = gates.BASE[kind, position]
    word = f"**{status.value}**" if status is gates.GatingStatus.ALLOWED else status.value
    reasons = [reason.value]
    if kind is StatusClass.STOP:
        reasons.insert(0, gates.ReasonCode.CHANGE_DECLINED.value)
    return f"{word} · {' / '.join(f'`{one}`' for one in reasons)}"


def statuses() -> str:
    """List the statuses of a change with their classes."""
    return table(["status", "class"], ([status.value, f"*{kind.value}*"] for status, kind in CLASS_OF.items()))


def transitions() -> str:
    """List the transitions of a change."""
    rows = (
        [source.value if index == 0 else "", name.value, target.value]
        for source, steps in TRANSITIONS.items()
        for index, (name, target) in enumerate(steps.items())
    )
    final = [status.value for status, steps in TRANSITIONS.items() if not steps]
    return table(["from", "transition", "to"], rows) + f"\nThere is no way out of *{'*, *'.join(final)}*.\n"


AUTOMATIC = {
    Transition.READY_FOR_CAB: "the CAB is to approve it, and all other approvals are there",
    Transition.READY_FOR_IMPLEMENTATION: "its approvals are complete",
    Transition.START: "its approvals are complete, and its window is open",
}
"""When a change takes the steps that `core.workflow.next_step` lets it take by itself."""


def automatic() -> str:
    """List what a change does by itself."""
    taken = [
        [source.value, step.value, steps[step].value, when]
        for step, when in AUTOMATIC.items()
        for source, steps in TRANSITIONS.items()
        if step in steps and source is not Status.PENDING
    ]
    return table(["from", "transition", "to", "as soon as"], taken)


def endings() -> str:
    """List what the endings of a deployment are out of the box, and what each does with a change."""
    usual = [[code(name), code(str(ending))] for name, ending in msgspec.structs.asdict(Outcomes()).items()]
    moves = [[code(ending.value), ", else ".join(ENDINGS[ending]) or "nothing: it stays open"] for ending in Ending]
    return (
        table(["the last deployment is", "out of the box"], usual) + "\n" + table(["ending", "the change takes"], moves)
    )


def risks() -> str:
    """Draw the table from type of environment and tier to risk."""
    tiers = range(1, 5)
    rows = ([code(kind.value), *(risk.value for risk in row)] for kind, row in TABLE.items())
    return table(["environment", *(f"tier {tier}" for tier in tiers)], rows)


# --- errors, deliveries, rights ---


def classes(root: type[MitregateError] = MitregateError) -> Iterator[type[MitregateError]]:
    """List an error and all below it."""
    yield root
    for kind in root.__subclasses__():
        yield from classes(kind)


def import_all() -> None:
    """Import every module of the package, so that all classes are known; migrations run only inside Alembic."""
    for module in pkgutil.walk_packages(mitregate.__path__, "mitregate."):
        if not {"migrations", "__main__"} & set(module.name.split(".")):
            importlib.import_module(module.name)


def error_classes() -> str:
    """List all classes of errors."""
    import_all()
    head = ["class", "message", "HTTP", "exit", "advice"]
    return table(head, (_error(kind) for kind in classes()))


def _error(kind: type[MitregateError]) -> Row:
    message = (inspect.getdoc(kind) or "").partition("\n")[0]
    error = kind()
    ended = str(exits.exit_code(error))
    return [code(kind.__name__), message, str(problems.status_of(error)), ended, error.advice()]


def exit_codes() -> str:
    """List the exit codes."""
    rows = [
        [str(exits.OK), "done; for `wait`: allowed"],
        [
            str(exits.NO),
            "for `wait`: it must not go on; for `apply`: something would change; else an error that nobody foresaw",
        ],
        [str(exits.EXITS[errors.Refused]), "the request is wrong"],
        [str(exits.EXITS[errors.Misconfigured]), "the configuration is wrong"],
        [str(exits.EXITS[errors.Unsettled]), "try again later; for `wait`: the time is over and it still waits"],
        [str(exits.INTERRUPTED), "ended by Ctrl-C"],
        [str(exits.NOBODY_LISTENS), "the output was closed"],
    ]
    return table(["exit code", "means"], rows)


def ladder() -> str:
    """Draw the retry ladder of our own callbacks."""
    lease = f"{wiring.LEASE_CALLS} times `{PREFIX}OUTBOUND_TIMEOUT`"
    return _ladder(Webhook.ladder) + (
        f"\nA worker that dies while it sends holds the delivery for {lease}; then another worker takes it over.\n"
    )


def connect_ladder() -> str:
    """Draw the retry ladder of Connect apps, and say when a host is given up."""
    patience = spell(Connect.ladder.host_patience or timedelta())
    return _ladder(Connect.ladder) + (
        f"\nAfter {patience} of nothing but failures each delivery to a host is tried once, until it takes one.\n"
    )


def _ladder(wanted: Ladder) -> str:
    steps, shortest, longest = [], timedelta(), timedelta()
    for number, rung in enumerate(wanted.rungs, start=2):
        shortest, longest = shortest + rung.shortest, longest + rung.longest
        steps.append([str(number), _span(rung.shortest, rung.longest, spell), _span(shortest, longest, _about)])
    return table(["try", "pause before it", "since the first, about"], [["1", "none", "none"], *steps])


def _span(shortest: timedelta, longest: timedelta, write: Callable[[timedelta], str]) -> str:
    return write(shortest) if shortest == longest else f"{write(shortest)} to {write(longest)}"


def _about(span: timedelta) -> str:
    size, unit = next((s, u) for s, u in ((3600, "h"), (60, "min"), (1, "s")) if span.total_seconds() >= s)
    return f"{round(span.total_seconds() / size, 1):g} {unit}"


RESULTS = {
    Result.DONE: "it is done",
    Result.LATER: "it is tried again, further up the ladder",
    Result.NEVER: "it is dead at once",
}


def replies() -> str:
    """List what the replies of receivers come to."""
    groups: dict[tuple[Result, Result], list[int]] = {}
    for status in range(200, 600):
        results = (webhook.READING.result_of(status), connect.READING.result_of(status))
        groups.setdefault(results, []).append(status)
    rows = [[_statuses(found), *(RESULTS[result] for result in results)] for results, found in groups.items()]
    rows.append(["not at all, or not in time", *[RESULTS[Result.LATER]] * 2])
    return table(["the receiver answers", "any receiver", "a Connect app"], rows)


def _statuses(found: list[int]) -> str:
    by_class = {kind: [status for status in found if status // 100 == kind] for kind in range(2, 6)}
    words = [f"{kind}xx" for kind, statuses in by_class.items() if len(statuses) == 100]
    words += [str(status) for statuses in by_class.values() if len(statuses) < 10 for status in statuses]
    words += [f"any other {kind}xx" for kind, statuses in by_class.items() if 10 <= len(statuses) < 100]
    return ", ".join(words)


def refusals() -> str:
    """List what a delivery to a Connect app says of each reply."""
    words = connect.READING.words
    order = sorted(words, key=lambda status: status if status > 9 else status * 100)
    rows = [[str(status) if status > 9 else f"{status}xx", words[status]] for status in order]
    return table(["the app answers", "the delivery says"], rows)


def roles() -> str:
    """List what each role may do."""
    rows = (
        [code(role.value), code(*(p.value for p in people.Permission if p in people.MAY[role]))] for role in people.Role
    )
    return table(["role", "permissions"], rows)


def tokens() -> str:
    """List the kinds of tokens."""
    said = {
        people.TokenKind.ACCESS: ("an app, on the Deployments API and for its gates", spell(admit.ACCESS_LIFE)),
        people.TokenKind.API: (
            "a person's programs and the command line",
            "the days given, or until it is revoked",
        ),
        people.TokenKind.SESSION: ("a person on the pages, as a cookie", spell(admit.SESSION_LIFE)),
        people.TokenKind.FEED: (
            "reading the calendar, in its address",
            "the days given, or until it is revoked",
        ),
        people.TokenKind.SETUP: (
            "making the first user, once",
            "until that is done or the server starts again",
        ),
    }
    rows = ([kind.value, code(admit.PREFIX[kind]), *said[kind]] for kind in people.TokenKind)
    rule = f"{throttle.LIMIT} wrong tokens or secrets from one address within {spell(throttle.SPAN)}"
    return table(["kind", "begins with", "for", "good for"], rows) + (
        f"\nAfter {rule}, the doors for people, and `/oauth/token`, tell that address\nto wait (429). "
        "The right one is let in all the same.\n"
    )


def limits() -> str:
    """List the limits of the Deployments API."""
    rows = [
        ["a request", f"{deployments.BODY_LIMIT // 2**20} MiB, {jira_deployments.DEPLOYMENTS_LIMIT} deployments"],
        [
            "properties",
            f"{jira_deployments.PROPERTIES_LIMIT}, names and values of {jira_values.TEXT_LIMIT} characters",
        ],
        ["ids, names, label", f"{jira_values.TEXT_LIMIT} characters"],
        ["description", f"{jira_values.TEXT_LIMIT} characters; of a longer one the rest is cut off"],
        ["URLs", f"{jira_values.URL_LIMIT} characters"],
        ["numbers", "64 bits, signed"],
        ["`issueKeys`", str(jira_values.ISSUE_KEYS_LIMIT)],
        ["`associations`", f"{jira_values.ASSOCIATIONS_LIMIT}, with {jira_values.VALUES_LIMIT} values together"],
        ["`commands`", str(jira_values.COMMANDS_LIMIT)],
        ["a deployment, with all that is not in the schema", f"{jira_deployments.MODEST:,} values"],
    ]
    return table(["of", "at most"], rows)


# --- the rulebook ---


def rulebook() -> str:
    """List the keys of the rulebook, section by section."""
    return "\n".join(f"### {PLACES[kind]}\n\n{_keys(kind)}" for kind in rulebook_schema.KEYS)


def entrants() -> str:
    """List the keys of those who may enter, which stand beside the rulebook."""
    return "\n".join(f"### {place}\n\n{_keys(kind)}" for kind, place in ENTRANTS.items())


def _keys(kind: type[msgspec.Struct]) -> str:
    keys = {**declared.KEYS, **rulebook_schema.KEYS}[kind]
    rows = (_key(kind, name, said) for name, said in keys.items())
    return table(["key", "is", "means"], rows)


ENTRANTS: dict[type[msgspec.Struct], str] = {DeclaredApp: "Each of `apps`", DeclaredUser: "Each of `users`"}

PLACES: dict[type[msgspec.Struct], str] = {
    Rulebook: "The whole",
    Matrix: "`control`",
    Rule: "Each rule of `control`",
    Workflow: "`workflow`",
    Outcomes: "`outcomes` of `workflow`",
    Template: "Each of `standard`",
    Waiting: "Each of `waiting`",
    Conflicts: "`conflicts`",
    Service: "Each of `services`",
    Group: "Each of `groups`",
    Hours: "Each of `hours`",
    HolidaySet: "Each of `holidays`",
    FreezeRule: "Each of `freezes`",
    Feed: "Each of `feeds`",
    Times: "`when`, and each of `also`",
    Reach: "`reach`",
}


def _key(kind: type[msgspec.Struct], name: str, said: str) -> Row:
    (field,) = (field for field in msgspec.structs.fields(kind) if field.name == name)
    shape = _shapes()[kind.__name__]["properties"][name]
    extra = ", required" if field.required else ""
    if _is_told(field.default):
        extra = f", {code(str(field.default).replace('True', 'true').replace('False', 'false'))} if left out"
    return [code(name), _spell_shape(shape) + extra, said]


def _is_told(default: object) -> bool:
    return isinstance(default, str | bool) and default != ""


def _shapes() -> dict[str, Any]:
    return {**declared.schema()["$defs"], **rulebook_schema.schema()["$defs"]}


def _spell_shape(shape: dict[str, Any]) -> str:
    named = _shapes().get(str(shape.get("$ref", "")).rpartition("/")[2], shape)
    if "enum" in named:
        return code(*named["enum"])
    if shape.get("type") == "array":
        items = shape["items"]
        return f"list of {_spell_shape(items)}" if "$ref" not in items or "enum" in _ref(items) else "list"
    if "pattern" in shape:
        return "date and time" if shape["pattern"] == rulebook_schema.MOMENT else "date"
    if "minimum" in shape:
        return f"{shape['minimum']} to {shape['maximum']}"
    return {"string": "text", "boolean": "true or false"}.get(shape.get("type", ""), "table")


def _ref(shape: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = _shapes().get(shape["$ref"].rpartition("/")[2], {})
    return found


# --- routes and commands ---


def routes() -> str:
    """List the routes of the native API."""
    document = make_document([make_api(), *api_server.PROBES, reference.show_document], __version__, "")
    parts = []
    for tag in document["tags"]:
        rows = [
            [
                code(f"{method.upper()} {path}"),
                found["description"],
                "yes" if found.get("security") else "no",
            ]
            for path, item in document["paths"].items()
            for method, found in item.items()
            if tag["name"] in found["tags"]
        ]
        parts.append(f"### {tag['name']}\n\n{tag['description']}\n\n" + table(["route", "does", "token needed"], rows))
    return "\n".join(parts)


def commands() -> str:
    """List the commands with their options."""
    top = get_command(program)
    return "\n".join(_described(top, "mitregate")) if isinstance(top, TyperGroup) else ""


def _described(command: TyperCommand | TyperGroup, name: str) -> Iterator[str]:
    with typer.Context(command, info_name=name) as context:
        inner = getattr(command, "commands", {})
        usage = " ".join([name, *command.collect_usage_pieces(context)])
        words = inspect.cleandoc(command.help or "")
        rows = [record for record in (p.get_help_record(context) for p in command.get_params(context)) if record]
        shown = [[code(_tidy(names)), _tidy(said)] for names, said in rows if names != "--help"]
    if not inner or name == "mitregate":
        listed = "\n" + table(["argument or option", "means"], shown) if shown else ""
        yield f"### `{name}`\n\n{words}\n\n```text\n{usage}\n```\n{listed}"
    for below, one in inner.items():
        yield from _described(one, f"{name} {below}")


def _tidy(text: str) -> str:
    return re.sub(r" +", " ", text.replace(" range>", ">").replace("<list[str]>", "<str>"))


# --- the Python client ---

SECTION = re.compile(r"^(Args|Returns|Raises):\n((?:    .*\n?|\n)+)", re.MULTILINE)
ENTRY = re.compile(r"^    (\w+): ((?:.*\n?)(?:      .*\n?)*)", re.MULTILINE)


def client_options() -> str:
    """List what a client is made with."""
    return _arguments(client.Client.__init__)


def client_operations() -> str:
    """Describe what a client can be asked, in the order of the source."""
    found = [method for name, method in inspect.getmembers(client.Client, inspect.isfunction) if name[0] != "_"]
    return "\n".join(_operation(method) for method in sorted(found, key=lambda one: one.__code__.co_firstlineno))


def _operation(method: FunctionType) -> str:
    words = inspect.getdoc(method) or ""
    parts = [f"### `{_call(method)}`\n", f"{SECTION.sub('', words).strip()}\n"]
    for title, text in SECTION.findall(words):
        match title:
            case "Args":
                parts.append(_arguments(method))
            case "Returns":
                parts.append(f"Gives {_flat(text)[0].lower()}{_flat(text)[1:]}\n")
            case _:
                parts += [f"Raises `{error}`: {_flat(why)}\n" for error, why in ENTRY.findall(text)]
    return "\n".join(parts)


def _call(method: FunctionType) -> str:
    spec = inspect.getfullargspec(method)
    return f"{method.__name__}({', '.join([*spec.args[1:], *filter(None, [spec.varargs]), *spec.kwonlyargs])})"


def _arguments(method: Callable[..., Any]) -> str:
    means = dict(ENTRY.findall(dict(SECTION.findall(inspect.getdoc(method) or ""))["Args"]))
    parameters = inspect.signature(method).parameters
    rows = ([code(name), _default(parameters[name].default), _flat(words)] for name, words in means.items())
    return table(["argument", "default", "means"], rows)


def client_values() -> str:
    """Describe the values that go in and come back."""
    return _structs(client.values)


def client_settings() -> str:
    """Describe the values with which a client is made."""
    return _structs(client.sites, client.proofs, client.retries)


def _structs(*modules: ModuleType) -> str:
    known = [getattr(client, name) for name in client.__all__]
    structs = [one for one in known if isinstance(one, type) and issubclass(one, msgspec.Struct)]
    return "\n".join(_struct(one) for module in modules for one in structs if one.__module__ == module.__name__)


def _struct(kind: type[msgspec.Struct]) -> str:
    fields = (
        [code(field.name), code(_short(kind.__annotations__[field.name])), _default(field.default)]
        for field in msgspec.structs.fields(kind)
    )
    offered = [(name, inspect.unwrap(getattr(member, "__func__", member))) for name, member in vars(kind).items()]
    can = [
        f"* `{_call(member) if isinstance(member, FunctionType) else name}`: {_summary(member)}\n"
        for name, member in offered
        if name[0] != "_" and isinstance(member, FunctionType | property)
    ]
    words = f"### `{kind.__name__}`\n\n{_flat(kind.__doc__ or '')}\n"
    return "\n".join([words, table(["field", "type", "default"], fields), *([f"{''.join(can)}"] if can else [])])


def _summary(member: object) -> str:
    return (inspect.getdoc(member) or "").partition("\n")[0]


def _default(value: object) -> str:
    known = {id(getattr(client, name)): name for name in client.__all__}
    if value is inspect.Parameter.empty or value is msgspec.NODEFAULT:
        return "required"
    return code(known.get(id(value)) or str(sorted(value) if isinstance(value, frozenset) else repr(value)))


def _short(annotation: object) -> str:
    text = annotation.__name__ if isinstance(annotation, type) else str(annotation)
    return re.sub(r"\b(?:[a-z_]+\.)+(?=\w)", "", text)


def _flat(text: str) -> str:
    return " ".join(text.split())


PARTS: dict[str, Callable[[], str]] = {
    "client_operations": client_operations,
    "client_options": client_options,
    "client_settings": client_settings,
    "client_values": client_values,
    "automatic": automatic,
    "commands": commands,
    "endings": endings,
    "errors": error_classes,
    "exits": exit_codes,
    "ladder": ladder,
    "connect_ladder": connect_ladder,
    "limits": limits,
    "refusals": refusals,
    "replies": replies,
    "risks": risks,
    "roles": roles,
    "routes": routes,
    "entrants": entrants,
    "rulebook": rulebook,
    "settings": settings,
    "statuses": statuses,
    "tokens": tokens,
    "transitions": transitions,
    "verdicts": verdicts,
}


def filled(text: str) -> str:
    """Give the text of a page with its generated parts as they should be."""
    return MARKED.sub(lambda found: f"{found[1]}\n{PARTS[found[2]]()}\n{found[3]}", text)


def main(arguments: Sequence[str]) -> int:
    """Write the pages, or check them."""
    stale = []
    for page in sorted(DOCS.rglob("*.md")):
        text = page.read_text(encoding="utf-8")
        if (new := filled(text)) != text:
            stale.append(page.relative_to(DOCS).as_posix())
            if "--check" not in arguments:
                page.write_text(new, encoding="utf-8")
    for name in stale:
        print(name)
    return 1 if stale and "--check" in arguments else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
