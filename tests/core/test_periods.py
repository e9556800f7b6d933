# ruff: noqa: DTZ001 - local times have no offset
from datetime import UTC, datetime, timedelta
from itertools import takewhile

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mitregate.core.calendar import TICK, Freeze, Period, Window, agenda
from mitregate.core.recurrence import Recurrence, Span, coming

HOUR = timedelta(hours=1)
RULES = ("FREQ=DAILY", "FREQ=WEEKLY;BYDAY=MO,FR", "FREQ=MONTHLY;BYMONTHDAY=-1", "FREQ=YEARLY", "FREQ=DAILY;COUNT=40")
LEAP_DAYS = Recurrence(
    zone="UTC", first=datetime(2024, 2, 29, 22), length=4 * HOUR, rule="FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29"
)

recurrences = st.builds(
    Recurrence,
    zone=st.sampled_from(["Europe/Berlin", "America/New_York", "Pacific/Kiritimati"]),
    first=st.just(datetime(2025, 11, 24, 20)),
    # Some last until long after the next has begun.
    length=st.sampled_from([HOUR, 12 * HOUR, 40 * HOUR, timedelta(days=12), timedelta(days=366)]),
    rule=st.sampled_from(RULES),
    also=st.sampled_from([(), (datetime(2025, 12, 31, 23, 30), datetime(2033, 1, 1, 3))]),
    never=st.sampled_from([(), (datetime(2026, 1, 1, 20), datetime(2025, 12, 31, 20))]),
)
moments = st.integers(-60 * 24, 400 * 24).map(lambda hours: datetime(2026, 1, 1, tzinfo=UTC) + hours * HOUR)


def window(span: Span) -> Window:
    """Make of a span what it is as part of a period."""
    return Window(start=span.start, end=span.end)


@settings(deadline=None)
@given(recurrences, moments)
@example(LEAP_DAYS, datetime(2024, 3, 1, 2, tzinfo=UTC))
@example(LEAP_DAYS, datetime(2096, 3, 1, tzinfo=UTC))
def test_a_period_says_what_its_recurrence_does(recurrence: Recurrence, now: datetime) -> None:
    """What holds, what comes next, and where the next edge is follow from the spans that come, from year to year."""
    begun = list(takewhile(lambda span: span.start <= now, coming(recurrence, now)))
    after = next((span for span in coming(recurrence, now) if span.start > now), None)
    period = Period(name="again", recurrence=recurrence)
    held = period.at(now)
    assert (held is None) is (not begun)
    assert held is None or held.end == max(span.end for span in begun)
    assert period.next_span(now) == (window(after) if after is not None else None)
    edges = [span.end + TICK for span in begun] + ([after.start] if after is not None else [])
    assert period.next_edge(now) == min(edges, default=None)


@settings(deadline=None)
@given(recurrences, moments, st.integers(-30, 30))
def test_an_overridden_freeze_is_one_without_the_spans_that_had_begun(
    recurrence: Recurrence, now: datetime, days: int
) -> None:
    """Whenever it is asked, a freeze that was overridden knows of the spans alone that begin later than that."""
    overridden_at = now + timedelta(days=days)
    left = [
        span
        for span in takewhile(lambda span: span.start <= now, coming(recurrence, now))
        if span.start > overridden_at
    ]
    freeze = Freeze(name="again", recurrence=recurrence, overridden_at=overridden_at)
    held, after = freeze.at(now), freeze.next_start(now)
    assert (held is None) is (not left)
    assert held is None or held.end == max(span.end for span in left)
    later = (span.start for span in coming(recurrence, max(now, overridden_at)) if span.start > max(now, overridden_at))
    assert after == next(later, None)


def test_one_span_and_others_that_come_again() -> None:
    """A period of one span and others that come again holds in both, and its next span is the nearer one."""
    once = Window(start=datetime(2026, 1, 2, 12, tzinfo=UTC), end=datetime(2026, 1, 2, 23, tzinfo=UTC))
    nightly = Recurrence(zone="UTC", first=datetime(2026, 1, 1, 22), length=8 * HOUR, rule="FREQ=DAILY")
    period = Period(name="both", window=once, recurrence=nightly)
    assert period.next_span(datetime(2026, 1, 2, 7, tzinfo=UTC)) == once
    assert period.next_start(datetime(2026, 1, 2, 12, tzinfo=UTC)) == datetime(2026, 1, 2, 22, tzinfo=UTC)
    late = period.at(datetime(2026, 1, 2, 22, 30, tzinfo=UTC))
    assert late is not None
    assert late.end == datetime(2026, 1, 3, 6, tzinfo=UTC)
    assert period.next_edge(datetime(2026, 1, 2, 22, 30, tzinfo=UTC)) == datetime(2026, 1, 2, 23, tzinfo=UTC) + TICK


@pytest.mark.parametrize(
    "now", [datetime(1, 1, 1), datetime(2, 12, 31), datetime(9990, 6, 1), datetime(9999, 12, 31, 23)]
)
def test_beyond_the_edge_of_the_calendar_nothing_recurs(now: datetime) -> None:
    """Asked for an instant at which nothing can recur any more, or yet, a period answers that."""
    nightly = Recurrence(zone="Pacific/Kiritimati", first=datetime(2026, 1, 1, 22), length=8 * HOUR)
    period = Period(name="again", recurrence=nightly)
    assert period.at(now.replace(tzinfo=UTC)) is None
    assert period.next_edge(now.replace(tzinfo=UTC)) is None


NIGHTLY = Recurrence(zone="UTC", first=datetime(2026, 1, 1, 22), length=8 * HOUR, rule="FREQ=DAILY")


def utc(day: int, hour: int) -> datetime:
    """Give an instant in January 2026."""
    return datetime(2026, 1, day, hour, tzinfo=UTC)


@pytest.mark.parametrize(
    ("once", "listed", "start"),
    [
        (None, None, utc(2, 22)),
        (utc(2, 20), None, utc(2, 20)),
        (utc(3, 5), None, utc(2, 22)),
        (utc(2, 1), None, utc(2, 22)),
        (None, utc(2, 20), utc(2, 20)),
        (None, utc(3, 5), utc(2, 22)),
        (utc(2, 19), utc(2, 20), utc(2, 19)),
        (utc(2, 21), utc(2, 20), utc(2, 20)),
        (utc(3, 5), utc(3, 4), utc(2, 22)),
    ],
)
def test_what_begins_first_comes_next(once: datetime | None, listed: datetime | None, start: datetime) -> None:
    """Of one span, those listed and those that come again, the next is the one that begins first after now."""
    period = Period(
        name="all",
        window=Window(start=once, end=once + HOUR) if once is not None else None,
        recurrence=NIGHTLY,
        agenda=agenda([(listed, listed + 2 * HOUR, "")]) if listed is not None else None,
    )
    assert period.next_start(utc(2, 12)) == start


def test_of_two_that_begin_together_the_one_span_is_given() -> None:
    """A span that begins with another one that comes again is the one that is said to be next."""
    once = Window(start=utc(2, 22), end=utc(2, 23))
    assert Period(name="both", window=once, recurrence=NIGHTLY).next_span(utc(2, 12)) == once


@pytest.mark.parametrize("end", [utc(9, 1), None])
def test_the_span_that_ends_last_holds(end: datetime | None) -> None:
    """Of several spans that hold, the one that ends last is given, and first of all one that never ends."""
    once = Window(start=utc(2, 1), end=end)
    assert Period(name="both", window=once, recurrence=NIGHTLY).at(utc(2, 23)) == once


def test_an_edge_is_where_something_that_holds_is_over_or_another_begins() -> None:
    """Until its next edge nothing begins and nothing ends; what never ends has none."""
    once = Window(start=utc(2, 1), end=None)
    period = Period(name="both", window=once, recurrence=NIGHTLY)
    assert period.next_edge(utc(2, 12)) == utc(2, 22)
    assert period.next_edge(utc(2, 23)) == utc(3, 6) + TICK
    assert Period(name="once", window=once).next_edge(utc(2, 12)) is None


def test_a_period_begins_and_ends_with_the_year_of_utc() -> None:
    """What is asked in the hours in which it is another year elsewhere is found all the same."""
    days = Recurrence(zone="UTC", first=datetime(2025, 12, 31), length=timedelta(hours=24) - TICK, rule="FREQ=YEARLY")
    period = Period(name="last day of the year", recurrence=days)
    for hour in (0, 12, 23):
        now = datetime(2026, 12, 31, hour, tzinfo=UTC)
        assert period.at(now) == Window(start=now.replace(hour=0), end=datetime(2027, 1, 1, tzinfo=UTC) - TICK)
        assert period.next_start(now) == datetime(2027, 12, 31, tzinfo=UTC)


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        (utc(2, 1), utc(2, 2), True),
        (utc(2, 2), utc(2, 3), True),
        (utc(2, 2) + TICK, utc(2, 3), False),
        (utc(2, 0), utc(2, 1), True),
        (utc(2, 0), utc(2, 1) - TICK, False),
        (None, utc(2, 1), True),
        (None, utc(2, 1) - TICK, False),
        (utc(2, 2), None, True),
        (utc(2, 2) + TICK, None, False),
        (None, None, True),
    ],
)
def test_a_window_meets_a_time(start: datetime | None, end: datetime | None, expected: bool) -> None:
    """A window meets a time with which it has an instant in common; the edges of both are part of them."""
    assert Window(start=start, end=end).meets(utc(2, 1), utc(2, 2)) is expected


def test_all_spans_of_a_time_are_given() -> None:
    """Between two instants there are the one span, those listed and those that come again that meet it, no others."""
    once, late = Window(start=utc(2, 10), end=utc(2, 11)), Window(start=utc(2, 15), end=utc(2, 16))
    listed = agenda([(utc(2, 12), utc(2, 13), ""), (utc(9, 12), utc(9, 13), "")])
    period = Period(name="all", window=once, recurrence=NIGHTLY, agenda=listed)
    night = [Window(start=utc(day, 22), end=utc(day + 1, 6)) for day in (1, 2)]
    assert period.between(utc(2, 6), utc(2, 22)) == [once, Window(start=utc(2, 12), end=utc(2, 13)), *night]
    assert period.between(utc(2, 7), utc(2, 9)) == []
    assert Period(name="once", window=late).between(utc(2, 1), utc(2, 9)) == []
    assert Period(name="never").between(utc(2, 1), utc(2, 9)) == []
