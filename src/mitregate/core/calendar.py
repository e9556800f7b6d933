"""Calendar: change windows and freezes (domain.md §1, §6).

Edges are inclusive: at the planned start a window opens, at the planned end it is still open, one tick later it is
over. What comes again (`recurrence`) is expanded to such plain spans.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from itertools import accumulate

from msgspec import Struct
from msgspec.structs import replace
from typing_extensions import override

from mitregate.core.errors import Malformed
from mitregate.core.recurrence import EARLIEST, LATEST, Recurrence, coming, spans

TICK = timedelta(microseconds=1)
"""The smallest step of time known here."""

STEPS = 20_000
"""How many freezes and hours in turn are gone through in search of an opening."""

FAR = timedelta(days=3_653)
"""How far ahead such an opening is looked for: hours that are always frozen may come again for ever."""

LAST = datetime.max.replace(tzinfo=UTC)
"""The last instant that can be written."""


def just_after(instant: datetime) -> datetime | None:
    """Give the first instant after *instant*, or None if there is none to be written."""
    return None if instant.replace(tzinfo=UTC) == LAST else instant + TICK


class Position(StrEnum):
    """Where an instant lies in relation to a window."""

    NOT_YET = "not_yet"
    OPEN = "open"
    OVER = "over"


class Window(Struct, frozen=True, kw_only=True):
    """Planned start … planned end of a change, instants; either side may be open."""

    start: datetime | None = None
    end: datetime | None = None

    def position(self, now: datetime) -> Position:
        """Say where *now* lies: before the start, inside (edges included), or after the end."""
        if self.end is not None and now > self.end:
            return Position.OVER
        if self.start is not None and now < self.start:
            return Position.NOT_YET
        return Position.OPEN

    def meets(self, begin: datetime, end: datetime) -> bool:
        """Tell whether it has an instant in common with *begin* … *end*."""
        return (self.start is None or self.start <= end) and (self.end is None or self.end >= begin)

    def next_edge(self, now: datetime) -> datetime | None:
        """Give the first instant after *now* at which the position differs, or None if it never will."""
        if self.position(now) is Position.OVER:
            return None
        # A foreign window may end before it starts: then it is over before it ever opens.
        edges = (self.start, just_after(self.end) if self.end is not None else None)
        return min((edge for edge in edges if edge is not None and edge > now), default=None)


def planned(start: datetime | None, end: datetime | None) -> Window:
    """Make a window from a planned start and end; its edges are in UTC, whatever the offsets given.

    Raises:
        Malformed: the end lies before the start, or an instant carries no offset or has no name in UTC.
    """
    start, end = _in_utc(start), _in_utc(end)
    if start is not None and end is not None and end < start:
        message = "The planned end lies before the planned start."
        raise Malformed(message, advice="Give an end at or after the start, or leave one side open.")
    return Window(start=start, end=end)


def _in_utc(edge: datetime | None) -> datetime | None:
    if edge is None:
        return None
    if edge.utcoffset() is None:
        message = "A planned start or end needs an offset from UTC, as in 2026-03-01T22:00:00+01:00 or …Z."
        raise Malformed(message)
    try:
        return edge.astimezone(UTC)
    except OverflowError:
        message = "A planned start or end lies outside of the years 1 to 9999 of UTC."
        raise Malformed(message, advice="Leave that side of the window open.") from None


class Agenda(Struct, frozen=True, kw_only=True):
    """Many spans that do not come again and may overlap, in the order of their starts, so that they can be searched.

    `notes` say what each of them is, `latest` which end is the latest up to each.
    """

    spans: tuple[Window, ...]
    notes: tuple[str, ...]
    starts: tuple[datetime, ...]
    latest: tuple[datetime, ...]

    def at(self, now: datetime) -> tuple[Window, ...]:
        """Give the spans that hold *now*, in the order of their starts."""
        begun = self.spans[bisect_left(self.latest, now) : bisect_right(self.starts, now)]
        return tuple(span for span in begun if span.position(now) is Position.OPEN)

    def after(self, now: datetime) -> Window | None:
        """Give the first span that begins after *now*."""
        place = bisect_right(self.starts, now)
        return self.spans[place] if place < len(self.spans) else None

    def note(self, span: Window) -> str:
        """Say what *span* is, as far as that is noted."""
        notes = [note for one, note in zip(self.spans, self.notes, strict=True) if one == span]
        return ", ".join(dict.fromkeys(filter(None, notes)))


def agenda(entries: Iterable[tuple[datetime, datetime, str]]) -> Agenda:
    """Make an agenda of starts and ends, each with a note."""
    ordered = sorted(entries)
    return Agenda(
        spans=tuple(Window(start=start, end=end) for start, end, _ in ordered),
        notes=tuple(note for _, _, note in ordered),
        starts=tuple(start for start, _, _ in ordered),
        latest=tuple(accumulate((end for _, end, _ in ordered), max)),
    )


class Period(Struct, frozen=True, kw_only=True):
    """A named part of time: one span, spans that come again, an agenda, or all together; edges are inclusive."""

    name: str
    window: Window | None = None
    recurrence: Recurrence | None = None
    agenda: Agenda | None = None

    def at(self, now: datetime) -> Window | None:
        """Give the span that *now* lies in, the one that ends last; None if it lies in none."""
        found = self._lasting(now)
        if len(found) > 1:
            return max(found, key=lambda span: (span.end is None, span.end or now))
        return found[0] if found else None

    def next_edge(self, now: datetime) -> datetime | None:
        """Give an instant after *now* until which nothing changes: a span begins or is over there; None if never."""
        edge = self.next_start(now)
        for span in self._lasting(now):
            over = just_after(span.end) if span.end is not None else None
            edge = over if edge is None or (over is not None and over < edge) else edge
        return edge

    def next_span(self, now: datetime) -> Window | None:
        """Give the span that begins next after *now*, or None."""
        again = _year(self.recurrence, now.astimezone(UTC).year).after(now) if self.recurrence is not None else None
        listed = self.agenda.after(now) if self.agenda is not None else None
        if listed is not None:
            again = _sooner(again, listed)
        once = self.window
        return again if once is None or once.start is None or once.start <= now else _sooner(again, once)

    def next_start(self, now: datetime) -> datetime | None:
        """Give the next instant after *now* at which a span begins, or None."""
        span = self.next_span(now)
        return span.start if span is not None else None

    def between(self, begin: datetime, end: datetime) -> list[Window]:
        """Give all spans that have an instant in common with *begin* … *end*."""
        found = [self.window] if self.window is not None and self.window.meets(begin, end) else []
        if self.agenda is not None:
            found += [span for span in self.agenda.spans if span.meets(begin, end)]
        if self.recurrence is not None:
            found += [Window(start=one.start, end=one.end) for one in spans(self.recurrence, begin, end)]
        return found

    def _lasting(self, now: datetime) -> tuple[Window, ...]:
        """Give the spans that hold *now*."""
        again = _year(self.recurrence, now.astimezone(UTC).year).at(now) if self.recurrence is not None else ()
        if self.agenda is not None:
            again = (*again, *self.agenda.at(now))
        once = self.window
        return again if once is None or once.position(now) is not Position.OPEN else (once, *again)


def _sooner(one: Window | None, other: Window) -> Window:
    """Give the one of two spans that begins sooner; both have a start."""
    is_sooner = one is not None and one.start is not None and other.start is not None and one.start < other.start
    return one if one is not None and is_sooner else other


class Freeze(Period, frozen=True, kw_only=True):
    """A part of time in which nothing may start, whatever was approved.

    `reason` is shown to those who wait. A span that had begun by `overridden_at` does not hold any more; those that
    begin later do.
    """

    reason: str = ""
    overridden_at: datetime | None = None

    @override
    def next_span(self, now: datetime) -> Window | None:
        return super().next_span(now if self.overridden_at is None else max(now, self.overridden_at))

    @override
    def _lasting(self, now: datetime) -> tuple[Window, ...]:
        found, since = super()._lasting(now), self.overridden_at
        return found if since is None else tuple(span for span in found if span.start and span.start > since)

    def because(self, span: Window) -> "Freeze":
        """Give it with the reason for one *span* of it, if its agenda has a note on that."""
        note = self.agenda.note(span) if self.agenda is not None else ""
        return replace(self, reason=f"{self.reason}: {note}" if self.reason else note) if note else self


class _Year(Struct, frozen=True, kw_only=True):
    """The spans of a recurrence that last in a year of UTC, and the first after it.

    Starts and ends rise together, so they can be searched.
    """

    spans: tuple[Window, ...]
    starts: tuple[datetime, ...]
    ends: tuple[datetime, ...]

    def at(self, now: datetime) -> tuple[Window, ...]:
        """Give the spans that hold *now*, in the order of their starts."""
        first = bisect_left(self.ends, now)
        if first == len(self.spans) or self.starts[first] > now:  # as a rule: most of the time nothing holds
            return ()
        return self.spans[first : bisect_right(self.starts, now, first)]

    def after(self, now: datetime) -> Window | None:
        """Give the first span that begins after *now*."""
        place = bisect_right(self.starts, now)
        return self.spans[place] if place < len(self.spans) else None


@lru_cache(maxsize=512)
def _year(recurrence: Recurrence, number: int) -> _Year:
    """Expand a year once: many gates are decided on in it."""
    year = min(max(number, EARLIEST.year), LATEST.year)
    begin, end = datetime(year, 1, 1, tzinfo=UTC), datetime(year + 1, 1, 1, tzinfo=UTC)
    found = [span for span in spans(recurrence, begin, end) if span.start < end]
    found += [later] if (later := next((one for one in coming(recurrence, end) if one.start >= end), None)) else []
    return _Year(
        spans=tuple(Window(start=span.start, end=span.end) for span in found),
        starts=tuple(span.start for span in found),
        ends=tuple(span.end for span in found),
    )


class Calendar(Struct, frozen=True, kw_only=True):
    """What bears on one gate: the freezes that cover it, and the only hours in which it may open, if there are any."""

    freezes: tuple[Freeze, ...] = ()
    hours: tuple[Period, ...] = ()

    def freezes_now(self, now: datetime) -> tuple[tuple[Freeze, Window], ...]:
        """Give the freezes that hold at *now*, each with the span of it that does."""
        found = [(freeze, span) for freeze in self.freezes if (span := freeze.at(now)) is not None]
        return tuple([(freeze.because(span), span) for freeze, span in found])

    def is_within_hours(self, now: datetime) -> bool:
        """Tell whether *now* lies in the hours in which the gate may open."""
        return not self.hours or any(period.at(now) is not None for period in self.hours)

    def next_hours(self, now: datetime) -> datetime | None:
        """Give the next instant after *now* at which such hours begin, or None."""
        starts = (period.next_start(now) for period in self.hours)
        return min((start for start in starts if start is not None), default=None)

    def next_edge(self, now: datetime) -> datetime | None:
        """Give an instant after *now* until which nothing here changes, or None if nothing ever will."""
        edges = (period.next_edge(now) for period in (*self.freezes, *self.hours))
        return min((edge for edge in edges if edge is not None), default=None)


def earliest_opening(window: Window, calendar: Calendar, now: datetime) -> datetime | None:
    """Find the first instant after *now* at which *window* is open, hours allow it and nothing is frozen.

    Returns:
        That instant, or None if it is *now*, or if there is none before the window closes or as far as is looked.
    """
    wanted = max(now, window.start) if window.start is not None else now
    if wanted - now > FAR or (window.end is not None and wanted > window.end):
        return None
    opening = _held_until(calendar, wanted)
    if opening is not None and opening != wanted:
        opening = _free_from(calendar, opening)
    if opening is None or opening == now or opening - now > FAR or (window.end is not None and opening > window.end):
        return None
    return opening


@lru_cache(maxsize=64)
def _free_from(calendar: Calendar, instant: datetime) -> datetime | None:
    """Find the first instant from *instant* on at which nothing of the calendar holds; None as `earliest_opening`.

    Many gates wait for the same: what one freeze after the other holds is gone through for all of them once.
    """
    opening: datetime | None = instant
    for _ in range(STEPS):
        if opening is None or opening - instant > FAR:
            return None
        later = _held_until(calendar, opening)
        if later == opening:
            return opening
        opening = later
    return None


def _held_until(calendar: Calendar, instant: datetime) -> datetime | None:
    """Give *instant* if nothing of the calendar holds then; else the next one to look at, or None if there is none."""
    frozen = [span for freeze in calendar.freezes if (span := freeze.at(instant)) is not None]
    if frozen:
        ends = [span.end for span in frozen]
        return None if None in ends else just_after(max(end for end in ends if end is not None))
    return instant if calendar.is_within_hours(instant) else calendar.next_hours(instant)
