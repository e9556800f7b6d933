"""The program as a whole: what it shows of itself, how commands end, and what is written where."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from mitregate import __version__
from mitregate.cli.exits import exit_code
from mitregate.client.replies import KINDS
from mitregate.core import errors
from mitregate.core.errors import (
    Forbidden,
    IllegalTransition,
    Malformed,
    Misconfigured,
    MitregateError,
    Refused,
    Stale,
    StoreError,
    TooLarge,
    Unknown,
    Unproven,
    Unreachable,
    Unsettled,
)
from tests.cli.running import COMMAND, PATIENCE, Begin, Cooked, Run, Server, first_line, outside
from tests.fakes.certificates import Authority
from tests.fakes.sink import Sink, running

COMMANDS = [
    [],
    ["serve"],
    ["worker"],
    ["migrate"],
    ["submit"],
    ["status"],
    ["wait"],
    ["doctor"],
    ["demo"],
    ["app"],
    ["app", "add"],
    ["app", "list"],
    ["app", "remove"],
    ["user", "add"],
    ["user", "list"],
    ["user", "remove"],
    ["token", "add"],
    ["token", "list"],
    ["token", "remove"],
    ["change", "list"],
    ["change", "show"],
    ["change", "approve"],
    ["change", "decline"],
    ["change", "transition"],
    ["change", "plan"],
    ["delivery", "list"],
    ["delivery", "show"],
    ["delivery", "retry"],
    ["audit", "list"],
]

EXIT_CODES: dict[int, list[type[MitregateError]]] = {
    1: [MitregateError],
    2: [Refused, Malformed, Unproven, Forbidden, Unknown, Stale, IllegalTransition, TooLarge],
    3: [Misconfigured],
    4: [Unsettled, Unreachable, StoreError],
}


def test_version(run: Run) -> None:
    """`--version` says which version this is, in words and as JSON."""
    assert run("--version").well().out == f"mitregate {__version__}\n"
    assert run("--version", "--json").well().json == {"version": __version__}


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_command_explains_itself(run: Run, command: list[str]) -> None:
    """`--help` of every command says what it does, and every command but a group takes `--json`."""
    shown = run(*command, "--help").well()
    assert "Usage: mitregate" in shown.out
    assert "--json" in shown.out or command == ["app"]


def test_nothing_heavy_is_loaded_to_explain() -> None:
    """`--version` and `--help` load neither the web framework nor the HTTP client nor a database driver."""
    story = (
        "import sys; from mitregate.cli import main; main(['--version']); main(['submit', '--help']);"
        "heavy = {'litestar', 'aiohttp', 'sqlalchemy', 'alembic', 'psycopg', 'uvicorn', 'jinja2', 'structlog'};"
        "print(sorted(heavy & set(sys.modules)))"
    )
    shown = subprocess.run([sys.executable, "-c", story], capture_output=True, text=True, check=True, env=outside())
    assert shown.stdout.splitlines()[-1] == "[]"


def test_without_a_command_it_explains_itself(run: Run) -> None:
    """Called without arguments it shows what there is, in words that are not cut off."""
    shown = run().well().out
    assert "Commands:" in shown
    assert "...\n" not in shown.partition("Commands:")[2]


@pytest.mark.parametrize(
    "argv",
    [
        ["bogus"],
        ["app"],
        ["change", "show"],
        ["status", "--sequence", "many"],
        ["user", "add", "x", "--role", "y"],
        ["--x"],
    ],
)
def test_misuse(run: Run, argv: list[str]) -> None:
    """What cannot be understood ends with 2, and two lines say what is wrong and where help is."""
    ended = run(*argv)
    assert (ended.code, ended.out) == (2, "")
    what, advice = ended.err.splitlines()
    assert what.startswith("error: ")
    assert "--help` shows how it is used." in advice
    assert run(*argv, "--json").complaint["type"] == "Malformed"
    assert "Value error" not in what


@pytest.mark.parametrize("code", EXIT_CODES)
def test_exit_codes_follow_who_must_act(code: int) -> None:
    """Errors end a command with 2 where the caller must act, 3 where the operator must, 4 where time must pass."""
    assert {exit_code(kind("x")) for kind in EXIT_CODES[code]} == {code}


def test_no_error_is_left_out() -> None:
    """Every class of error is known by its name in a reply, and stands in the list above."""
    known = {kind for kind in vars(errors).values() if isinstance(kind, type)}
    assert known == set(KINDS.values()) == {kind for kinds in EXIT_CODES.values() for kind in kinds}


def test_a_database_that_is_not_there(run: Run) -> None:
    """Without a database an administrative command ends with 3, says what to run, and makes nothing, not even a key."""
    ended = run("app", "list")
    assert ended.code == 3
    assert "mitregate migrate" in ended.err
    assert list(Path().iterdir()) == []
    assert run("app", "list", "--json").complaint["type"] == "Misconfigured"


def test_an_unknown_setting(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """A setting that does not exist ends a command with 3; the nearest that does is named, and so are all others."""
    monkeypatch.setenv("MITREGATE_DATABSE", "sqlite:///x.db")
    ended = run("app", "list", "--json")
    assert ended.code == 3
    assert ended.complaint["advice"].startswith("Did you mean MITREGATE_DATABASE? Settings are: MITREGATE_BASE_URL,")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("prt = 80", "There is no setting prt, which the file mitregate.toml has."),
        ("port = 'many'", "The setting MITREGATE_PORT is not of the right form: expected `int`."),
        ("port = 70000", "The setting MITREGATE_PORT is not of the right form: expected `int` <= 65535."),
        ("port = ", "The settings file mitregate.toml cannot be read: Invalid value (at end of document)."),
        (None, "The settings file mitregate.toml cannot be read: No such file or directory."),
    ],
)
def test_a_settings_file_that_is_wrong(run: Run, monkeypatch: pytest.MonkeyPatch, text: str | None, said: str) -> None:
    """What is wrong in the settings file ends a command with 3, with the name of the setting or of the file."""
    monkeypatch.setenv("MITREGATE_CONFIG", "mitregate.toml")
    if text is not None:
        Path("mitregate.toml").write_text(text, encoding="utf-8")
    ended = run("app", "list", "--json")
    assert (ended.code, ended.complaint["error"]) == (3, said)


def test_nobody_there(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that does not answer ends a command with 4, and the setting that names it is named."""
    monkeypatch.setenv("MITREGATE_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("MITREGATE_TOKEN", "mgt_x")
    ended = run("app", "list", "--json")
    assert ended.code == 4
    assert ended.complaint["type"] == "Unreachable"
    assert "MITREGATE_URL" in ended.complaint["advice"]


def test_a_server_that_is_not_trusted(run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Where a server's certificate is signed by an authority of one's own, how to trust that is told."""
    with running(Sink(tls=Authority(tmp_path).server("127.0.0.1"))) as sink:
        monkeypatch.setenv("MITREGATE_URL", f"https://127.0.0.1:{sink.port}")
        monkeypatch.setenv("MITREGATE_TOKEN", "mgt_x")
        ended = run("app", "list", "--json")
    assert "its TLS certificate is not trusted" in ended.complaint["error"]
    assert "SSL_CERT_FILE" in ended.complaint["advice"]


def test_a_url_without_credentials(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server without anything to prove who asks ends with 3 before anything is sent."""
    monkeypatch.setenv("MITREGATE_URL", "http://127.0.0.1:9")
    ended = run("app", "list", "--json")
    assert ended.code == 3
    assert "MITREGATE_TOKEN" in ended.complaint["advice"]


def test_a_wrong_token(run: Run, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """A token that the server does not know ends with 2, and the setting that it came from is named."""
    monkeypatch.setenv("MITREGATE_URL", server.url)
    monkeypatch.setenv("MITREGATE_TOKEN", "mgt_wrong")
    assert (run("app", "list").code, run("app", "list", "--json").complaint["type"]) == (2, "Unproven")
    assert "MITREGATE_TOKEN" in run("app", "list", "--json").complaint["advice"]


def test_a_wrong_client_secret(run: Run, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """A client secret that the server does not know ends with 2, and the settings that it came from are named."""
    for name, value in (server.as_app | {"MITREGATE_CLIENT_SECRET": "wrong"}).items():
        monkeypatch.setenv(name, value)
    ended = run("status", "--json")
    assert (ended.code, ended.complaint["type"]) == (2, "Unproven")
    assert "MITREGATE_CLIENT_SECRET" in ended.complaint["advice"]


def test_something_else_answers(run: Run, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """An address where something else answers is told apart from a server that refuses."""
    monkeypatch.setenv("MITREGATE_URL", f"{server.url}/api/docs")
    monkeypatch.setenv("MITREGATE_TOKEN", server.admin)
    ended = run("app", "list")
    assert ended.code in {2, 3}
    assert "Traceback" not in ended.err


def test_a_reader_that_leaves_is_no_error(database: Path, tmp_path: Path) -> None:
    """When nobody reads standard output any more a command ends quietly."""
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "wb") as closed:
        ended = subprocess.run(
            [*COMMAND, "app", "list", "--json"],
            stdout=closed,
            stderr=subprocess.PIPE,
            cwd=tmp_path,
            env={**outside(), "MITREGATE_DATABASE": f"sqlite:///{database}"},
            check=False,
        )
    assert (ended.returncode, ended.stderr) == (141, b"")


def test_ctrl_c_is_quiet(server: Server, submitted: Cooked, start: Begin) -> None:
    """Ctrl-C ends a command with 130 and without a traceback."""
    waiting = start("wait", submitted()["id"], environ=server.as_app)
    assert "awaiting" in first_line(waiting.stderr)
    waiting.send_signal(signal.SIGINT)
    out, err = waiting.communicate(timeout=PATIENCE)
    assert (waiting.returncode, out) == (130, b"")
    assert b"Traceback" not in err


def test_outside_text_cannot_command_the_terminal(run: Run, database: Path) -> None:
    """Letters that a terminal would obey are shown as a replacement, and passed on as they are in JSON."""
    ended = run("app", "remove", "\x1b]0;owned\x07")
    assert ended.code == 2
    assert "\x1b" not in ended.err
    assert json.loads(run("app", "remove", "\x1b", "--json").err)["type"] == "Unknown"
