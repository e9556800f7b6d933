"""Times: parts of time as people write them down, made into periods to compute with."""

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from msgspec import Struct

from mitregate.core.calendar import TICK, Period, Window
from mitregate.core.errors import Malformed
from mitregate.core.recurrence import Recurrence, check, ending, in_utc, zone_of

DAY = timedelta(days=1)
YEARS = range(1900, 9001)
"""The years that can be computed with."""

FORMS = "8h, 30m, 1h30m or 2d"

_LENGTH = re.compile(r"(?:([0-9]{1,3})d)?(?:([0-9]{1,4})h)?(?:([0-9]{1,5})m)?")


class Times(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Parts of time: a span from `start` to `end`, one that comes again by a `rule`, whole `days`, or all of them.

    `start` and `end` without an offset are local times in `zone`, an IANA name. With a rule `start` is the first of the
    spans, each of which lasts as long as from `start` to `end`, or `length` (8h, 1h30m, 2d). `also` are the starts of
    further such spans, `never` those that are left out. Either side of a span that does not come again may be left
    open. `note` says what it is.
    """

    start: datetime | None = None
    end: datetime | None = None
    length: str = ""
    rule: str = ""
    zone: str = "UTC"
    days: tuple[date, ...] = ()
    also: tuple[datetime, ...] = ()
    never: tuple[datetime, ...] = ()
    note: str = ""

    @property
    def comes_again(self) -> bool:
        """Whether there is more than one span from `start` on."""
        return bool(self.rule or self.also)


def periods(name: str, times: Times, more_days: tuple[date, ...] = ()) -> tuple[Period, ...]:
    """Make periods of that *name* to compute with.

    Args:
        name: what the periods are called.
        times: what people wrote.
        more_days: further whole days, in the same zone.

    Raises:
        Malformed: nothing is said, or it cannot be computed with.
    """
    _require_near(times, more_days)
    found: list[Period] = []
    if times.comes_again:
        found.append(Period(name=name, recurrence=check(_recurrence(times))))
    elif times.never:
        raise Malformed("Starts are left out of what does not come again.", advice="Give a rule, or leave out `never`.")
    elif times.start is not None or times.end is not None:
        found.append(Period(name=name, window=_window(times)))
    if days := tuple(sorted({*times.days, *more_days})):
        found.append(Period(name=name, recurrence=check(_whole_days(days, times.zone))))
    if not found:
        raise Malformed(f"{name!r} says nothing of when.", advice="Give a start, an end, a rule or days.")
    return tuple(found)


def read_length(text: str) -> timedelta:
    """Read how long a span lasts, such as `1h30m`; `Malformed` if it is none."""
    found = _LENGTH.fullmatch(text.strip().lower())
    if found is None or not any(found.groups()):
        raise Malformed(f"{text!r} is no length of time.", advice=f"Write it as in {FORMS}.")
    days, hours, minutes = (int(part or 0) for part in found.groups())
    return timedelta(days=days, hours=hours, minutes=minutes)


def _require_near(times: Times, more_days: tuple[date, ...]) -> None:
    """Refuse what lies so far away that it has no name in some zone, or that a day could not be added to it."""
    edges = (edge for edge in (times.start, times.end) if edge is not None)
    given = (*times.days, *more_days, *edges, *times.also, *times.never)
    if any(moment.year not in YEARS for moment in given):
        message = f"A date lies outside of the years {YEARS.start} to {YEARS.stop - 1}."
        raise Malformed(message, advice="Leave that side open, or give a nearer date.")


def _recurrence(times: Times) -> Recurrence:
    if times.start is None:
        message = "What comes again needs the start of its first span."
        raise Malformed(message, advice="Give start, as in 2026-03-01T22:00.")
    first = _local(times.start, times.zone)
    if times.length and times.end is not None:
        raise Malformed("Both end and length are given.", advice="Give one of them.")
    if not times.length and times.end is None:
        raise Malformed("It is not said how long each span lasts.", advice=f"Give length, as in {FORMS}, or end.")
    length = read_length(times.length) if times.end is None else _local(times.end, times.zone) - first
    also, never = (tuple(_local(start, times.zone) for start in starts) for starts in (times.also, times.never))
    return Recurrence(zone=times.zone, first=first, length=length, rule=times.rule, also=also, never=never)


def _window(times: Times) -> Window:
    start, end = _instant(times.start, times.zone, in_utc), _instant(times.end, times.zone, ending)
    if times.length:
        if start is None or times.start is None or end is not None:
            raise Malformed("A length needs a start and no end.", advice="Give start and length, or start and end.")
        local = _local(times.start, times.zone) + read_length(times.length)
        end = in_utc(local, zone_of(times.zone))
    if start is not None and end is not None and end < start:
        raise Malformed("The end lies before the start.", advice="Exchange them, or leave one side open.")
    return Window(start=start, end=end)


def _whole_days(days: tuple[date, ...], zone: str) -> Recurrence:
    starts = tuple(datetime.combine(day, time()) for day in days)
    # Edges are inclusive, and the first instant of the next day is no part of this one.
    return Recurrence(zone=zone, first=starts[0], length=DAY - TICK, also=starts[1:])


def _instant(
    moment: datetime | None, zone: str, instant_of: Callable[[datetime, ZoneInfo], datetime]
) -> datetime | None:
    if moment is None:
        return None
    return moment.astimezone(UTC) if moment.tzinfo is not None else instant_of(moment, zone_of(zone))


def _local(moment: datetime, zone: str) -> datetime:
    return moment.astimezone(zone_of(zone)).replace(tzinfo=None) if moment.tzinfo is not None else moment
