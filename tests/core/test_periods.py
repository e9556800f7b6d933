# ruff: noqa: DTZ001 - local times have no offset
from datetime import UTC, datetime, timedelta
from itertools import takewhile

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mitregate.core.calendar import TICK, Freeze, Period, Window
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
