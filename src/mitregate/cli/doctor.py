"""The doctor: looks at everything that must be right on this machine, and says what to do where it is not."""

import functools
from collections.abc import Callable

from msgspec import Struct

from mitregate import settings
from mitregate.cli.exits import EXITS, OK
from mitregate.cli.findings import Finding, Mark, broken, fine
from mitregate.cli.options import AsJson
from mitregate.cli.terminal import show, show_json, show_table
from mitregate.core.errors import Misconfigured, MitregateError


class Checked(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A check by name, with what it found."""

    name: str
    mark: Mark
    message: str
    advice: str = ""


def doctor(*, json: AsJson = False) -> int:
    """Check this installation: what is right, what is not, and what to do about it.

    Ends with 3 if something must be put right. Nothing is changed.
    """
    found = examine_all()
    is_well = all(one.mark is not Mark.FAIL for one in found)
    if json:
        show_json({"ok": is_well, "checks": found})
    else:
        rows = [(one.mark.value, one.name, "\n".join(filter(None, (one.message, one.advice)))) for one in found]
        show_table(("", "CHECK", "FOUND"), rows)
        show()
        show("All is well." if is_well else "Something must be put right.", style="green" if is_well else "bold red")
    return OK if is_well else EXITS[Misconfigured]


def examine_all() -> list[Checked]:
    """Carry out all checks; without settings that can be read there is nothing further to check."""
    from mitregate.cli import checks

    found = [examine("python", checks.python)]
    try:
        here = settings.load()
    except MitregateError as error:
        return [*found, _named("settings", broken(error.message, error.advice()))]
    found.append(_named("settings", fine("They can be read.")))
    return found + [examine(name, functools.partial(check, here)) for name, check in checks.ALL.items()]


def examine(name: str, check: Callable[[], Finding]) -> Checked:
    """Carry out one check; an error is what it found."""
    try:
        return _named(name, check())
    except MitregateError as error:
        return _named(name, broken(error.message, error.advice()))


def _named(name: str, found: Finding) -> Checked:
    return Checked(name=name, mark=found.mark, message=found.message, advice=found.advice)
