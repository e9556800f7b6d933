"""Where the examples of the documentation are played: a real server in a folder of its own, and a real shell."""

import contextlib
import json
import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from tests.docs.pages import Block, blocks

BIN = Path(sys.executable).parent
ADDRESS = "127.0.0.1:8470"
"""Where the documentation says that the server listens."""

PATIENCE_S = 100


class Stage:
    """One folder with a server in it, as a reader has it after the first steps."""

    def __init__(self, folder: Path, settings: Mapping[str, str]) -> None:
        """Take a folder, and the settings that server and commands have in common."""
        self.folder = folder
        self.setup_token = ""
        self._port = free_port()
        ours = {name: value for name, value in os.environ.items() if not name.startswith("MITREGATE_")}
        self.environment = {
            **ours,
            "PATH": f"{BIN}:{os.environ['PATH']}",
            "MITREGATE_PORT": str(self._port),
            **settings,
        }
        self._server: subprocess.Popen[str] | None = None

    def serve(self, **settings: str) -> None:
        """Start the server; it listens when this returns."""
        with (self.folder / "server.log").open("a") as words:
            self._server = subprocess.Popen(
                [BIN / "mitregate", "serve", "--json"],
                cwd=self.folder,
                env={**self.environment, **settings},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=words,
                text=True,
            )
        assert self._server.stdout is not None
        said = self._server.stdout.readline()
        assert said, (self.folder / "server.log").read_text()
        self.setup_token = json.loads(said).get("setupToken", "")

    def stop(self) -> None:
        """Stop the server, if it runs."""
        if self._server is not None:
            self._server.terminate()
            self._server.communicate(timeout=20)

    def here(self, text: str) -> str:
        """Put this stage's address in place of the documentation's, and this installation in place of the reader's."""
        return text.replace(ADDRESS, f"127.0.0.1:{self._port}").replace(".venv/bin/", f"{BIN}/")

    def play(self, script: str, **environment: str) -> str:
        """Run a shell script as a careful shell would, and give what it said; it must succeed."""
        ran = subprocess.run(
            ["/bin/sh", "-eu", "-c", self.here(script)],
            cwd=self.folder,
            env={**self.environment, "SETUP_TOKEN": self.setup_token, **environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )
        assert ran.returncode == 0, f"exit code {ran.returncode}: {ran.stdout}"
        return ran.stdout

    def expect(self, said: str, shown: str) -> None:
        """See that what the documentation shows was said, line by line, with `…` for anything."""
        for line in filter(None, map(str.strip, self.here(shown).splitlines())):
            pattern = ".*".join(re.escape(part) for part in line.split("…"))
            assert re.search(pattern, said), f"{line!r} was not said, but:\n{said}"


def story(page: Path) -> tuple[str, str]:
    """Give the shell blocks of a page that can be run, as one script, and what it shows of what they say."""
    parts: list[str] = []
    shown: list[str] = []
    is_after_run = False
    for block in blocks(page):
        if is_played(block):
            parts.append(block.text)
        elif block.language in {"json", "text"} and is_after_run:
            shown.append(block.text)
        is_after_run = is_played(block)
    return "\n".join(parts), "\n".join(shown)


def is_played(block: Block) -> bool:
    """Tell whether a block is shell and nothing is said against running it; targets of `make` are seen to apart."""
    is_make = all(line.startswith("make ") for line in block.text.splitlines())
    return block.language == "sh" and block.reason is None and not is_make


def free_port() -> int:
    """Find a port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    return port


@contextlib.contextmanager
def open_stage(folder: Path, **settings: str) -> Iterator[Stage]:
    """Open a stage without a server; whatever was started there ends with the block."""
    stage = Stage(folder, settings)
    try:
        yield stage
    finally:
        stage.stop()
