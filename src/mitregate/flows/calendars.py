"""Calendars: take what a calendar file says into the rules, as a freeze or as a set of holidays."""

from datetime import UTC, date, datetime, timedelta

from msgspec import Struct
from msgspec.structs import replace

from mitregate.core.calendar import Freeze, Window
from mitregate.core.differences import Difference, differences
from mitregate.core.errors import Malformed
from mitregate.core.feeds import checked, freezes_in, spans_in, still_to_come
from mitregate.core.people import Permission
from mitregate.core.recurrence import zone_of
from mitregate.core.rulebook import FreezeRule, HolidaySet, Rulebook
from mitregate.core.times import DAY, YEARS, Times, periods
from mitregate.flows.act import Act
from mitregate.flows.rules import check, replace_part
from mitregate.wire.icalendar import CalendarFile
from mitregate.wire.icalendar_events import is_whole_days

AHEAD = timedelta(days=366)
"""How far ahead it is shown what an imported calendar freezes."""

SHOWN = 100
"""How many spans of that are shown, at most."""

HOLIDAY_YEARS = 5
"""For how many years, from this one on, days that come again are put into a set of holidays."""


class Import(Struct, frozen=True, kw_only=True):
    """What came, or would come, of taking in a calendar.

    `taken` is how many of its events were taken in, `left_out` how many were not: those that are over, and for a set of
    holidays those that are no whole days. `coming` are the spans of the next year that are frozen, `days` the holidays.
    """

    revision: int
    changed: tuple[Difference, ...]
    taken: int
    left_out: int
    coming: tuple[tuple[Window, Freeze], ...] = ()
    days: tuple[date, ...] = ()


def import_freeze(act: Act, file: CalendarFile, freeze: FreezeRule, *, is_dry: bool = False) -> Import:
    """Freeze what a calendar says, in place of the freeze of that name if there is one.

    Args:
        act: the use case under way.
        file: the calendar.
        freeze: the freeze as it shall be, but for its times.
        is_dry: whether to only say what would come of it.

    Raises:
        Forbidden: the principal may not plan.
        Malformed: no event is still to come, there are too many, or the freeze says what cannot be.
    """
    act.principal.require(Permission.PLAN)
    times = checked(still_to_come(file.times, act.now))
    if not times:
        message = f"Of the {len(file.times)} events in the calendar none is still to come."
        raise Malformed(message, advice="Give a calendar with events to come; `freeze end` ends a freeze.")
    when, also = (times[0], ()) if len(times) == 1 else (Times(zone=file.zone), times)
    made = replace(freeze, when=when, also=also)
    revision, changed = _put(act, "freezes", made, is_dry=is_dry)
    coming = spans_in(freezes_in(made.name, times, made.reason), act.now, act.now + AHEAD)
    return Import(
        revision=revision,
        changed=changed,
        taken=len(times),
        left_out=len(file.times) - len(times),
        coming=tuple(coming[:SHOWN]),
    )


def import_holidays(act: Act, file: CalendarFile, name: str, *, is_dry: bool = False) -> Import:
    """Put the whole days of a calendar into a set of holidays, in place of the set of that name if there is one.

    Raises:
        Forbidden: the principal may not plan.
        Malformed: no whole day is still to come.
    """
    act.principal.require(Permission.PLAN)
    first = datetime(act.now.year, 1, 1, tzinfo=UTC)
    found = [_days(one, first) if is_whole_days(one) else () for one in file.times]
    days = tuple(sorted({day for some in found for day in some}))
    if not days:
        message = f"Of the {len(file.times)} events in the calendar none is a whole day from this year on."
        raise Malformed(message, advice="Leave --holidays out to freeze what it says.")
    revision, changed = _put(act, "holidays", HolidaySet(name=name, days=days), is_dry=is_dry)
    taken = sum(map(bool, found))
    return Import(revision=revision, changed=changed, taken=taken, left_out=len(found) - taken, days=days)


def _put(act: Act, section: str, part: FreezeRule | HolidaySet, *, is_dry: bool) -> tuple[int, tuple[Difference, ...]]:
    """Put a part into a section of the rules, or say what that would change."""
    if is_dry:
        current = act.uow.rules.current()
        return current.revision, differences(current.book, check(_with(current.book, section, part)))
    kept, changed = replace_part(act, lambda book: _with(book, section, part))
    return kept.revision, changed


def _with(book: Rulebook, section: str, part: FreezeRule | HolidaySet) -> Rulebook:
    parts = list(getattr(book, section))
    places = [place for place, one in enumerate(parts) if one.name == part.name]
    parts[slice(places[0], places[0] + 1) if places else slice(len(parts), None)] = [part]
    return replace(book, **{section: tuple(parts)})


def _days(times: Times, first: datetime) -> tuple[date, ...]:
    """Give the days of *times* from *first* on, each by the calendar of its zone; of what comes again so many years."""
    zone = zone_of(times.zone)
    last = first.replace(year=first.year + HOLIDAY_YEARS if times.comes_again else YEARS.stop - 1)
    spans = [span for period in periods("", times) for span in period.between(first, last)]
    edges = [(span.start.astimezone(zone), span.end.astimezone(zone)) for span in spans if span.start and span.end]
    found = (begin.date() + DAY * number for begin, end in edges for number in range((end - begin).days + 1))
    return tuple(day for day in found if first.year <= day.year < last.year)
