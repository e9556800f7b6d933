"""Zones of iCalendar files: which IANA zone is meant.

A file names zones as it likes: by IANA names, by those of Windows, by paths of whoever made it that end in one, or by
any word, and then it describes what it means. Such a description is only compared with the zones there are: Outlook's
`Customized Time Zone`, for one, is that of a place.

Source: https://www.rfc-editor.org/rfc/rfc5545#section-3.6.5; the names of Windows are the table of the library.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import pairwise
from typing import Any

from icalendar.cal.component import Component
from icalendar.timezone.windows_to_olson import WINDOWS_TO_OLSON

from mitregate.core.errors import Malformed
from mitregate.core.recurrence import zone_of
from mitregate.core.rules import read_rule

COMPARED = (2026, 2027)
"""The years in which what a file says of a zone is compared with the zones there are."""

WELL_KNOWN = ("Europe/Berlin", "Europe/London", "America/New_York", "America/Chicago", "America/Los_Angeles")
"""Zones that are taken before others whose clocks are changed alike."""

HOURS = range(-14, 13)
"""The whole hours behind UTC for which there are zones without rules."""

Turn = tuple[datetime, timedelta, timedelta]
"""A day on which clocks are changed, with the offsets from UTC before and after."""


def zone_named(tzid: str, described: Component | None = None) -> str:
    """Give the IANA name of the zone that a file calls *tzid*.

    Args:
        tzid: what the file calls it.
        described: how the file describes it, if it does.

    Raises:
        Malformed: it cannot be found out.
    """
    for name in _names(tzid.strip(), described):
        if _is_known(name):
            return name
    found = _alike(described) if described is not None else None
    if found is None:
        message = f"The time zone {tzid[:100]!r} is not known."
        raise Malformed(message, advice="Keep the event in a zone such as Europe/Berlin, or in UTC.")
    return found


def _names(tzid: str, described: Component | None) -> Iterator[str]:
    """Give the names that *tzid* may stand for, most likely first."""
    yield tzid
    yield WINDOWS_TO_OLSON.get(tzid, "")
    parts = tzid.strip("/").split("/")
    yield from ("/".join(parts[start:]) for start in range(len(parts)))
    if described is not None:
        yield str(described.get("X-LIC-LOCATION", ""))


def _is_known(name: str) -> bool:
    try:
        zone_of(name)
    except Malformed:
        return False
    return True


def _alike(described: Component) -> str | None:
    """Find a zone that does what is described; None if there is none, or it is described in ways not taken here."""
    try:
        latest = {name: _latest(described, name) for name in ("STANDARD", "DAYLIGHT")}
        if latest["DAYLIGHT"] is None:
            return _fixed(latest["STANDARD"]["TZOFFSETTO"].td) if latest["STANDARD"] is not None else None
        turns = frozenset(turn for part in latest.values() if part is not None for turn in _turns(part))
    except (KeyError, AttributeError, TypeError, ValueError, Malformed):
        return None
    candidates = (*WELL_KNOWN, *sorted(set(WINDOWS_TO_OLSON.values())))
    return next((name for name in candidates if turns and turns <= _changes(name)), None)


def _latest(described: Component, name: str) -> Any:
    """Give the part of a description that came into force last."""
    parts: list[Any] = [part for part in described.subcomponents if part.name == name]
    return max(parts, key=lambda part: part["DTSTART"].dt, default=None)


def _fixed(offset: timedelta) -> str | None:
    """Name the zone that is always at one offset; the signs in these names are reversed."""
    hours, rest = divmod(-offset, timedelta(hours=1))
    if rest or hours not in HOURS:
        return None
    return f"Etc/GMT{hours:+}" if hours else "UTC"


def _turns(part: Any) -> Iterator[Turn]:
    """Give the days on which a part of a description comes into force, in the years that are compared."""
    rule = read_rule(part["RRULE"].to_ical().decode())
    for year in COMPARED:
        first = datetime.combine(datetime(year, 1, 1, tzinfo=UTC), part["DTSTART"].dt.time())
        yield _day(next(rule.dates(first))), part["TZOFFSETFROM"].td, part["TZOFFSETTO"].td


@cache
def _changes(name: str) -> frozenset[Turn]:
    """Give the days on which clocks are changed in a zone, in the years that are compared."""
    zone, day = zone_of(name), timedelta(days=1)
    begin = datetime(COMPARED[0], 1, 1, tzinfo=UTC)
    instants = [begin + day * number for number in range(366 * len(COMPARED))]
    offsets = [(instant, instant.astimezone(zone).utcoffset() or timedelta()) for instant in instants]
    found: set[Turn] = set()
    for (earlier, before), (_, after) in pairwise(offsets):
        if before != after:
            minutes = (earlier + timedelta(minutes=minute) for minute in range(24 * 60 + 1))
            turn = next(minute for minute in minutes if minute.astimezone(zone).utcoffset() == after)
            found.add((_day((turn + before).replace(tzinfo=None)), before, after))
    return frozenset(found)


def _day(moment: datetime) -> datetime:
    return moment.replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None)
