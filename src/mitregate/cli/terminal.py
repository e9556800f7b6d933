"""What the commands write: results on standard output, as tables for people or as JSON; remarks on standard error.

Names and texts come from outside, so whatever a terminal would obey instead of showing is replaced first.
"""

import os
import shutil
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

import msgspec

from mitregate.core.gates import spell

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

STYLES: Mapping[str, str] = {
    "awaiting": "yellow",
    "allowed": "green",
    "prevented": "red",
    "invalid": "magenta",
    "ok": "green",
    "warn": "yellow",
    "fail": "bold red",
    "done": "green",
    "open": "yellow",
    "dead": "bold red",
}
"""How words are coloured wherever they stand alone in a table."""

WIDE = 200
"""Columns where the output is no terminal: whoever reads it there does not want to see lines broken."""


def plain(text: str) -> str:
    """Replace everything but line breaks that is not printable, such as the escape sequences of terminals."""
    return "".join(letter if letter.isprintable() or letter == "\n" else "\ufffd" for letter in text)


def moment(instant: datetime | None) -> str:
    """Write an instant for people; nothing for None."""
    return spell(instant) if instant is not None else ""


def say(line: str = "", *, style: str = "") -> None:
    """Write a remark for people to standard error."""
    console(sys.stderr).print(line, style=style or None, soft_wrap=True)


def show(line: str = "", *, style: str = "") -> None:
    """Write a line of the result to standard output."""
    console(sys.stdout).print(line, style=style or None, soft_wrap=True)


def show_json(value: object) -> None:
    """Write the result as JSON to standard output; bytes are JSON already."""
    encoded = value if isinstance(value, bytes) else msgspec.json.encode(value)
    sys.stdout.write(msgspec.json.format(encoded, indent=2).decode() + "\n")


def show_table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Write a table to standard output."""
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*(Text(plain(cell), style=STYLES.get(cell, "")) for cell in row))
    _print(table)


def show_card(fields: Iterable[tuple[str, str]]) -> None:
    """Write a list of names and values to standard output; what has no value is left out."""
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), show_header=False)
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in fields:
        if value:
            table.add_row(name, Text(plain(value), style=STYLES.get(value, "")))
    _print(table)


def _print(table: "Table") -> None:
    """Write a table, where it is no terminal that shows it without the blanks that fill its lines."""
    target = console(sys.stdout)
    if target.is_terminal:
        target.print(table)
        return
    with target.capture() as captured:
        target.print(table)
    sys.stdout.writelines(f"{line.rstrip()}\n" for line in captured.get().splitlines())


def console(stream: TextIO) -> "Console":
    """Make what writes to *stream*, in colour if it is a terminal and nobody asked otherwise."""
    from rich.console import Console

    width = None if stream.isatty() or "COLUMNS" in os.environ else WIDE
    return Console(file=stream, width=width, highlight=False, markup=False, emoji=False)


def program() -> str:
    """Say how this program is called from a shell here."""
    if shutil.which("mitregate"):
        return "mitregate"
    called = Path(sys.argv[0])
    if called.name != "mitregate":
        return f"{sys.executable} -m mitregate"
    return min(os.path.relpath(called), str(called.absolute()), key=len)
