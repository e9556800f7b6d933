"""`demo`: the whole story, as `make demo` plays it."""

import json
import subprocess
from pathlib import Path

import pytest

from tests.cli.running import COMMAND, outside


@pytest.mark.timeout(300)  # a busy machine takes longer than the half minute that it is otherwise
def test_all_of_it_works(tmp_path: Path) -> None:
    """The demo plays all its steps with real processes, ends with 0, and leaves nothing behind."""
    environ = {**outside(), "TMPDIR": str(tmp_path), "MITREGATE_DATABASE": "sqlite:///must-not-be-used.db"}
    ended = subprocess.run(
        [*COMMAND, "demo", "--json"], env=environ, cwd=tmp_path, capture_output=True, check=False, timeout=280
    )
    assert ended.stderr == b""
    told = json.loads(ended.stdout)
    assert (told["worked"], ended.returncode) == (True, 0), told
    assert len(told["steps"]) == 8
    assert list(tmp_path.iterdir()) == []
