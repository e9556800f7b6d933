"""What follows from the code stands in the pages as it follows."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.pages import DOCS, ROOT, name_of, pages

GENERATE = [sys.executable, str(DOCS / "generate.py")]


def test_generated_parts_are_fresh() -> None:
    """No generated part of a page is stale; `make docs` brings them up to date."""
    checked = subprocess.run([*GENERATE, "--check"], capture_output=True, text=True, check=False)
    assert (checked.stdout.split(), checked.returncode) == ([], 0), checked.stderr


def test_a_stale_part_is_noticed(tmp_path: Path) -> None:
    """A part that does not say what the code says is named, and written anew when that is asked for."""
    copy = tmp_path / "generate.py"
    copy.write_text((DOCS / "generate.py").read_text(encoding="utf-8"), encoding="utf-8")
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- generated: statuses -->\nstale\n<!-- end -->\nafter\n", encoding="utf-8")

    def run(*arguments: str) -> tuple[int, str]:
        ran = subprocess.run([sys.executable, str(copy), *arguments], capture_output=True, text=True, check=False)
        return ran.returncode, ran.stdout.strip()

    assert run("--check") == (1, "page.md")
    assert "stale" in page.read_text(encoding="utf-8")
    assert run() == (0, "page.md")
    assert run("--check") == (0, "")
    text = page.read_text(encoding="utf-8")
    assert "| Implementing | *proceed* |" in text
    assert text.startswith("before\n")
    assert text.endswith("after\n")


@pytest.mark.parametrize("page", pages(), ids=name_of)
def test_marks_come_in_pairs(page: Path) -> None:
    """Every generated part has its beginning and its end."""
    text = page.read_text(encoding="utf-8")
    assert text.count("<!-- generated: ") == text.count("<!-- end -->")


def test_the_site_can_be_built(tmp_path: Path) -> None:
    """MkDocs builds the site, and finds nothing to warn of."""
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(tmp_path)]
    built = subprocess.run(
        command, cwd=ROOT, env={"PATH": "", "NO_MKDOCS_2_WARNING": "1"}, check=False, capture_output=True
    )
    assert built.returncode == 0, built.stderr.decode()
    assert (tmp_path / "index.html").exists()
    assert not list(tmp_path.rglob("*.py"))
