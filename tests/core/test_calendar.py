from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mitregate.core.calendar import LAST, Calendar, Freeze, Position, Window, just_after, planned
from mitregate.core.errors import Malformed
from tests.core.making import MICROSECOND, at, freezes, window

FIRST = datetime.min.replace(tzinfo=UTC)

NOT_YET, OPEN, OVER = Position


@pytest.mark.parametrize(
    ("span", "when", "position"),
    [
        ((1, 2), at(1) - MICROSECOND, NOT_YET),
        ((1, 2), at(1), OPEN),
        ((1, 2), at(1.5), OPEN),
        ((1, 2), at(2), OPEN),
        ((1, 2), at(2) + MICROSECOND, OVER),
        ((1, 1), at(1) - MICROSECOND, NOT_YET),
        ((1, 1), at(1), OPEN),
        ((1, 1), at(1) + MICROSECOND, OVER),
        ((None, 2), FIRST, OPEN),
        ((None, 2), at(2), OPEN),
        ((None, 2), at(2) + MICROSECOND, OVER),
        ((1, None), at(1) - MICROSECOND, NOT_YET),
        ((1, None), at(1), OPEN),
        ((1, None), LAST, OPEN),
        ((None, None), FIRST, OPEN),
        ((None, None), LAST, OPEN),
        ((2, 1), at(0), NOT_YET),
        ((2, 1), at(1.5), OVER),
        ((2, 1), at(3), OVER),
    ],
)
def test_windows_have_inclusive_edges(
    span: tuple[float | None, float | None], when: datetime, position: Position
) -> None:
    """A window opens at its start, is still open at its end, and is over one tick later; an open side has no edge."""
    assert window(*span).position(when) is position


def test_the_same_instant_counts_in_every_zone() -> None:
    """An instant's offset plays no part."""
    east = timezone(timedelta(hours=9))
    assert window(1, 2).position(at(2).astimezone(east)) is OPEN
    assert window(1, 2).position((at(2) + MICROSECOND).astimezone(east)) is OVER


edges = st.none() | st.integers(-6, 6)


@given(edges, edges, st.integers(-8, 8))
def test_the_next_edge_is_where_the_position_changes(start: int | None, end: int | None, now: int) -> None:
    """Until the next edge the position is constant, at the edge it is another; without an edge it stays for ever."""
    span = Window(
        start=at(0) + start * MICROSECOND if start is not None else None,
        end=at(0) + end * MICROSECOND if end is not None else None,
    )
    moments = [at(0) + step * MICROSECOND for step in range(now, 12)]
    others = [moment for moment in moments if span.position(moment) is not span.position(moments[0])]
    assert span.next_edge(moments[0]) == next(iter(others), None)


def test_the_last_instant_has_none_after_it() -> None:
    """A window or a freeze to the end of all time never ends, instead of breaking the calendar."""
    assert just_after(LAST) is None
    assert just_after(LAST - MICROSECOND) == LAST
    assert Window(end=LAST).next_edge(at(0)) is None
    assert Calendar(freezes=(Freeze(name="for ever", window=Window(end=LAST)),)).next_edge(at(0)) is None


@pytest.mark.parametrize(
    ("start", "end"),
    [(None, None), (at(1), None), (None, at(2)), (at(1), at(2)), (at(1), at(1))],
)
def test_windows_can_be_planned(start: datetime | None, end: datetime | None) -> None:
    """Either side may be open, and a window may be a single instant."""
    assert planned(start, end) == Window(start=start, end=end)


def test_planned_windows_are_kept_in_utc() -> None:
    """A window planned at another offset is the same instant, in UTC."""
    edge = planned(datetime(2024, 5, 6, 14, 0, tzinfo=timezone(timedelta(hours=2))), None).start
    assert edge is not None
    assert edge == at(0)
    assert edge.tzinfo is UTC


NO_OFFSET = ("A planned start or end needs an offset from UTC, as in 2026-03-01T22:00:00+01:00 or …Z.", Malformed.hint)
TOO_FAR = ("A planned start or end lies outside of the years 1 to 9999 of UTC.", "Leave that side of the window open.")


@pytest.mark.parametrize(
    ("start", "end", "said"),
    [
        (
            at(2),
            at(2) - MICROSECOND,
            (
                "The planned end lies before the planned start.",
                "Give an end at or after the start, or leave one side open.",
            ),
        ),
        (at(1).replace(tzinfo=None), None, NO_OFFSET),
        (None, at(1).replace(tzinfo=None), NO_OFFSET),
        (at(1), at(2).replace(tzinfo=None), NO_OFFSET),
        (None, LAST.replace(tzinfo=timezone(-timedelta(hours=1))), TOO_FAR),
        (FIRST.replace(tzinfo=timezone(timedelta(hours=1))), None, TOO_FAR),
    ],
)
def test_impossible_windows_are_refused(start: datetime | None, end: datetime | None, said: tuple[str, str]) -> None:
    """A window that ends before it starts, or whose edges are no instants, cannot be planned."""
    with pytest.raises(Malformed) as refusal:
        planned(start, end)
    assert (refusal.value.message, refusal.value.advice()) == said


def test_freezes_hold_between_their_edges() -> None:
    """A calendar names exactly the freezes that hold, and when the next one begins or ends."""
    calendar = freezes((1, 3), (2, 4), (None, 0.5))
    held = {hour: [freeze.name for freeze, _ in calendar.freezes_now(at(hour))] for hour in (0, 0.75, 1, 2, 3, 4, 5)}
    assert held == {
        0: ["freeze 2"],
        0.75: [],
        1: ["freeze 0"],
        2: ["freeze 0", "freeze 1"],
        3: ["freeze 0", "freeze 1"],
        4: ["freeze 1"],
        5: [],
    }
    following = [calendar.next_edge(at(hour)) for hour in (0, 1, 2, 3.5, 5)]
    assert following == [at(0.5) + MICROSECOND, at(2), at(3) + MICROSECOND, at(4) + MICROSECOND, None]


def test_no_freezes_no_edges() -> None:
    """An empty calendar holds nothing and never changes."""
    assert Calendar().freezes_now(at(0)) == ()
    assert Calendar().next_edge(at(0)) is None
