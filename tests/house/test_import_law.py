"""The import law holds, and would notice if it did not."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.house.sources import ROOT

# Every room, and the libraries that have their only door there.
ROOMS = {
    "__main__": "from mitregate import cli",
    "changes.embedded": "from mitregate import core",
    "changes.other": "",
    "cli": "import rich, typer",
    "client.caller": "",
    "client.errors": "",
    "client.proofs": "",
    "client.replies": "",
    "client.retries": "",
    "client.sites": "",
    "client.values": "",
    "core": "import datetime",
    "flows.submit": "from mitregate import ports",
    "outbound": "import aiohttp",
    "ports": "from mitregate import wire",
    "providers.acme": "from mitregate import wire",
    "providers.webhook": "",
    "reader": "from mitregate import flows",
    "settings": "",
    "stores.conduit": "import aiosql, psycopg",
    "stores.migrations": "import alembic",
    "stores.postgres": "import aiosql, psycopg",
    "stores.schema": "import sqlalchemy",
    "stores.sqlite": "import pysqlite3, sqlite3",
    "web": "import jinja2, litestar",
    "wire.connect_jwt": "import jwt",
    "wire.icalendar": "import icalendar",
    "wire.icalendar_events": "import icalendar",
    "wire.icalendar_text": "import icalendar",
    "wire.icalendar_zones": "import icalendar",
    "wire.rulebook_text": "import yaml",
    "wire.trees": "import yaml",
    "wire.http": "",
    "wiring": "from mitregate import web, worker",
    "worker": "from mitregate import flows, outbound",
}

OFFENCES = {
    "core imports upwards": ("core", "from mitregate import flows"),
    "a flow opens a file": ("flows.submit", "import pathlib"),
    "a flow reads the store": ("flows.submit", "from mitregate.stores import sqlite"),
    "the client's core sleeps by itself": ("client.caller", "import time"),
    "a provider sends by itself": ("providers.acme", "import aiohttp"),
    "a provider knows another": ("providers.acme", "from mitregate.providers import webhook"),
    "a change system knows another": ("changes.embedded", "from mitregate.changes import other"),
    "the worker sends by itself": ("worker", "import aiohttp"),
    "the worker uses the web framework": ("worker", "import litestar"),
    "the web meets the worker": ("web", "from mitregate import worker"),
    "wiring opens SQLite": ("wiring", "import sqlite3"),
    "wiring opens the bundled SQLite": ("wiring", "import pysqlite3"),
    "the SQLite store speaks PostgreSQL": ("stores.sqlite", "import psycopg"),
    "the PostgreSQL store uses SQLAlchemy": ("stores.postgres", "import sqlalchemy"),
    "a page prints to the terminal": ("web", "import rich"),
    "a page reads YAML by itself": ("web", "import yaml"),
    "a flow reads calendar files by itself": ("flows.submit", "import icalendar"),
    "the reader asks by itself": ("reader", "import aiohttp"),
    "a provider signs by itself": ("providers.acme", "import jwt"),
    "a room that nobody planned": ("utils", "x = 1"),
}


def law(root: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Read the law over the package that lies in *root*, a folder on the import path."""
    environment = os.environ | {"PYTHONPATH": str(root)}
    command = [sys.executable, "-c", "import sys; from importlinter.cli import lint_imports_command as c; c()"]
    config = ["--config", str(ROOT / ".importlinter"), "--no-cache", "--no-logo", *arguments]
    return subprocess.run([*command, *config], cwd=root, env=environment, capture_output=True, text=True, check=False)


@pytest.fixture
def skeleton(tmp_path: Path) -> Path:
    """A package with every room, hardly more than its imports, which keeps the law."""
    for name, imports in ROOMS.items():
        path = tmp_path / "mitregate" / (name.replace(".", "/") + ".py")
        path.parent.mkdir(parents=True, exist_ok=True)
        (path.parent / "__init__.py").touch()
        path.write_text(imports + "\n", encoding="utf-8")
    return tmp_path


def test_the_package_keeps_the_law() -> None:
    """Every import in the package goes down, the thinking half touches no world, and each library has one door."""
    reply = law(ROOT / "src")
    assert reply.returncode == 0, reply.stdout


def test_lawful_imports_are_allowed(skeleton: Path) -> None:
    """A package whose imports go down, and where each library has its door, breaks nothing."""
    reply = law(skeleton)
    assert reply.returncode == 0, reply.stdout


@pytest.mark.parametrize("offence", OFFENCES)
def test_an_offence_is_noticed(skeleton: Path, offence: str) -> None:
    """One forbidden import, or one stray module, breaks the law."""
    module, line = OFFENCES[offence]
    with (skeleton / "mitregate" / (module.replace(".", "/") + ".py")).open("a", encoding="utf-8") as file:
        file.write(line + "\n")
    reply = law(skeleton)
    assert (reply.returncode, "BROKEN" in reply.stdout) == (1, True), reply.stdout
