"""The documentation as the tests read it: pages, the code blocks in them, and where their links lead."""

import re
from pathlib import Path

from msgspec import Struct

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
FRONT = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md")]

FENCE = re.compile(
    r"^(?:<!-- not run: (?P<reason>[^\n]+) -->\n)?"
    r"(?P<indent> *)```(?P<language>\w*)\n(?P<text>.*?)^(?P=indent)```$",
    re.DOTALL | re.MULTILINE,
)
LINK = re.compile(r"!?\[[^\]]*\]\((?P<target>[^()\s]+)\)|<(?P<bare>https?://[^>\s]+)>")
HEADING = re.compile(r"^#{1,6} +(?P<words>.+?)\s*$", re.MULTILINE)


class Block(Struct, frozen=True, kw_only=True):
    """A fenced block: its language, its text, and why it is not run, if that is said."""

    language: str
    text: str
    reason: str | None = None


def pages() -> list[Path]:
    """List every page: those at the root, and those of the documentation."""
    return [*FRONT, *sorted(DOCS.rglob("*.md"))]


def name_of(page: Path) -> str:
    """Name a page in messages and test ids."""
    return page.relative_to(ROOT).as_posix()


def read(name: str) -> str:
    """Read a page by its path below the root."""
    return (ROOT / name).read_text(encoding="utf-8")


def blocks(page: Path) -> list[Block]:
    """List the fenced blocks of a page, in order."""
    text = page.read_text(encoding="utf-8")
    return [
        Block(
            language=found["language"],
            text=re.sub(f"^{found['indent']}", "", found["text"], flags=re.MULTILINE),
            reason=found["reason"],
        )
        for found in FENCE.finditer(text)
    ]


def prose(page: Path) -> str:
    """Give a page without its fenced blocks and without code in lines, where nothing is a link."""
    return re.sub(r"`[^`\n]*`", "", FENCE.sub("", page.read_text(encoding="utf-8")))


def links(page: Path) -> list[str]:
    """List where the links of a page lead."""
    return [found["target"] or found["bare"] for found in LINK.finditer(prose(page))]


def anchors(page: Path) -> set[str]:
    """List the headings of a page as they are linked to."""
    text = FENCE.sub("", page.read_text(encoding="utf-8"))
    words = (re.sub(r"[^\w\s-]", "", found["words"]).strip().lower() for found in HEADING.finditer(text))
    return {re.sub(r"[-\s]+", "-", word) for word in words}
