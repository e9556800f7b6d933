"""Moments: dates and times as people write them in rules, with or without an offset."""

import re
from datetime import UTC, datetime, time, timedelta

MOMENTS = "2026-12-24, 2026-12-24 18:00 or 2026-12-24 18:00+01:00"
"""How they are written."""

LAST = time(23, 59, 59, 999_999)
"""The last instant of a day."""

_DAY, _CLOCK, _OFFSET = r"(\d{4}-\d{2}-\d{2})", r"(\d{2}:\d{2}(?::\d{2}(?:\.\d{1,6})?)?)", r"(Z|z|[+-]\d{2}:\d{2})"
_MOMENT = re.compile(f"{_DAY}(?:[Tt ]{_CLOCK} ?{_OFFSET}?)?", re.ASCII)


def read_moment(text: str, *, is_end: bool = False) -> datetime | None:
    """Read a date, or a date and time with or without an offset; None if it is none.

    A date alone is its first instant, or as an end its last one: who writes `end: 2026-12-31` means that day, too.
    """
    found = _MOMENT.fullmatch(text.strip())
    if found is None:
        return None
    day, clock, offset = found.groups()
    try:
        if clock is None:
            moment = datetime.fromisoformat(day)
            return datetime.combine(moment, LAST) if is_end else moment
        return datetime.fromisoformat(f"{day}T{clock}{(offset or '').upper()}")
    except ValueError:
        return None


def write_moment(moment: datetime, *, is_end: bool = False) -> str:
    """Write a date and time so that `read_moment` reads it back, as short as that allows."""
    if moment.tzinfo is not None and (moment.utcoffset() or timedelta()) % timedelta(minutes=1):
        moment = moment.astimezone(UTC)
    if moment.tzinfo is None and moment.time() == (LAST if is_end else time()):
        return moment.date().isoformat()
    is_exact = moment.second or moment.microsecond
    text = moment.isoformat(sep=" ", timespec="auto" if is_exact else "minutes")
    return text.removesuffix("+00:00") + "Z" if text.endswith("+00:00") else text
