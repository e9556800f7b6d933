"""How a command ends: exit codes, and errors in words or as JSON."""

import sys

import msgspec

from mitregate.cli.terminal import plain, say
from mitregate.core.errors import Misconfigured, MitregateError, Refused, Unsettled

OK = 0
NO = 1
"""The answer of `wait` when the deployment must not go on, and of `apply` when something is left to change."""
INTERRUPTED = 130
"""Ended by Ctrl-C, as shells say it."""
NOBODY_LISTENS = 141
"""Ended because standard output was closed, as shells say it."""

EXITS: dict[type[MitregateError], int] = {Refused: 2, Misconfigured: 3, Unsettled: 4, MitregateError: 1}
"""The exit code of each class of error: who must act. A class that is not here ends as the nearest one above it."""


def exit_code(error: MitregateError) -> int:
    """Give the exit code that *error* ends a command with."""
    return next(EXITS[kind] for kind in type(error).__mro__ if kind in EXITS)


def complain(error: MitregateError, *, as_json: bool) -> None:
    """Write to standard error what went wrong and what to do about it: two lines, or one JSON object."""
    if as_json:
        record = {"error": error.message, "advice": error.advice(), "type": type(error).__name__}
        sys.stderr.write(msgspec.json.encode(record).decode() + "\n")
        return
    say(f"error: {plain(error.message)}", style="bold red")
    say(plain(error.advice()))
