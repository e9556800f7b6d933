"""The stage of the demo: an empty folder, a server as a process of its own, and commands as anybody would type them."""

import asyncio
import os
import shlex
import shutil
import socket
import sys
from pathlib import Path

import msgspec
from msgspec import Struct

from mitregate.settings import PREFIX, Settings, load

PATIENCE = 30.0
"""Seconds that a server may take to start, and a command to end."""

INDENT = "   "
"""What stands before the lines that a command writes, when they are shown."""

COMMAND = (sys.executable, "-m", "mitregate")


class Surprise(Exception):
    """Something else happened than was expected."""

    def __init__(self, expected: str, found: str) -> None:
        """Keep what was expected, and what happened instead."""
        super().__init__(expected)
        self.expected = expected
        self.found = found


class Ended(Struct, frozen=True, kw_only=True):
    """A command that has ended."""

    code: int
    out: str
    err: str


class Stage:
    """One server on a port of its own, on a database in *folder*."""

    def __init__(self, folder: Path) -> None:
        """Choose a free port, which stays the same over all restarts."""
        with socket.create_server(("127.0.0.1", 0)) as probe:
            port = probe.getsockname()[1]
        self.folder = folder
        self.url = f"http://127.0.0.1:{port}"
        self.log = folder / "server.log"
        self._server: asyncio.subprocess.Process | None = None
        self._begun: list[asyncio.subprocess.Process] = []
        outside = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
        outside["COLUMNS"] = str(min(100, shutil.get_terminal_size().columns) - len(INDENT))
        self._operator = outside | {
            f"{PREFIX}DATABASE": f"sqlite:///{folder / 'demo.db'}",
            f"{PREFIX}PORT": str(port),
            f"{PREFIX}OUTBOUND_ALLOW": "127.0.0.0/8",
        }
        self._app = outside | {f"{PREFIX}URL": self.url}

    def become_app(self, client_id: str, client_secret: str) -> None:
        """Let commands by the app prove who asks."""
        self._app |= {f"{PREFIX}CLIENT_ID": client_id, f"{PREFIX}CLIENT_SECRET": client_secret}

    @property
    def app_settings(self) -> Settings:
        """The settings with which commands by the app work."""
        return load(self._app)

    async def start(self) -> int:
        """Start the server; give its process id when it listens."""
        with self.log.open("ab") as log:
            self._server = await asyncio.create_subprocess_exec(
                *COMMAND, "serve", "--json", env=self._operator, stdout=asyncio.subprocess.PIPE, stderr=log
            )
        if self._server.stdout is None:
            raise Surprise("a server whose output can be read", "there is none")
        try:
            async with asyncio.timeout(PATIENCE):
                line = await self._server.stdout.readline()
        except TimeoutError:
            line = b""
        if not line:
            raise Surprise("the server starts", f"it does not:\n{self.last_words()}")
        return self._server.pid

    async def kill(self) -> None:
        """Kill the server as a crash would: `kill -9`."""
        if self._server is not None and self._server.returncode is None:
            self._server.kill()
            await self._server.wait()

    async def close(self) -> None:
        """End whatever still runs."""
        await self.kill()
        for begun in self._begun:
            if begun.returncode is None:
                begun.kill()
                await begun.wait()

    async def begin(self, *arguments: str, by_app: bool = False) -> asyncio.subprocess.Process:
        """Begin a command, by the operator or by the app."""
        begun = await asyncio.create_subprocess_exec(
            *COMMAND,
            *arguments,
            env=self._app if by_app else self._operator,
            cwd=self.folder,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        self._begun.append(begun)
        return begun

    async def run(self, *arguments: str, by_app: bool = False) -> Ended:
        """Carry out a command to its end."""
        return await self.end(await self.begin(*arguments, by_app=by_app))

    async def end(self, command: asyncio.subprocess.Process) -> Ended:
        """Wait for the end of a command that was begun."""
        try:
            async with asyncio.timeout(PATIENCE):
                out, err = await command.communicate()
        except TimeoutError:
            command.kill()
            out, err = await command.communicate()
            raise Surprise("the command ends", f"it was still running after {PATIENCE:g} s") from None
        return Ended(code=command.returncode or 0, out=out.decode(), err=err.decode())

    def write(self, name: str, value: object) -> None:
        """Write a JSON file for a command to read."""
        (self.folder / name).write_bytes(msgspec.json.format(msgspec.json.encode(value), indent=2))

    def last_words(self) -> str:
        """Give the end of what the server wrote to its log."""
        lines = self.log.read_text(errors="replace").splitlines() if self.log.exists() else []
        return "\n".join(lines[-12:])


def typed(arguments: tuple[str, ...]) -> str:
    """Write a command as it would be typed."""
    return shlex.join(("mitregate", *arguments))
