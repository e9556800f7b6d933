"""The programs on the page about jira.js, run as they stand there, with the library from npm."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.acceptance.callers import Person, until
from tests.acceptance.house import House, Server
from tests.clients.programs import HERE
from tests.docs.pages import DOCS, blocks

VERSION_6, VERSION_5 = (block.text for block in blocks(DOCS / "howto/clients/jira-js.md") if block.language == "js")


@pytest.fixture(scope="module")
def server(house: House) -> Server:
    """A running server."""
    return house.serve()


@pytest.fixture(scope="module")
def person(house: House, server: Server) -> Person:
    """Its first user."""
    return house.first_user(server)


@contextmanager
def begun(node: list[str], folder: Path, version: int, program: str, person: Person) -> Iterator[subprocess.Popen[str]]:
    """Run a program of the page in a folder where `jira.js` is that version, as an app of its own, and in less time."""
    (folder / "node_modules").mkdir()
    (folder / "node_modules/jira.js").symlink_to(HERE / f"node_modules/jira.js-{version}")
    here = program.replace("https://gate.example.com", person.url).replace("5000", "50")
    (folder / "program.mjs").write_text(here, encoding="utf-8")
    made = person.add_app(f"script {version}").made
    with subprocess.Popen(
        [*node, "program.mjs"],
        cwd=folder,
        env={**os.environ, "CLIENT_ID": made["clientId"], "CLIENT_SECRET": made["clientSecret"]},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as running:
        yield running
        running.kill()


def test_version_6_waits_for_its_gate(node: list[str], tmp_path: Path, person: Person) -> None:
    """The program for version 6 submits, waits until somebody approves, and ends well without a word."""
    with begun(node, tmp_path, 6, VERSION_6, person) as running:
        until(lambda: person.get("/gates")["items"] or running.poll() is not None, within=20)
        for gate in person.get("/gates")["items"]:
            person.approve(gate["changeKey"])
        said, _ = running.communicate(timeout=20)
    assert (said, running.returncode) == ("", 0)


def test_version_5_is_configured(node: list[str], tmp_path: Path, person: Person) -> None:
    """The configuration for version 5 proves who is calling: what is refused is only that nothing is sent."""
    program = VERSION_5 + "await client.deployments.submitDeployments({ deployments: [] });"
    with begun(node, tmp_path, 5, program, person) as running:
        said, _ = running.communicate(timeout=20)
    assert "'deployments' must hold at least one deployment." in said
