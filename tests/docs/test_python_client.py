"""The pages about the Python client: their blocks run against a real server, and nothing public is left out."""

import inspect
import re
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from mitregate import client
from tests.docs.pages import DOCS, blocks, read
from tests.docs.stage import Stage, open_stage, story

HOW_TO = DOCS / "howto/use-the-python-client.md"
REFERENCE = "docs/reference/python-client.md"


def python() -> tuple[str, str]:
    """Give the Python blocks of the how-to as one program, and what it shows of what they print."""
    found = blocks(HOW_TO)
    program = [block.text for block in found if block.language == "python"]
    shown = [block.text for block in found if block.language == "text"]
    assert len(program) > len(shown) > 3
    return "\n".join(program), "".join(shown)


def approve(stage: Stage, key: str) -> None:
    """Approve a change as soon as there is one."""
    stage.play(f"until mitregate change approve {key}; do sleep 0.2; done")


def test_the_how_to_can_be_followed(tmp_path: Path) -> None:
    """Who runs the blocks one after another, while somebody approves the first change, sees what the page shows."""
    script, _ = story(HOW_TO)
    program, shown = python()
    with open_stage(tmp_path) as stage:
        stage.serve()
        stage.play(script)
        (tmp_path / "blocks.py").write_text(stage.here(program), encoding="utf-8")
        approver = threading.Thread(target=approve, args=(stage, "CHG-1"), daemon=True)
        approver.start()
        said = stage.play("python -W error blocks.py")
        approver.join(10)
        assert said.splitlines() == stage.here(shown).splitlines()
        assert "CHG-1 is Resolved." in stage.play("mitregate change show CHG-1")


def test_the_program_is_typed(tmp_path: Path) -> None:
    """The program of the how-to satisfies a type checker, as the code of whoever follows it will."""
    (tmp_path / "blocks.py").write_text(python()[0], encoding="utf-8")
    command = [sys.executable, "-m", "mypy", "--strict", "--config-file=", "--cache-dir", str(tmp_path), "blocks.py"]
    checked = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout


@pytest.mark.parametrize("name", client.__all__)
def test_public_names_are_documented(name: str) -> None:
    """Every public name of the client stands in its reference."""
    assert re.search(rf"`(Site\.)?{name}\b", read(REFERENCE))


def test_operations_are_documented() -> None:
    """Every operation, with each of its arguments, and every argument of a client stands in its reference."""
    page = read(REFERENCE)
    methods = dict(inspect.getmembers(client.Client, inspect.isfunction))
    operations = {name for name in methods if not name.startswith("_")}
    assert {"submit", "wait"} <= operations
    assert [name for name in sorted(operations) if f"### `{name}(" not in page] == []
    for name in (*operations, "__init__"):
        for argument in list(inspect.signature(methods[name]).parameters)[1:]:
            assert re.search(rf"[`(, ]{argument}[`),]", page), (name, argument)
