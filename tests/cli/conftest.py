"""What the CLI's tests share: `main` with its output caught, a database, and a server to talk to."""

import itertools
import os
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from mitregate.cli import main
from mitregate.stores import schema
from tests.cli.running import Begin, Cooked, Ran, Run, Server, begin, copy_database, outside

NUMBERS = itertools.count(1)


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Neither settings nor the terminal of whoever runs the tests reach them, and files stay in their own folder."""
    for name in set(os.environ) - set(outside()):
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Carry out commands through `main`."""

    def carry_out(*argv: str) -> Ran:
        capsys.readouterr()
        code = main(argv)
        return Ran(code, *capsys.readouterr())

    return carry_out


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database that is up to date and empty, to be copied."""
    path = tmp_path_factory.mktemp("empty") / "local.db"
    schema.migrate(f"sqlite:///{path}")
    return path


@pytest.fixture
def database(empty_database: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A local database of the test's own, which commands work on."""
    monkeypatch.setenv("MITREGATE_DATABASE", copy_database(empty_database, tmp_path))
    return tmp_path / empty_database.name


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One server for all tests of a process."""
    running = Server(tmp_path_factory.mktemp("server"), MITREGATE_OUTBOUND_ALLOW="127.0.0.0/8")
    yield running
    assert running.stop() == 0, (running.folder / "server.log").read_text()


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Begin]:
    """Begin commands as processes of their own, which end with the test at the latest."""
    begun: list[subprocess.Popen[bytes]] = []

    def carry_out(*argv: str, environ: Mapping[str, str]) -> subprocess.Popen[bytes]:
        begun.append(begin(*argv, environ=environ, cwd=tmp_path))
        return begun[-1]

    yield carry_out
    for process in begun:
        process.kill()
        process.communicate()


@pytest.fixture(params=["beside", "afar"])
def desk(request: pytest.FixtureRequest, server: Server, monkeypatch: pytest.MonkeyPatch) -> str:
    """Commands work on the server's own database, beside it; or over HTTP with an administrator's token."""
    for name, value in getattr(server, request.param).items():
        monkeypatch.setenv(name, value)
    where: str = request.param
    return where


@pytest.fixture
def as_admin(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """Commands prove to be an administrator at the server."""
    for name, value in server.afar.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def as_app(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """Commands prove to be an app at the server."""
    for name, value in server.as_app.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def submitted(server: Server, run: Run) -> Cooked:
    """Submit a deployment of its own as the app, and give its gate."""

    def submit(**more: str) -> dict[str, Any]:
        pipeline = f"pipeline/{os.getpid()} {next(NUMBERS)}"
        with pytest.MonkeyPatch.context() as environment:
            for name, value in server.as_app.items():
                environment.setenv(name, value)
            environment.delenv("MITREGATE_TOKEN", raising=False)
            options = [part for name, value in more.items() for part in (f"--{name.replace('_', '-')}", value)]
            where = ("--pipeline", pipeline, "--environment", "eu 1/prod", "--sequence", "-7")
            run("submit", *where, *options, "--json").well()
            gate: dict[str, Any] = run("status", *where, "--json").well().json
        return gate

    return submit
