"""`serve`, `worker` and `migrate`."""

import json
import os
import re
import signal
import urllib.request
from pathlib import Path

import pytest

from mitregate.stores import schema
from tests.cli.running import PATIENCE, Begin, Run, Server, first_line


def test_serve_says_where_to_look(start: Begin) -> None:
    """On an empty folder `serve` makes the database, and tells people the address, the set-up link and first steps."""
    process = start("serve", "--port", "0", environ={"MITREGATE_DATABASE": "sqlite:///new.db"})
    said = ""
    while "lets it go." not in said:
        line = first_line(process.stderr)
        assert line, said
        said += line
    (url,) = re.findall(r"serves at (http://127\.0\.0\.1:\d+)", said)
    (link,) = re.findall(r"(http://\S+/setup\?token=mgsetup_\S+)", said)
    with urllib.request.urlopen(link, timeout=PATIENCE) as page:
        assert page.status == 200
    assert link.startswith(url)
    assert "app add" in said
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=PATIENCE)
    assert (process.returncode, out) == (0, b"")


def test_first_steps_are_told_once(run: Run, database: Path, start: Begin) -> None:
    """Where there is a user already, `serve` says the addresses and explains no first steps."""
    run("user", "add", "ann", "--role", "admin").well()
    process = start("serve", "--port", "0", environ={"MITREGATE_DATABASE": f"sqlite:///{database}"})
    said = ""
    while "/api/docs" not in said:
        line = first_line(process.stderr)
        assert line, said
        said += line
    process.send_signal(signal.SIGINT)
    _, rest = process.communicate(timeout=PATIENCE)
    assert "app add" not in said + rest.decode()


def test_serve_tells_programs(server: Server) -> None:
    """With --json one line says the address, the process and the set-up token."""
    assert set(server.hello) == {"url", "pid", "setupToken"}
    os.kill(server.hello["pid"], 0)


def test_a_second_server_is_refused(run: Run, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """A second `serve` on the same SQLite database ends with 3, and so does one on a port that is taken."""
    monkeypatch.setenv("MITREGATE_DATABASE", server.database)
    ended = run("serve", "--port", "0", "--json")
    assert (ended.code, ended.complaint["type"]) == (3, "Misconfigured")
    ended = run("serve", "--port", server.url.rpartition(":")[2], "--json")
    assert (ended.code, "Cannot listen" in ended.complaint["error"]) == (3, True)


def test_a_worker_is_refused_beside_it(run: Run, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """A `worker` beside a server on SQLite ends with 3: the server does that work."""
    monkeypatch.setenv("MITREGATE_DATABASE", server.database)
    assert run("worker", "--json").complaint["type"] == "Misconfigured"


@pytest.mark.parametrize("argv", [["worker", "--json"], ["worker"]], ids=" ".join)
def test_a_worker_works_alone(database: Path, start: Begin, argv: list[str]) -> None:
    """`worker` says that it has begun, and ends with 0 on SIGTERM."""
    process = start(*argv, environ={"MITREGATE_DATABASE": f"sqlite:///{database}"})
    if "--json" in argv:
        assert json.loads(first_line(process.stdout))["working"] is True
    else:
        assert "works" in first_line(process.stderr)
    process.terminate()
    process.communicate(timeout=PATIENCE)
    assert process.returncode == 0


def test_migrate(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`migrate` makes the database, and does no harm when it is repeated."""
    url = f"sqlite:///{tmp_path / 'made.db'}"
    monkeypatch.setenv("MITREGATE_DATABASE", url)
    assert run("migrate", "--json").well().json == {"version": schema.head()}
    assert "up to date" in run("migrate").well().out
    assert schema.is_current(url)


def test_postgresql_is_migrated_when_asked(
    run: Run, postgres_database: str, start: Begin, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On PostgreSQL `serve` asks for `migrate` and ends with 3, unless it is told to migrate."""
    environ = {"MITREGATE_DATABASE": postgres_database, "MITREGATE_KEY_FILE": "key"}
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    ended = run("serve", "--port", "0", "--json")
    assert (ended.code, "mitregate migrate" in ended.complaint["advice"]) == (3, True)
    process = start("serve", "--port", "0", "--migrate", "--json", environ=environ)
    assert "url" in json.loads(first_line(process.stdout))
    assert run("app", "list", "--json").well().json == {"items": []}
    assert run("doctor", "--json").json["checks"][3]["mark"] == "ok"
    process.terminate()
    process.communicate(timeout=PATIENCE)
    assert process.returncode == 0
