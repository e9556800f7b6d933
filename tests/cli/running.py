"""Running commands: in this process through `main`, and as processes of their own; and a server to run them against."""

import json
import os
import shutil
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, NamedTuple, Protocol

COMMAND = (sys.executable, "-m", "mitregate")

PATIENCE = 30


class Ran(NamedTuple):
    """How a command ended, and what it wrote."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Standard output, which must be one JSON document."""
        return json.loads(self.out)

    @property
    def complaint(self) -> dict[str, str]:
        """Standard error, which must be one error as JSON, with nothing on standard output."""
        assert self.out == ""
        found: dict[str, str] = json.loads(self.err)
        assert set(found) == {"error", "advice", "type"}
        return found

    def well(self) -> "Ran":
        """Insist that it went well."""
        assert self.code == 0, self
        return self


class Run(Protocol):
    """Carries out a command through `main`."""

    def __call__(self, *argv: str) -> Ran:
        """Give the arguments, without the program's name."""


Cooked = Callable[..., dict[str, Any]]


def outside() -> dict[str, str]:
    """Give the environment without any of our settings, and without the width of a terminal."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("MITREGATE_", "COLUMNS"))}


class Begin(Protocol):
    """Begins a command as a process of its own, which does not outlive the test."""

    def __call__(self, *argv: str, environ: Mapping[str, str]) -> subprocess.Popen[bytes]:
        """Give the arguments, without the program's name, and the settings."""


def begin(
    *argv: str, environ: Mapping[str, str], cwd: Path, stderr: IO[bytes] | int = subprocess.PIPE
) -> subprocess.Popen[bytes]:
    """Begin a command as a process of its own."""
    return subprocess.Popen(
        [*COMMAND, *argv], env={**outside(), **environ}, cwd=cwd, stdout=subprocess.PIPE, stderr=stderr
    )


def first_line(stream: IO[bytes] | None) -> str:
    """Read the next line that a process writes."""
    assert stream is not None
    return stream.readline().decode()


class Server:
    """A real `mitregate serve`, with an app and an administrator."""

    def __init__(self, folder: Path, **environ: str) -> None:
        self.folder = folder
        self.database = f"sqlite:///{folder / 'server.db'}"
        self.environ = {"MITREGATE_DATABASE": self.database, **environ}
        self.url = ""
        self._port = "0"
        self._process: subprocess.Popen[bytes] | None = None
        self.admin = ""
        self.hello = self.start()
        self.admin = self._post("/api/v1/setup", {"token": self.hello["setupToken"], "name": "root"})["token"]
        made = self._post("/api/v1/apps", {"name": "pipelines"})
        self.as_app = {
            "MITREGATE_URL": self.url,
            "MITREGATE_CLIENT_ID": made["clientId"],
            "MITREGATE_CLIENT_SECRET": made["clientSecret"],
        }
        self.beside = {"MITREGATE_DATABASE": self.database, "MITREGATE_BASE_URL": self.url}
        self.afar = {"MITREGATE_URL": self.url, "MITREGATE_TOKEN": self.admin}

    def start(self) -> dict[str, Any]:
        """Start it, on the same port as before if there was one; give what it says of itself."""
        with (self.folder / "server.log").open("ab") as log:
            argv = ("serve", "--json", "--port", self._port)
            self._process = begin(*argv, environ=self.environ, cwd=self.folder, stderr=log)
        line = first_line(self._process.stdout)
        assert line, (self.folder / "server.log").read_text()
        hello: dict[str, Any] = json.loads(line)
        self.url = hello["url"]
        self._port = self.url.rpartition(":")[2]
        return hello

    def stop(self, signum: int = signal.SIGTERM) -> int:
        """Stop it; give its exit code."""
        assert self._process is not None
        self._process.send_signal(signum)
        code = self._process.wait(PATIENCE)
        assert self._process.stdout is not None
        self._process.stdout.close()
        return code

    def _post(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        headers = {"content-type": "application/json"}
        if self.admin:
            headers["authorization"] = f"Bearer {self.admin}"
        request = urllib.request.Request(self.url + path, json.dumps(body).encode(), headers)
        with urllib.request.urlopen(request, timeout=PATIENCE) as reply:
            found: dict[str, Any] = json.load(reply)
            return found


@contextmanager
def running_server(folder: Path) -> Iterator[Server]:
    """Run a server of a test's own, which may be killed and started again; it ends well."""
    server = Server(folder)
    try:
        yield server
    finally:
        code = server.stop()
    assert code == 0


def copy_database(made: Path, folder: Path) -> str:
    """Copy a database that nobody has open; give its URL."""
    for path in made.parent.iterdir():
        shutil.copy(path, folder / path.name)
    return f"sqlite:///{folder / made.name}"
