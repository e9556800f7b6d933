"""A whole Mitregate in real processes: started, killed, stopped and started again, with its words kept.

Every process is `python -m mitregate …`, as an operator starts it, with the settings in its environment. What a process
says on either stream is appended to a file of its own, and whatever still runs when the house is left is killed.
"""

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Self, TypeVar

from cryptography.fernet import Fernet

from tests.acceptance.callers import App, Caller, NoAnswer, Person

C = TypeVar("C", bound=Caller)

PATIENCE_S = 20.0
"""Seconds a process may take to listen, on a busy machine."""

TAIL = 3000
"""How many of its last letters are shown when a process fails."""

LOOPBACK = {"MITREGATE_OUTBOUND_ALLOW": "127.0.0.0/8"}
"""Callbacks may reach this machine."""

BRISK = {"MITREGATE_OUTBOUND_TIMEOUT": "1"}
"""Receivers that hang are given up soon, and what a dead worker held is taken over soon."""

SETUP_TOKEN = re.compile(r"mgsetup_[\w-]+")


class Process:
    """One running Mitregate."""

    def __init__(self, command: list[str], environment: Mapping[str, str], words: Path) -> None:
        self.words = words
        with words.open("ab") as stream:
            self._child = subprocess.Popen(
                [sys.executable, "-m", "mitregate", *command],
                env=dict(environment),
                cwd=words.parent,
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=subprocess.STDOUT,
            )

    @property
    def said(self) -> str:
        """All it has said so far, and those before it under the same name."""
        return self.words.read_text(encoding="utf-8", errors="replace")

    @property
    def is_running(self) -> bool:
        """Whether it has not ended."""
        return self._child.poll() is None

    def says(self, pattern: re.Pattern[str] | str, within: float = PATIENCE_S) -> str:
        """Wait until it has said something, and give that."""
        end = time.monotonic() + within
        while (found := re.search(pattern, self.said)) is None:
            if time.monotonic() > end or not self.is_running:
                raise AssertionError(f"it did not say {pattern!r} but: {self.said[-TAIL:]}")
            time.sleep(0.02)
        return found.group()

    def kill(self) -> None:
        """End it as a power failure does: with `kill -9`."""
        self._child.kill()
        self._child.wait(10)

    def stop(self, within: float = 20.0) -> int:
        """Ask it to end with SIGTERM; give its exit code."""
        self.signal(signal.SIGTERM)
        return self.ends(within)

    def signal(self, signum: int) -> None:
        """Send it a signal."""
        self._child.send_signal(signum)

    def ends(self, within: float = 20.0) -> int:
        """Wait until it has ended; give its exit code."""
        return self._child.wait(within)


class Server(Process):
    """A process that listens."""

    def __init__(self, port: int, environment: Mapping[str, str], words: Path) -> None:
        self.url = f"{'https' if 'MITREGATE_TLS_CERT' in environment else 'http'}://127.0.0.1:{port}"
        super().__init__(["serve"], {**environment, "MITREGATE_PORT": str(port)}, words)

    def listens(self) -> Self:
        """Wait until it answers."""
        end = time.monotonic() + PATIENCE_S
        while True:
            with contextlib.suppress(NoAnswer), contextlib.closing(Caller(self.url)) as caller:
                if caller.ask("GET", "/readyz").status == 200:
                    return self
            if not self.is_running or time.monotonic() > end:
                raise AssertionError(f"the server does not listen; it said: {self.said[-TAIL:]}")
            time.sleep(0.02)

    def set_up(self) -> Person:
        """Become its first user, with the set-up token that it prints."""
        token = self.says(SETUP_TOKEN)
        with contextlib.closing(Caller(self.url)) as caller:
            made = caller.ask("POST", "/api/v1/setup", json={"token": token, "name": "Ada"}).expect(201).json
        return Person(self.url, made["token"])


class House:
    """All processes on one database, in one folder, with one environment."""

    def __init__(self, folder: Path, database: str, **settings: str) -> None:
        self.folder = folder
        self.database = database
        ours = {name: value for name, value in os.environ.items() if not name.startswith("MITREGATE_")}
        self.environment = {
            **ours,
            "MITREGATE_DATABASE": database,
            "MITREGATE_SECRET_KEY": Fernet.generate_key().decode(),
            "MITREGATE_LOG_FORMAT": "json",
            **LOOPBACK,
            **BRISK,
            **settings,
        }
        self._processes: list[Process] = []
        self._callers: list[Caller] = []

    def serve(self, *, name: str = "serve", port: int | None = None, **settings: str) -> Server:
        """Start a server; it listens when this returns."""
        return self.begin_to_serve(name=name, port=port, **settings).listens()

    def begin_to_serve(self, *, name: str = "serve", port: int | None = None, **settings: str) -> Server:
        """Start a server and do not wait for it."""
        server = Server(port or free_port(), {**self.environment, **settings}, self.folder / f"{name}.log")
        self._processes.append(server)
        return server

    def again(self, server: Server, **settings: str) -> Server:
        """Start a server where an earlier one was, under the same address and name; connections to that are let go."""
        for caller in self._callers:
            caller.close()
        return self.serve(name=server.words.stem, port=int(server.url.rpartition(":")[2]), **settings)

    def work(self, *, name: str = "worker") -> Process:
        """Start a worker that does not serve."""
        worker = Process(["worker"], self.environment, self.folder / f"{name}.log")
        self._processes.append(worker)
        return worker

    def run(self, *command: str, **settings: str) -> subprocess.CompletedProcess[str]:
        """Run a command to its end, beside whatever runs."""
        return subprocess.run(
            [sys.executable, "-m", "mitregate", *command],
            env={**self.environment, **settings},
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def begin_to_run(self, *command: str, name: str, **settings: str) -> Process:
        """Start a command and do not wait for its end."""
        process = Process(list(command), {**self.environment, **settings}, self.folder / f"{name}.log")
        self._processes.append(process)
        return process

    def app(self, person: Person, name: str, callback: str | None = None) -> App:
        """Add an app, and call on its behalf."""
        return self.adopt(person.add_app(name, callback))

    def adopt(self, caller: C) -> C:
        """Let go of a caller when a server ends or is started again."""
        self._callers.append(caller)
        return caller

    def first_user(self, server: Server) -> Person:
        """Become the first user of a server."""
        return self.adopt(server.set_up())

    def is_sound(self) -> None:
        """Insist that no process has told of an error of its own making."""
        for process in self._processes:
            assert "Traceback" not in process.said, process.said[process.said.index("Traceback") :][:TAIL]

    def close(self) -> None:
        """End whatever still runs."""
        for caller in self._callers:
            caller.close()
        for process in self._processes:
            process.kill()


@contextlib.contextmanager
def open_house(folder: Path, database: str, **settings: str) -> Iterator[House]:
    """Keep house for as long as the block lasts; nothing of it runs on afterwards, and nothing in it has gone wrong."""
    house = House(folder, database, **settings)
    try:
        yield house
        house.is_sound()
    finally:
        house.close()


def free_port() -> int:
    """Find a port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    return port
