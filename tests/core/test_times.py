# ruff: noqa: DTZ001 - local times have no offset
from datetime import UTC, date, datetime, timedelta, timezone
from time import process_time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mitregate.core.calendar import FAR, Calendar, Freeze, Period, Window, earliest_opening
from mitregate.core.errors import Malformed
from mitregate.core.times import Times, periods, read_length
from tests.core.making import MICROSECOND

BERLIN = "Europe/Berlin"


def only(times: Times, *more_days: date) -> Period:
    """Make the one period of *times*."""
    (period,) = periods("p", times, more_days)
    assert period.name == "p"
    return period


def utc(*parts: int) -> datetime:
    """Give an instant."""
    return datetime(*parts, tzinfo=UTC)  # type: ignore[misc,arg-type]


def starts(period: Period) -> list[datetime]:
    """List all starts of a period that ends, from 2026 on."""
    found: list[datetime] = []
    while (start := period.next_start(found[-1] if found else utc(2026, 1, 1))) is not None:
        found.append(start)
    return found


@pytest.mark.parametrize(
    ("times", "start", "end"),
    [
        (Times(start=utc(2026, 1, 1), end=utc(2026, 1, 2)), utc(2026, 1, 1), utc(2026, 1, 2)),
        (Times(start=utc(2026, 1, 1)), utc(2026, 1, 1), None),
        (Times(end=utc(2026, 1, 1)), None, utc(2026, 1, 1)),
        (
            Times(start=datetime(2026, 1, 1), end=datetime(2026, 7, 1), zone=BERLIN),
            utc(2025, 12, 31, 23),
            utc(2026, 6, 30, 22),
        ),
        (Times(start=datetime(2026, 1, 1, 5, tzinfo=timezone(timedelta(hours=5)))), utc(2026, 1, 1), None),
        (Times(start=utc(2026, 1, 1), length="1h30m"), utc(2026, 1, 1), utc(2026, 1, 1, 1, 30)),
        # A day by the clock on the wall, in the night in which clocks are set forward.
        (Times(start=datetime(2026, 3, 28, 12), length="1d", zone=BERLIN), utc(2026, 3, 28, 11), utc(2026, 3, 29, 10)),
    ],
)
def test_a_span_has_two_edges(times: Times, start: datetime | None, end: datetime | None) -> None:
    """A span without a rule lies between two instants, written in UTC, in its zone, or with an offset."""
    assert only(times).window == Window(start=start, end=end)


@pytest.mark.parametrize("edge", [{"length": "8h"}, {"end": datetime(2026, 1, 5, 17)}])
def test_a_rule_repeats_the_first_span(edge: dict[str, object]) -> None:
    """With a rule each span lasts as long as the first one, which ends by its end or its length."""
    times = Times(start=datetime(2026, 1, 5, 9), rule="FREQ=WEEKLY;BYDAY=MO", zone=BERLIN, **edge)  # type: ignore[arg-type]
    period = only(times)
    assert period.at(utc(2026, 7, 6, 6, 59)) is None
    assert period.at(utc(2026, 7, 6, 7)) == Window(start=utc(2026, 7, 6, 7), end=utc(2026, 7, 6, 15))
    assert period.next_start(utc(2026, 7, 6, 8)) == utc(2026, 7, 13, 7)
    assert period.next_span(utc(2026, 7, 6, 8)) == Window(start=utc(2026, 7, 13, 7), end=utc(2026, 7, 13, 15))


def test_whole_days_last_until_the_next_one_begins() -> None:
    """A day holds from its first instant to its last in its zone, and not at the first of the next."""
    period = only(Times(days=(date(2026, 5, 1),), zone=BERLIN), date(2026, 12, 25))
    assert period.at(utc(2026, 4, 30, 22) - MICROSECOND) is None
    assert period.at(utc(2026, 4, 30, 22)) is not None
    assert period.at(utc(2026, 5, 1, 22) - MICROSECOND) is not None
    assert period.at(utc(2026, 5, 1, 22)) is None
    assert period.next_start(utc(2026, 5, 2)) == utc(2026, 12, 24, 23)


def test_a_day_lasts_until_the_next_one_even_if_its_last_hour_comes_twice() -> None:
    """Where clocks are set back at midnight, as in Cairo, a day does not end with the first of its two last hours."""
    period = only(Times(days=(date(2026, 10, 29),), zone="Africa/Cairo"))
    assert period.at(utc(2026, 10, 28, 21)) == Window(
        start=utc(2026, 10, 28, 21), end=utc(2026, 10, 29, 22) - MICROSECOND
    )
    assert period.at(utc(2026, 10, 29, 22)) is None
    last = datetime(2026, 10, 29, 23, 59, 59, 999_999)
    once = only(Times(start=datetime(2026, 10, 29), end=last, zone="Africa/Cairo"))
    assert once.window == Window(start=utc(2026, 10, 28, 21), end=utc(2026, 10, 29, 22) - MICROSECOND)


def test_a_rule_and_days_are_two_periods() -> None:
    """What comes again and whole days can be said together."""
    times = Times(start=datetime(2026, 1, 3), length="2d", rule="FREQ=WEEKLY;BYDAY=SA", days=(date(2026, 5, 1),))
    assert [period.at(utc(2026, 5, 1, 12)) is not None for period in periods("p", times)] == [False, True]


def test_further_spans_are_added_and_others_left_out() -> None:
    """Spans can be added to a rule and left out of it, by their starts, in the zone or with an offset."""
    times = Times(
        start=datetime(2026, 3, 2, 9),
        length="1h",
        rule="FREQ=WEEKLY;COUNT=4",
        zone=BERLIN,
        also=(datetime(2026, 3, 4, 12), utc(2026, 4, 7, 7)),
        never=(datetime(2026, 3, 9, 9), utc(2026, 3, 16, 8)),
    )
    assert starts(only(times)) == [utc(2026, 3, 2, 8), utc(2026, 3, 4, 11), utc(2026, 3, 23, 8), utc(2026, 4, 7, 7)]


def test_spans_can_be_listed_without_a_rule() -> None:
    """Without a rule there is the first span, and those that are added, each as long as the first."""
    times = Times(start=datetime(2026, 3, 2, 9), end=datetime(2026, 3, 2, 10), also=(datetime(2026, 5, 1, 8),))
    assert starts(only(times)) == [utc(2026, 3, 2, 9), utc(2026, 5, 1, 8)]
    assert only(times).at(utc(2026, 5, 1, 9)) == Window(start=utc(2026, 5, 1, 8), end=utc(2026, 5, 1, 9))


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("8h", timedelta(hours=8)),
        ("1h30m", timedelta(minutes=90)),
        (" 2D ", timedelta(days=2)),
        ("90m", timedelta(minutes=90)),
        ("1d1h1m", timedelta(days=1, hours=1, minutes=1)),
    ],
)
def test_lengths_are_read(text: str, length: timedelta) -> None:
    """A length is days, hours and minutes, in that order."""
    assert read_length(text) == length


@pytest.mark.parametrize("text", ["", " ", "8", "h", "8h8h", "30m1h", "-1h", "1.5h", "8 h", "1w", "\u0661h"])
def test_other_lengths_are_refused(text: str) -> None:
    """What is no length is refused, and it is said how to write one."""
    with pytest.raises(Malformed, match="no length of time") as refusal:
        read_length(text)
    assert refusal.value.advice() == "Write it as in 8h, 30m, 1h30m or 2d."


AT = datetime(2026, 1, 1)


LONGER = "It is not said how long each span lasts."
GIVE_LENGTH = "Give length, as in 8h, 30m, 1h30m or 2d, or end."
NEEDS_START = "What comes again needs the start of its first span."
GIVE_START = "Give start, as in 2026-03-01T22:00."
NEARER = "A date lies outside of the years 1900 to 9000."
GIVE_NEARER = "Leave that side open, or give a nearer date."
LENGTH_ALONE = "A length needs a start and no end."
GIVE_BOTH = "Give start and length, or start and end."


@pytest.mark.parametrize(
    ("times", "message", "advice"),
    [
        (Times(), "'p' says nothing of when.", "Give a start, an end, a rule or days."),
        (
            Times(start=AT, end=datetime(2025, 1, 1)),
            "The end lies before the start.",
            "Exchange them, or leave one side open.",
        ),
        (Times(rule="FREQ=DAILY"), NEEDS_START, GIVE_START),
        (Times(also=(AT,)), NEEDS_START, GIVE_START),
        (
            Times(start=AT, never=(AT,)),
            "Starts are left out of what does not come again.",
            "Give a rule, or leave out `never`.",
        ),
        (Times(start=AT, also=(AT,)), LONGER, GIVE_LENGTH),
        (Times(start=AT, rule="FREQ=DAILY"), LONGER, GIVE_LENGTH),
        (
            Times(start=AT, end=AT, length="1h", rule="FREQ=DAILY"),
            "Both end and length are given.",
            "Give one of them.",
        ),
        (
            Times(start=AT, end=AT, rule="FREQ=DAILY"),
            "Each span must last longer than nothing, and a year at most.",
            Malformed.hint,
        ),
        (Times(start=AT, end=AT, length="1h"), LENGTH_ALONE, GIVE_BOTH),
        (Times(end=AT, length="1h"), LENGTH_ALONE, GIVE_BOTH),
        (
            Times(start=AT, zone="Mars/Olympus"),
            "There is no time zone 'Mars/Olympus'.",
            "Write an IANA name such as Europe/Berlin.",
        ),
        (Times(start=AT, length="soon"), "'soon' is no length of time.", "Write it as in 8h, 30m, 1h30m or 2d."),
        (Times(start=datetime(1, 1, 1)), NEARER, GIVE_NEARER),
        (Times(start=AT, length="1h", also=(datetime(9999, 1, 1),)), NEARER, GIVE_NEARER),
        (Times(start=AT, length="1h", rule="FREQ=DAILY", never=(datetime(1, 1, 1),)), NEARER, GIVE_NEARER),
        (Times(days=(date(9999, 12, 31),)), NEARER, GIVE_NEARER),
    ],
)
def test_times_that_make_no_sense_are_refused(times: Times, message: str, advice: str) -> None:
    """What cannot be computed with is refused in words, with what to do instead."""
    with pytest.raises(Malformed) as refusal:
        periods("p", times)
    assert (refusal.value.message, refusal.value.advice()) == (message, advice)


def test_rules_that_make_no_sense_are_refused() -> None:
    """Times with a rule that cannot be used are refused as the rule is."""
    with pytest.raises(Malformed, match="FREQ=HOURLY' cannot be used"):
        periods("p", Times(start=AT, length="1h", rule="FREQ=HOURLY"))


@pytest.mark.parametrize(("year", "is_near"), [(1899, False), (1900, True), (9000, True), (9001, False)])
def test_years_that_can_be_computed_with(year: int, is_near: bool) -> None:
    """A date lies in the years 1900 to 9000, these included."""
    if is_near:
        assert only(Times(days=(date(year, 5, 1),))).next_start(utc(year, 1, 1)) == utc(year, 5, 1)
    else:
        with pytest.raises(Malformed, match="1900 to 9000"):
            periods("p", Times(days=(date(year, 5, 1),)))


def test_a_span_may_be_an_instant() -> None:
    """A span that ends where it starts holds at that instant."""
    assert only(Times(start=utc(2026, 1, 1), end=utc(2026, 1, 1))).at(utc(2026, 1, 1)) is not None


def test_edges_with_an_offset_are_instants_in_utc() -> None:
    """Edges written with an offset are kept in UTC, and with a rule they are local times of its zone."""
    east = timezone(timedelta(hours=5))
    span = only(Times(start=datetime(2026, 1, 1, 5, tzinfo=east))).window
    assert span is not None
    assert span.start is not None
    assert span.start.tzinfo is UTC
    again = only(Times(start=utc(2026, 1, 5, 8), end=utc(2026, 1, 5, 16), rule="FREQ=DAILY", zone=BERLIN))
    assert again.at(utc(2026, 7, 6, 7)) == Window(start=utc(2026, 7, 6, 7), end=utc(2026, 7, 6, 15))


def test_an_opening_is_looked_for_ten_years_ahead() -> None:
    """An opening is found if it lies ten years ahead, and none is if it lies a tick beyond that."""
    now = utc(2026, 1, 1)
    for more, expected in ((timedelta(0), now + FAR), (MICROSECOND, None)):
        freeze = Freeze(name="f", window=Window(end=now + FAR - MICROSECOND + more))
        assert earliest_opening(Window(), Calendar(freezes=(freeze,)), now) == expected
        assert earliest_opening(Window(start=now + FAR + more), Calendar(), now) == expected


def test_hours_that_are_always_frozen_never_open() -> None:
    """Where hours come again for ever, and a freeze with them, that nothing opens is found out in no time."""
    leap_day = "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29"
    period = only(Times(start=datetime(2000, 1, 3, 1), end=datetime(2000, 1, 3, 6), rule=leap_day, zone="Pacific/Apia"))
    calendar = Calendar(freezes=(Freeze(name="f", recurrence=period.recurrence),), hours=(period,))
    assert earliest_opening(Window(), calendar, utc(2026, 1, 1)) is None


def test_what_is_frozen_day_after_day_is_gone_through_once() -> None:
    """That days which are all frozen never open is found out once for the many gates that wait for it."""
    period = only(Times(start=datetime(2026, 1, 1), length="1d", rule="FREQ=DAILY", zone=BERLIN))
    calendar = Calendar(freezes=(Freeze(name="f", recurrence=period.recurrence),))
    begun = process_time()
    for number in range(300):
        assert earliest_opening(Window(), calendar, utc(2026, 1, 2) + MICROSECOND * number) is None
    assert process_time() - begun < 5


moments = st.none() | st.datetimes() | st.datetimes(timezones=st.sampled_from([UTC, timezone(timedelta(hours=14))]))
any_times = st.builds(
    Times,
    start=moments,
    end=moments,
    length=st.sampled_from(["", "8h", "999d", "0m", "x"]),
    rule=st.sampled_from(
        ["", "FREQ=DAILY", "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29", "FREQ=MONTHLY;BYDAY=-1FR", "FREQ=X"]
    ),
    zone=st.sampled_from(["UTC", BERLIN, "Pacific/Apia", "No/Where", ""]),
    days=st.lists(st.dates(), max_size=3).map(tuple),
    also=st.lists(st.datetimes(), max_size=2).map(tuple),
    never=st.lists(st.datetimes(), max_size=2).map(tuple),
)


@given(any_times, st.datetimes(timezones=st.just(UTC)))
def test_whatever_is_written_is_computed_or_refused(times: Times, now: datetime) -> None:
    """Times are refused in words, or every question about them has an answer, at any instant."""
    try:
        found = periods("p", times)
    except Malformed:
        return
    for one in found:
        freeze = Freeze(name=one.name, window=one.window, recurrence=one.recurrence)
        calendar = Calendar(freezes=(freeze,), hours=(one,))
        span = freeze.at(now)
        assert span is None or ((span.start is None or span.start <= now) and (span.end is None or now <= span.end))
        assert (calendar.next_edge(now) or now) >= now
        assert (earliest_opening(Window(), calendar, now) or now) >= now
