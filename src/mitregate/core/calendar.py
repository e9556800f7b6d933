"""Calendar: change windows and freezes (domain.md §1, §6).

Edges are inclusive: at the planned start a window opens, at the planned end it is still open, one tick later it is
over. Recurring windows and freezes (RFC 5545) will be expanded to the plain spans of this file.
"""

from datetime import UTC, datetime, timedelta
from enum import StrEnum

from msgspec import Struct

from mitregate.core.errors import Malformed

TICK = timedelta(microseconds=1)
"""The smallest step of time known here."""

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


class Freeze(Struct, frozen=True, kw_only=True):
    """A span in which nothing may start, whatever was approved; its edges are inclusive."""

    name: str
    window: Window


class Calendar(Struct, frozen=True, kw_only=True):
    """The freezes that cover one gate."""

    freezes: tuple[Freeze, ...] = ()

    def freezes_now(self, now: datetime) -> tuple[Freeze, ...]:
        """Give the freezes that hold at *now*."""
        return tuple(freeze for freeze in self.freezes if freeze.window.position(now) is Position.OPEN)

    def next_edge(self, now: datetime) -> datetime | None:
        """Give the first instant after *now* at which a freeze begins or ends, or None."""
        edges = (freeze.window.next_edge(now) for freeze in self.freezes)
        return min((edge for edge in edges if edge is not None), default=None)
