"""Recurrence: spans that come again, by the rules of RFC 5545 and the clock on a wall (domain.md §6).

A rule speaks of local times in an IANA zone. A local time that does not exist, because clocks were set forward over it,
stands for the next one that does; one that exists twice stands for the first. Both edges of a span are such local
times: a night window from 22:00 to 06:00 is an hour shorter or longer in the nights in which clocks are changed. A day
ends when the next one begins, also where clocks are set back at midnight.

Source: https://www.rfc-editor.org/rfc/rfc5545#section-3.3.10. The dates themselves come from python-dateutil.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta
from functools import lru_cache
from itertools import takewhile
from zoneinfo import ZoneInfo

from msgspec import Struct

from mitregate.core.errors import Malformed
from mitregate.core.rules import ADVICE, read_rule

HORIZON = timedelta(days=11 * 366)
"""How far ahead is looked for the next time; every rule that is accepted comes again sooner (29 February after 8)."""

REACHES = (timedelta(days=35), timedelta(days=400), HORIZON)
"""How far is looked at a time: mostly the next time is near."""

EARLIEST, LATEST = datetime(3, 1, 1, tzinfo=UTC), datetime(9990, 1, 1, tzinfo=UTC)
"""Before and after that nothing recurs: what such spans begin and end by would have no name in some zone."""

LONGEST = timedelta(days=366)
"""How long one span may last."""


class Span(Struct, frozen=True, kw_only=True):
    """One span, in UTC; its edges are inclusive."""

    start: datetime
    end: datetime


class Recurrence(Struct, frozen=True, kw_only=True):
    """Spans that come again.

    `first` is the local start of the first one, `length` how long each lasts by the clock on the wall, `zone` the IANA
    name of the zone. Without a `rule` there is the first one alone. `also` and `never` are further local starts, and
    starts that the rule gives and that are left out.
    """

    zone: str
    first: datetime
    length: timedelta
    rule: str = ""
    also: tuple[datetime, ...] = ()
    never: tuple[datetime, ...] = ()


def check(recurrence: Recurrence) -> Recurrence:
    """Refuse what cannot be computed with.

    Returns:
        The recurrence.

    Raises:
        Malformed: the zone is not known, a local time has an offset, the length is not positive, the rule is not one of
            RFC 5545 or never comes true.
    """
    zone_of(recurrence.zone)
    if any(start.tzinfo is not None for start in (recurrence.first, *recurrence.also, *recurrence.never)):
        message = "A local time has an offset, but the zone says it already."
        raise Malformed(message, advice="Write it without one, as in 2026-03-01T22:00.")
    if not timedelta(0) < recurrence.length <= LONGEST:
        raise Malformed("Each span must last longer than nothing, and a year at most.")
    if recurrence.rule and next(_by_rule(recurrence, 9999), None) is None:
        raise Malformed(f"The rule {recurrence.rule!r} never comes true.", advice=ADVICE)
    return recurrence


def zone_of(name: str) -> ZoneInfo:
    """Find the zone of that IANA name; `Malformed` if there is none."""
    try:
        return ZoneInfo(name)
    except (KeyError, OSError, ValueError):  # not known, a folder, or what no file can be called
        raise Malformed(
            f"There is no time zone {name!r}.", advice="Write an IANA name such as Europe/Berlin."
        ) from None


def in_utc(local: datetime, zone: ZoneInfo) -> datetime:
    """Say which instant a local time is: the next one that exists if it does not, the first if it exists twice."""
    first = local.replace(tzinfo=zone, fold=0)
    instant = first.astimezone(UTC)
    if instant.astimezone(zone).replace(tzinfo=None) == local:
        return instant
    # Clocks were set forward over it: what is sought is the instant at which they were.
    before, after = local.replace(tzinfo=zone, fold=1).astimezone(UTC), instant
    offset = before.astimezone(zone).utcoffset()
    while after - before > timedelta(seconds=1):
        middle = (before + (after - before) / 2).replace(microsecond=0)
        if middle.astimezone(zone).utcoffset() == offset:
            before = middle
        else:
            after = middle
    return after


def ending(local: datetime, zone: ZoneInfo) -> datetime:
    """Say which instant a local end is: as `in_utc`, but that of a day is the last one before the next day begins."""
    tick = datetime.resolution
    return in_utc(local + tick, zone) - tick if local.time() == time.max else in_utc(local, zone)


def spans(recurrence: Recurrence, after: datetime, before: datetime) -> Iterator[Span]:
    """Give the spans that have an instant in common with *after* … *before*, in the order of their starts."""
    zone = zone_of(recurrence.zone)
    # The clock on the wall may be off by as much as a day from UTC, and spans that began earlier still last.
    earliest = _local(after, zone) - recurrence.length - timedelta(days=1)
    latest = _local(before, zone) + timedelta(days=1)
    starts = _starts(recurrence, latest.year)
    for start in starts[bisect_left(starts, earliest) : bisect_right(starts, latest)]:
        begin = in_utc(start, zone)
        end = max(begin, ending(start + recurrence.length, zone))
        if begin <= before and end >= after:
            yield Span(start=begin, end=end)


def coming(recurrence: Recurrence, now: datetime) -> Iterator[Span]:
    """Give the spans that last at *now* or begin after it, in the order of their starts, as far as `HORIZON`."""
    edge = now
    for reach in REACHES:
        until = min(now, LATEST - reach) + reach
        yield from (span for span in spans(recurrence, edge, until) if edge == now or span.start > edge)
        edge = until


def _local(instant: datetime, zone: ZoneInfo) -> datetime:
    return instant.astimezone(zone).replace(tzinfo=None)


@lru_cache(maxsize=512)
def _starts(recurrence: Recurrence, year: int) -> tuple[datetime, ...]:
    """Give all local starts until the end of *year*, in order."""
    by_rule = _by_rule(recurrence, year) if recurrence.rule else iter((recurrence.first,))
    return tuple(sorted({*by_rule, *recurrence.also} - {*recurrence.never}))


def _by_rule(recurrence: Recurrence, year: int) -> Iterator[datetime]:
    rule = read_rule(recurrence.rule)
    until = rule.until or datetime.max  # noqa: DTZ901 - a local time
    if until.tzinfo is not None:
        until = _local(until, zone_of(recurrence.zone))
    return takewhile(lambda start: start.year <= year and start <= until, rule.dates(recurrence.first))
