"""Who tells the demo: step by step, in colour on a terminal; or all at once, as one JSON object."""

import sys
import time

from msgspec import Struct

from mitregate.cli.demo_stage import INDENT, Surprise, typed
from mitregate.cli.terminal import console, plain, show_json


class Step(Struct, frozen=True, kw_only=True):
    """A step of the demo, begun `seconds` after the beginning."""

    title: str
    seconds: float


class Narrator:
    """Tells what happens; `is_silent` until the end, where JSON is wanted."""

    def __init__(self, *, is_silent: bool) -> None:
        """Begin; the clock runs from here."""
        self._is_silent = is_silent
        self._began = time.monotonic()
        self._steps: list[Step] = []

    def step(self, title: str) -> None:
        """Begin a step."""
        self._steps.append(Step(title=title, seconds=round(time.monotonic() - self._began, 1)))
        self._print(f"\n{len(self._steps)}. {title}", "bold")

    def say(self, text: str) -> None:
        """Say what happens."""
        self._print(_indented(text), "")

    def command(self, arguments: tuple[str, ...], *, is_begun: bool = False) -> None:
        """Show a command that is typed, or only begun in the background."""
        self._print(f"{INDENT}$ {typed(arguments)}{' &' if is_begun else ''}", "cyan")

    def output(self, text: str) -> None:
        """Show what was written."""
        self._print(_indented(plain(text.rstrip())), "dim")

    def good(self, text: str) -> None:
        """Say what was expected and has come true."""
        self._print(f"{INDENT}✓ {text}", "green")

    def end(self, surprise: Surprise | None, last_words: str) -> None:
        """Say how it all ended; *last_words* are the server's, for the case that something went wrong."""
        seconds = round(time.monotonic() - self._began, 1)
        if self._is_silent:
            ended: dict[str, object] = {"worked": surprise is None, "seconds": seconds, "steps": self._steps}
            if surprise is not None:
                ended |= {"expected": surprise.expected, "found": surprise.found, "log": last_words}
            show_json(ended)
        elif surprise is None:
            self._print(f"\nAll of it worked, in {seconds:.0f} seconds.", "bold green")
        else:
            self._print(f"{INDENT}✗ Expected: {surprise.expected}.", "bold red")
            self._print(_indented(f"Found: {plain(surprise.found)}"), "")
            self._print("\nWhat the server wrote last:", "bold")
            self.output(last_words or "nothing")

    def _print(self, text: str, style: str) -> None:
        if not self._is_silent:
            console(sys.stdout).print(text, style=style or None, soft_wrap=True)


def _indented(text: str) -> str:
    return "\n".join(f"{INDENT}{line}".rstrip() for line in text.split("\n"))
