"""Where it is measured: a database with an app and an approver in it, and a `mitregate serve` process on it."""

import asyncio
import contextlib
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from msgspec import Struct

from benchmarks.bare_driver import admit as admit_ceiling
from benchmarks.talk import HOST
from mitregate.core.people import Permission, Principal, Role, Scope
from mitregate.flows import admit
from mitregate.flows.act import begin
from mitregate.settings import Settings
from mitregate.stores.schema import migrate
from mitregate.wiring import House, open_house
from tests.postgres import fresh_database, running_postgres

PATIENCE = 20.0
"""Seconds that a server may take to answer."""

SERVE = (sys.executable, "-m", "mitregate", "serve")

ROOT = Principal(name="benchmark", origin="local", permissions=frozenset(Permission))


class Place(Struct, frozen=True, kw_only=True):
    """A database made ready, with the tokens of an app without callback, an app with one, and an approver.

    `ceiling_url` is a second, empty database of the same kind, for the bare driver. The sink is to listen on `sink`.
    """

    engine: str
    settings: Settings
    ceiling_url: str
    polling: str
    called: str
    approver: str
    sink: int
    folder: Path


class Server(Struct, frozen=True, kw_only=True):
    """A server process: where it listens, and how many seconds after its start it first answered."""

    process: "subprocess.Popen[bytes]"
    port: int
    started_in: float


def memory_of(pid: int) -> float:
    """Say how much memory a process has resident, in MiB."""
    status = Path(f"/proc/{pid}/status")
    if status.exists():
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmRSS"))
        return int(line.split()[1]) / 1024
    told = subprocess.run(["ps", "-o", "rss=", "-p", str(pid)], capture_output=True, check=True)
    return int(told.stdout) / 1024


@contextlib.contextmanager
def running(engine: str) -> Iterator[str]:
    """Run what databases of one kind, `sqlite` or `postgresql`, need: give the URL of the server, or nothing."""
    if engine == "sqlite":
        yield ""
    else:
        with running_postgres(durable=True) as server:
            yield server


@contextlib.contextmanager
def prepared(engine: str, server: str) -> Iterator[Place]:
    """Make databases on what is `running`, and take them away afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="mitregate-benchmark-"))
    with contextlib.ExitStack() as stack:
        stack.callback(shutil.rmtree, folder)
        if engine == "sqlite":
            urls = [f"sqlite:///{folder}/{name}.db" for name in ("subject", "ceiling")]
        else:
            urls = [stack.enter_context(fresh_database(server)) for _ in range(2)]
        for url in urls:
            migrate(url)
        admit_ceiling(urls[1])
        yield asyncio.run(_furnish(engine, urls, folder))


@contextlib.contextmanager
def serving(place: Place) -> Iterator[Server]:
    """Run `mitregate serve` for as long as the block lasts."""
    port = free_port()
    settings = place.settings
    environ = {name: value for name, value in os.environ.items() if not name.startswith("MITREGATE_")} | {
        "MITREGATE_DATABASE": settings.database,
        "MITREGATE_KEY_FILE": settings.key_file,
        "MITREGATE_OUTBOUND_ALLOW": settings.outbound_allow,
        "MITREGATE_PORT": str(port),
    }
    with (place.folder / "log").open("ab") as log:
        began = time.perf_counter()
        process = subprocess.Popen(SERVE, env=environ, cwd=place.folder, stdout=log, stderr=log)
        try:
            _await_answer(process, port, place.folder / "log")
            yield Server(process=process, port=port, started_in=time.perf_counter() - began)
        finally:
            process.terminate()
            process.wait(PATIENCE)


def free_port() -> int:
    """Find a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


def await_port(port: int) -> None:
    """Wait until somebody listens on *port*."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        with contextlib.suppress(OSError), socket.create_connection((HOST, port), timeout=1):
            return
        time.sleep(0.01)
    raise RuntimeError(f"Nobody listens on port {port} after {PATIENCE} s.")


def _await_answer(process: "subprocess.Popen[bytes]", port: int, log: Path) -> None:
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end and process.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection((HOST, port), timeout=5) as line:
            line.sendall(b"GET /status HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")
            if line.recv(4096).startswith(b"HTTP/1.1 200"):
                return
        time.sleep(0.003)
    raise RuntimeError(f"The server does not answer:\n{log.read_text()[-2000:]}")


async def _furnish(engine: str, urls: list[str], folder: Path) -> Place:
    sink = free_port()
    settings = Settings(database=urls[0], key_file=str(folder / "key"), outbound_allow="127.0.0.0/8")
    async with open_house(settings) as house:
        return Place(
            engine=engine,
            settings=settings,
            ceiling_url=urls[1],
            polling=await _admit_app(house, "polling", None),
            called=await _admit_app(house, "called", f"http://{HOST}:{sink}/hook"),
            approver=await _admit_approver(house),
            sink=sink,
            folder=folder,
        )


async def _admit_app(house: House, name: str, callback: str | None) -> str:
    made = await house.store.transact(
        lambda uow: admit.add_app(begin(house.ports, uow, ROOT), name, frozenset(Scope), callback)
    )
    _, token = await house.store.transact(
        lambda uow: admit.grant_access(begin(house.ports, uow), made.app.client_id, made.client_secret)
    )
    return token.secret


async def _admit_approver(house: House) -> str:
    user = await house.store.transact(lambda uow: admit.add_user(begin(house.ports, uow, ROOT), "warden", Role.ADMIN))
    token = await house.store.transact(lambda uow: admit.add_token(begin(house.ports, uow, ROOT), user.id, "benchmark"))
    return token.secret
