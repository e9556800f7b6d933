"""Programs in JavaScript that drive a client from npm: started by a test, they answer one call after another.

A program reads a call as a line of JSON and answers with one (`lines.mjs`); what else it says goes to a file.
"""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
OLDEST = 18
TAIL = 3000
"""How many of its last letters are shown when a program fails."""


class NodeMissing(Exception):
    """There is no Node 18 or later on this machine; install it: apt-get install nodejs npm."""


class ClientsMissing(Exception):
    """The clients from npm are not installed; run `make clients`."""


class Threw(Exception):
    """The client threw an error at its caller: its name, and the status and body that it found in the reply."""

    def __init__(self, error: Mapping[str, Any]) -> None:
        super().__init__(f"{error['name']}: {error['message']}")
        self.name: str = error["name"]
        self.status: int | None = error.get("status")
        self.body: Any = error.get("body")
        self.said: str = json.dumps(error)


class Program:
    """A running program."""

    def __init__(self, command: list[str], environment: Mapping[str, str], words: Path) -> None:
        self.words = words
        with words.open("ab") as stream:
            self._child = subprocess.Popen(
                command,
                env={**os.environ, **environment},
                cwd=Path(command[-1]).parent,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stream,
                text=True,
                bufsize=1,
            )

    @property
    def said(self) -> str:
        """All it has said."""
        return self.words.read_text(encoding="utf-8", errors="replace")

    def call(self, call: str, /, **parameters: Any) -> Any:
        """Have the client do something, and give what came of it.

        Raises:
            Threw: the client threw an error.
        """
        assert self._child.stdin is not None
        assert self._child.stdout is not None
        self._child.stdin.write(json.dumps({"call": call, "with": parameters}) + "\n")
        line = self._child.stdout.readline()
        assert line, f"the program has ended; it said: {self.said[-TAIL:]}"
        answer = json.loads(line)
        if "threw" in answer:
            raise Threw(answer["threw"])
        return answer["gave"]

    def stop(self, within: float = 20.0) -> None:
        """Ask it to end with SIGTERM, and wait until it has."""
        self._child.terminate()
        self._child.wait(within)

    def close(self) -> None:
        """End it, whatever it does."""
        self._child.kill()
        self._child.communicate()


@contextmanager
def running(node: list[str], script: str, words: Path, **environment: str) -> Iterator[Program]:
    """Run a program for as long as the block lasts.

    Args:
        node: the command of `find_node`, with options behind it.
        script: the path of the program below this folder.
        words: the file for what it says besides.
        environment: what it finds in its environment besides ours.
    """
    program = Program([*node, str(HERE / script)], environment, words)
    try:
        yield program
    finally:
        program.close()


def find_node() -> list[str]:
    """Find Node, and see that the clients are there.

    Returns:
        The command that runs a script.

    Raises:
        NodeMissing: there is no Node, or one that is too old.
        ClientsMissing: nobody has installed the clients.
    """
    node = shutil.which("node")
    if node is None:
        raise NodeMissing(NodeMissing.__doc__)
    said = subprocess.run([node, "--version"], capture_output=True, text=True, check=True).stdout
    version = re.match(r"v(\d+)\.", said)
    if version is None or int(version[1]) < OLDEST:
        raise NodeMissing(f"{NodeMissing.__doc__} ({node} is {said.strip()})")
    if not (HERE / "node_modules" / ".installed").exists():
        raise ClientsMissing(ClientsMissing.__doc__)
    # Before 19, jira.js 5 finds no Web Crypto to sign with unless it is asked for.
    return [node, "--experimental-global-webcrypto"] if int(version[1]) < 19 else [node]
