"""Nothing that can be set, asked, answered or typed is left out of the page it belongs to."""

import importlib
import pkgutil
import re
from collections.abc import Iterator
from enum import StrEnum
from typing import Any

import pytest
from typer.main import get_command

import mitregate
from mitregate import providers, wiring
from mitregate.cli.exits import EXITS, INTERRUPTED, NO, NOBODY_LISTENS, OK
from mitregate.cli.program import program
from mitregate.core import (
    approvals,
    audit,
    changes,
    control,
    deployments,
    gates,
    installations,
    jobs,
    matching,
    people,
    risk,
    workflow,
)
from mitregate.core.errors import MitregateError
from mitregate.flows import publish
from mitregate.settings import CONFIG, PREFIX, Settings
from mitregate.web.api_server import PROBES
from mitregate.web.connect_views import ConnectState
from mitregate.web.routes import API, make_api
from mitregate.wire import signatures
from mitregate.wire.connect_lifecycle import Reception
from tests.docs.pages import DOCS, read

REFERENCE = "docs/reference/"

# Each enumeration whose words people meet, with the page that explains them.
WORDS: list[tuple[type[StrEnum], str]] = [
    (approvals.Decision, REFERENCE + "change-workflow.md"),
    (audit.Action, REFERENCE + "audit.md"),
    (changes.ChangeType, REFERENCE + "change-workflow.md"),
    (changes.Status, REFERENCE + "change-workflow.md"),
    (changes.StatusClass, REFERENCE + "change-workflow.md"),
    (changes.Transition, REFERENCE + "change-workflow.md"),
    (control.Demand, REFERENCE + "rulebook.md"),
    (deployments.EnvironmentType, REFERENCE + "glossary.md"),
    (control.UnknownServices, REFERENCE + "rulebook.md"),
    (deployments.State, REFERENCE + "deployments-api.md"),
    (gates.GatingStatus, REFERENCE + "callbacks.md"),
    (gates.GatingStatus, REFERENCE + "deployments-api.md"),
    (gates.ReasonCode, "docs/discussions/how-it-decides.md"),
    (gates.Stage, "docs/discussions/how-it-decides.md"),
    (installations.Lifecycle, REFERENCE + "connect.md"),
    (installations.Module, REFERENCE + "connect.md"),
    (ConnectState, REFERENCE + "connect.md"),
    (Reception, REFERENCE + "connect.md"),
    (jobs.JobState, REFERENCE + "callbacks.md"),
    (jobs.Result, REFERENCE + "callbacks.md"),
    (publish.Content, "docs/howto/calendar-files.md"),
    (matching.How, "docs/discussions/how-it-decides.md"),
    (people.AppKind, REFERENCE + "access.md"),
    (people.Permission, REFERENCE + "access.md"),
    (people.Role, REFERENCE + "access.md"),
    (people.Scope, REFERENCE + "access.md"),
    (people.TokenKind, REFERENCE + "access.md"),
    (risk.Risk, REFERENCE + "rulebook.md"),
    (workflow.Ending, REFERENCE + "change-workflow.md"),
]

# Enumerations whose words nobody meets outside of the code, or meets only where they explain themselves.
INTERNAL = {
    "mitregate.cli.findings.Mark",
    "mitregate.core.calendar.Position",
    # Nobody can make a connection yet; with the command that does, these get their page.
    "mitregate.core.connections.Fault",
    "mitregate.core.connections.Kind",
    "mitregate.core.connections.Known",
    "mitregate.core.connections.Remarks",
    "mitregate.core.connections.Role",
    "mitregate.core.control.Control",
    "mitregate.core.differences.Step",
    "mitregate.wire.jira_hooks.Kind",
    "mitregate.wire.jira_routes.Operation",
}


def imported() -> None:
    """Import the whole package, but for what runs only inside Alembic."""
    for module in pkgutil.walk_packages(mitregate.__path__, "mitregate."):
        if not {"migrations", "__main__"} & set(module.name.split(".")):
            importlib.import_module(module.name)


def below(kind: type[Any]) -> Iterator[type[Any]]:
    """List the classes of the package below *kind*."""
    for one in kind.__subclasses__():
        if one.__module__.startswith("mitregate."):
            yield one
        yield from below(one)


def mentions(page: str, word: str) -> bool:
    """Tell whether a page mentions a word, not merely as part of another one."""
    return re.search(rf"(?<![\w.]){re.escape(word)}(?![\w])", read(page)) is not None


@pytest.mark.parametrize("setting", Settings.__struct_fields__)
def test_settings_are_documented(setting: str) -> None:
    """Every setting stands in the reference under its variable and under its name in the file."""
    page = REFERENCE + "settings.md"
    assert f"### `{PREFIX}{setting.upper()}`" in read(page)
    assert f"In the file `{setting}`." in read(page)
    assert mentions(page, CONFIG)


def test_errors_are_documented() -> None:
    """Every class of error stands in the reference."""
    imported()
    classes = {kind.__name__ for kind in below(MitregateError)}
    assert "IllegalTransition" in classes
    assert [name for name in sorted(classes) if f"| `{name}` |" not in read(REFERENCE + "errors.md")] == []


def test_exit_codes_are_documented() -> None:
    """Every exit code stands in the reference."""
    codes = {OK, NO, INTERRUPTED, NOBODY_LISTENS, *EXITS.values()}
    assert [code for code in sorted(codes) if f"\n| {code} | " not in read(REFERENCE + "errors.md")] == []


def test_routes_are_documented() -> None:
    """Every route of the native API stands in the reference with its method."""
    routed = {
        f"{method} {re.sub(r':[a-z]+}', '}', route.path)}"
        for route in make_api().routes
        for method in getattr(route, "methods", ())
        if method != "OPTIONS"
    }
    probes = {f"GET {path}" for probe in PROBES for path in probe.paths}
    assert f"GET {API}/gates/{{gate_id}}/wait" in routed
    assert [name for name in sorted(routed | probes) if f"`{name}`" not in read(REFERENCE + "native-api.md")] == []


def commands(command: Any, name: str) -> Iterator[tuple[str, Any]]:
    """List the commands with their full names."""
    inner = getattr(command, "commands", {})
    if not inner:
        yield name, command
    for below_it, one in inner.items():
        yield from commands(one, f"{name} {below_it}")


def argument(parameter: Any) -> str:
    """Give the name by which help shows an argument."""
    return str(parameter.metavar or parameter.name)


def test_commands_are_documented() -> None:
    """Every command stands in the reference, with each of its options and arguments."""
    sections = {
        part.partition("`\n")[0]: part for part in read(REFERENCE + "cli.md").split("### `") if part.startswith("mit")
    }
    found = dict(commands(get_command(program), "mitregate"))
    assert "mitregate change approve" in found
    assert sorted(set(found) - set(sections)) == []
    missing = [
        f"{name} {option}"
        for name, command in found.items()
        for parameter in command.params
        for option in (parameter.opts if parameter.param_type_name == "option" else [argument(parameter)])
        if option != "--help" and option not in sections[name]
    ]
    assert missing == []


def test_providers_are_documented() -> None:
    """Every provider is named on the page about what it sends."""
    names = [module.name for module in pkgutil.iter_modules(providers.__path__)]
    assert "webhook" in names
    assert [name for name in names if not mentions(REFERENCE + "callbacks.md", name)] == []


@pytest.mark.parametrize(("words", "page"), WORDS, ids=lambda value: getattr(value, "__name__", value))
def test_words_are_documented(words: type[StrEnum], page: str) -> None:
    """Every word of an enumeration stands on the page that explains it."""
    assert [word.value for word in words if not mentions(page, word.value)] == []


def test_no_enumeration_is_forgotten() -> None:
    """Every enumeration of the package is documented somewhere, or is known to be internal."""
    imported()
    known = {kind for kind, _ in WORDS}
    forgotten = {f"{kind.__module__}.{kind.__qualname__}" for kind in below(StrEnum) if kind not in known}
    assert sorted(forgotten - INTERNAL) == []


def test_headers_of_callbacks_are_documented() -> None:
    """Every header of a signed callback stands in the reference."""
    secret = signatures.write_secret(bytes(32))
    headers = signatures.sign(secret, "id", wiring.now(), b"")
    assert [name for name in headers if not mentions(REFERENCE + "callbacks.md", f"`{name}`")] == []


def test_paths_beside_the_native_api_are_documented() -> None:
    """The paths that Jira's clients ask a site for stand in the reference of the Deployments API."""
    paths = (
        "/oauth/token",
        "/oauth/token/accessible-resources",
        "/_edge/tenant_info",
        "/status",
        "/rest/deployments/0.1/",
        "/jira/deployments/0.1/cloud/",
        "/ex/jira/",
    )
    assert [path for path in paths if path not in read(REFERENCE + "deployments-api.md")] == []


def test_the_glossary_is_in_order() -> None:
    """The glossary is sorted, and explains each word."""
    terms = re.findall(r"^(\w[^\n]*)\n:   \S", read(REFERENCE + "glossary.md"), re.MULTILINE)
    assert len(terms) > 20
    assert terms == sorted(terms, key=str.lower)


def test_decisions_are_numbered_and_listed() -> None:
    """The decisions are numbered without a gap, and the list of them names each by its title."""
    pages = sorted((DOCS / "decisions").glob("[0-9]*.md"))
    assert [int(page.name[:4]) for page in pages] == list(range(1, len(pages) + 1))
    listed = read("docs/decisions/index.md")
    titles = [page.read_text(encoding="utf-8").partition("\n")[0].removeprefix("# ") for page in pages]
    missing = [title for title in titles if f"[{title.partition('. ')[2]}]" not in listed]
    assert missing == []
