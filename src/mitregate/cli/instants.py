"""Instants as people type them: ISO 8601 with an offset, `now`, or a while from now such as `+1h30m`."""

import re
from datetime import datetime, timedelta

from mitregate.core.errors import Malformed

ADVICE = "Write it as in 2026-01-31T20:00:00+01:00 or 2026-01-31T19:00Z, as `now`, or as `+30m`, `+2h`, `+1d12h`."

_WHILE = re.compile(
    r"\+(?:(?P<days>\d{1,4})d)?(?:(?P<hours>\d{1,4})h)?(?:(?P<minutes>\d{1,5})m)?(?:(?P<seconds>\d{1,6})s)?", re.ASCII
)


def read_instant(text: str, now: datetime) -> datetime:
    """Read an instant.

    Args:
        text: what was typed.
        now: the present instant, at the server.

    Raises:
        Malformed: it is none, or its offset is missing: a bare time means something else on every machine.
    """
    text = text.strip()
    if text.lower() == "now":
        return now
    if text.startswith("+"):
        return _later(now, text)
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        raise Malformed(f"{text!r} is no date and time.", advice=ADVICE) from None
    if instant.tzinfo is None:
        message = f"{text!r} does not say in which zone it is meant."
        raise Malformed(message, advice=f"Add the offset, or Z for UTC. {ADVICE}")
    return instant


def _later(now: datetime, text: str) -> datetime:
    matched = _WHILE.fullmatch(text)
    amounts = {unit: int(amount) for unit, amount in matched.groupdict().items() if amount} if matched else {}
    if not amounts:
        raise Malformed(f"{text!r} is no while from now.", advice=ADVICE)
    try:
        return now + timedelta(**amounts)
    except OverflowError:
        raise Malformed(f"{text!r} lies beyond the calendar.", advice=ADVICE) from None
