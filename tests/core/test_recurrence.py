# ruff: noqa: DTZ001 - local times have no offset
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from mitregate.core.calendar import Calendar, Freeze, Period, Window, earliest_opening
from mitregate.core.errors import Malformed
from mitregate.core.recurrence import Recurrence, Span, check, coming, ending, in_utc, spans

MINUTE = timedelta(minutes=1)

TURNS = {
    "Europe/Berlin": (datetime(2026, 3, 29), datetime(2026, 10, 25)),
    "America/New_York": (datetime(2026, 3, 8), datetime(2026, 11, 1)),
    "America/Havana": (datetime(2026, 3, 8), datetime(2026, 11, 1)),  # at midnight
    "Australia/Lord_Howe": (datetime(2026, 4, 5), datetime(2026, 10, 4)),  # by half an hour
    "Africa/Casablanca": (datetime(2026, 2, 15), datetime(2026, 3, 22)),  # for Ramadan
    "Africa/Cairo": (datetime(2026, 4, 24), datetime(2026, 10, 29)),  # at midnight, back into the day before
    "Asia/Kolkata": (datetime(2026, 6, 1),),  # never
}
"""Zones, and local days on which their clocks are changed."""

BERLIN = "Europe/Berlin"
NIGHTLY = Recurrence(zone=BERLIN, first=datetime(2026, 1, 1, 22), length=timedelta(hours=8), rule="FREQ=DAILY")


def minutes(zone: str, turn: datetime) -> list[datetime]:
    """Give every minute of some days before and after a change of the clocks, as instants."""
    begin = (turn - timedelta(days=4)).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)
    return [begin + number * MINUTE for number in range(8 * 24 * 60)]


@cache
def walls(zone: str, begin: datetime) -> list[datetime]:
    """Give what the clock on the wall shows at each of those minutes."""
    return [(begin + number * MINUTE).astimezone(ZoneInfo(zone)).replace(tzinfo=None) for number in range(8 * 24 * 60)]


def oracle(minute: list[datetime], zone: str, local: datetime) -> datetime | None:
    """Find when the clock on the wall first shows *local* or more, by looking at it every minute."""
    shown = zip(minute, walls(zone, minute[0]), strict=True)
    return next((at for at, wall in shown if wall >= local), None)


def by_hand(minute: list[datetime], zone: str, recurrence: Recurrence, weekdays: set[int]) -> Iterator[Span]:
    """Give the spans on those days of the week, each looked for minute by minute."""
    day = (minute[0] + timedelta(days=1)).astimezone(ZoneInfo(zone)).replace(tzinfo=None)
    for number in range(5):
        start = datetime.combine(day.date() + timedelta(days=number), recurrence.first.time())
        begin, end = oracle(minute, zone, start), oracle(minute, zone, start + recurrence.length)
        if start.weekday() in weekdays and begin is not None and end is not None:
            yield Span(start=begin, end=max(begin, end))


turns = st.sampled_from([(zone, turn) for zone, days in TURNS.items() for turn in days])
lengths = st.integers(1, 26 * 60).map(lambda number: number * MINUTE)
some_weekdays = st.sets(st.integers(0, 6), min_size=1)
NAMES = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")


def weekly(zone: str, turn: datetime, minute_of_day: int, length: timedelta, weekdays: set[int]) -> Recurrence:
    """Make spans on days of the week, which began a year before."""
    first = datetime.combine(turn.date() - timedelta(days=365), datetime.min.time()) + minute_of_day * MINUTE
    rule = "FREQ=WEEKLY;BYDAY=" + ",".join(NAMES[day] for day in sorted(weekdays))
    return check(Recurrence(zone=zone, first=first, length=length, rule=rule))


@st.composite
def some_weeklies(draw: st.DrawFn) -> tuple[Recurrence, list[datetime]]:
    """Draw spans on days of the week, and the minutes around a change of their clocks."""
    zone, turn = draw(turns)
    minute_of_day, length, weekdays = draw(st.integers(0, 24 * 60 - 1)), draw(lengths), draw(some_weekdays)
    return weekly(zone, turn, minute_of_day, length, weekdays), minutes(zone, turn)


weeklies = some_weeklies()


@settings(deadline=None, max_examples=60)
@given(turns, st.integers(0, 24 * 60 - 1), lengths, some_weekdays)
def test_spans_are_those_that_a_clock_on_the_wall_shows(
    where: tuple[str, datetime], minute_of_day: int, length: timedelta, weekdays: set[int]
) -> None:
    """Around changes of the clocks each span begins and ends when a clock, looked at every minute, first shows it."""
    zone, turn = where
    recurrence = weekly(zone, turn, minute_of_day, length, weekdays)
    minute = minutes(zone, turn)
    expected = list(by_hand(minute, zone, recurrence, weekdays))
    found = list(spans(recurrence, minute[0], minute[-1]))
    assert [span for span in found if span in expected] == expected
    inner = (minute[0] + timedelta(days=2), minute[-1] - timedelta(days=4))
    assert [span for span in found if inner[0] <= span.start <= inner[1]] == [
        span for span in expected if inner[0] <= span.start <= inner[1]
    ]


@settings(deadline=None, max_examples=40)
@given(weeklies, st.integers(0, 2 * 24 * 60), st.booleans())
def test_the_earliest_opening_is_that_of_an_oracle(
    where: tuple[Recurrence, list[datetime]], after: int, is_frozen: bool
) -> None:
    """Over freezes or hours that come again the earliest opening is the first that trying every minute finds."""
    recurrence, minute = where
    held = list(spans(recurrence, minute[0] - timedelta(days=2), minute[-1]))
    period = Freeze(name="again", recurrence=recurrence) if is_frozen else Period(name="again", recurrence=recurrence)
    calendar = Calendar(freezes=(period,)) if isinstance(period, Freeze) else Calendar(hours=(period,))
    now = minute[24 * 60 + after]
    window = Window(end=minute[-1])
    lies_in = {at: any(span.start <= at <= span.end for span in held) for at in minute if at >= now}
    free = [at for at, is_inside in lies_in.items() if is_inside is not is_frozen]
    found = earliest_opening(window, calendar, now)
    if free and free[0] == now:
        assert found is None
    elif free:
        # A freeze holds until the end of its last tick, and the oracle looks once a minute.
        assert found is not None
        assert timedelta(0) <= free[0] - found < MINUTE
    else:
        assert found is None


@settings(deadline=None, max_examples=40)
@given(weeklies, st.integers(0, 5 * 24 * 60))
def test_until_the_next_edge_nothing_changes(where: tuple[Recurrence, list[datetime]], after: int) -> None:
    """From now until before its next edge a period that comes again either holds at every minute, or at none."""
    recurrence, minute = where
    period = Period(name="again", recurrence=recurrence)
    now = minute[after]
    edge = period.next_edge(now)
    assert edge is not None
    assert edge > now
    assert len({period.at(at) is None for at in minute if now <= at < edge}) == 1


def test_a_local_time_that_does_not_exist_is_the_next_one() -> None:
    """What falls into the hour over which clocks are set forward begins when they are, whatever its minute."""
    berlin = ZoneInfo(BERLIN)
    assert in_utc(datetime(2026, 3, 29, 2, 0), berlin) == datetime(2026, 3, 29, 1, 0, tzinfo=UTC)
    assert in_utc(datetime(2026, 3, 29, 2, 59, 59, 999_999), berlin) == datetime(2026, 3, 29, 1, 0, tzinfo=UTC)
    assert in_utc(datetime(2026, 3, 29, 3, 0), berlin) == datetime(2026, 3, 29, 1, 0, tzinfo=UTC)


def test_every_second_that_does_not_exist_is_the_same_instant() -> None:
    """Whichever second of the hour it is that clocks leave out, it stands for the instant at which they do."""
    skipped = [datetime(2026, 3, 29, 2) + timedelta(seconds=number) for number in range(0, 3600, 7)]
    assert {in_utc(local, ZoneInfo(BERLIN)) for local in skipped} == {datetime(2026, 3, 29, 1, tzinfo=UTC)}


def test_a_local_time_that_exists_twice_is_the_first() -> None:
    """What falls into the hour that is repeated begins the first time."""
    for fold in (0, 1):
        local = datetime(2026, 10, 25, 2, 30, fold=fold)
        assert in_utc(local, ZoneInfo(BERLIN)) == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)


def test_an_end_is_the_instant_that_it_says() -> None:
    """An end that does not exist is the next instant that does, and only that of a whole day is one before another."""
    berlin = ZoneInfo(BERLIN)
    assert ending(datetime(2026, 3, 29, 2), berlin) == datetime(2026, 3, 29, 1, tzinfo=UTC)
    assert ending(datetime(2026, 10, 25, 2, 30), berlin) == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
    last = datetime(2026, 10, 29, 23, 59, 59, 999_999)
    assert ending(last, ZoneInfo("Africa/Cairo")) == datetime(2026, 10, 29, 21, 59, 59, 999_999, tzinfo=UTC)
    assert in_utc(last, ZoneInfo("Africa/Cairo")) == datetime(2026, 10, 29, 20, 59, 59, 999_999, tzinfo=UTC)


def test_a_day_that_was_left_out() -> None:
    """What falls into the day that Samoa left out begins when the next one does."""
    assert in_utc(datetime(2011, 12, 30, 12), ZoneInfo("Pacific/Apia")) == datetime(2011, 12, 30, 10, tzinfo=UTC)


def test_nights_are_longer_and_shorter() -> None:
    """A window from 22:00 to 06:00 ends at 06:00 also in the nights in which clocks are changed."""
    night = [
        next(spans(NIGHTLY, at, at)) for at in (datetime(2026, 3, 29, tzinfo=UTC), datetime(2026, 10, 25, tzinfo=UTC))
    ]
    assert [(span.end - span.start) / timedelta(hours=1) for span in night] == [7, 9]


@pytest.mark.parametrize(
    ("rule", "starts"),
    [
        ("FREQ=MONTHLY;BYDAY=-1FR", ["01-30", "02-27", "03-27"]),
        ("FREQ=MONTHLY;BYMONTHDAY=31", ["01-31", "03-31", "05-31"]),
        ("FREQ=MONTHLY;BYMONTHDAY=1,15", ["01-01", "01-15", "02-01"]),
        ("FREQ=YEARLY;BYMONTH=2,3;BYMONTHDAY=-1", ["02-28", "03-31", "02-28"]),
        ("FREQ=MONTHLY;BYDAY=+2MO,-1FR", ["01-12", "01-30", "02-09"]),
        ("FREQ=WEEKLY;INTERVAL=2;BYDAY=TH,SU;WKST=SU", ["01-01", "01-11", "01-15"]),
        ("FREQ=WEEKLY;INTERVAL=2;BYDAY=TH,SU", ["01-01", "01-04", "01-15"]),
        ("FREQ=YEARLY;BYYEARDAY=2,-1", ["01-02", "12-31", "01-02"]),
        ("FREQ=YEARLY;BYWEEKNO=10;BYDAY=MO", ["03-02", "03-08", "03-06"]),
        ("FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1", ["01-30", "02-27", "03-31"]),
        ("FREQ=YEARLY;BYMONTH=12;BYMONTHDAY=24", ["12-24", "12-24", "12-24"]),
        ("FREQ=WEEKLY;INTERVAL=2;BYDAY=TH;COUNT=2", ["01-01", "01-15"]),
        ("FREQ=DAILY;UNTIL=20260102", ["01-01", "01-02"]),
        ("FREQ=DAILY;INTERVAL=1;COUNT=2", ["01-01", "01-02"]),
        ("FREQ=DAILY;UNTIL=20260102T220000", ["01-01", "01-02"]),
        ("FREQ=DAILY;UNTIL=20260102T215959", ["01-01"]),
        ("FREQ=DAILY;UNTIL=20260102T205959Z", ["01-01"]),
        ("FREQ=DAILY;UNTIL=20260102T210000Z", ["01-01", "01-02"]),
        ("freq=daily;count=1", ["01-01"]),
        ("", ["01-01"]),
    ],
)
def test_rules(rule: str, starts: list[str]) -> None:
    """Rules of RFC 5545 give the days that they say, counts and ends included."""
    found = coming(replace(NIGHTLY, rule=rule), datetime(2026, 1, 1, tzinfo=UTC))
    assert [f"{span.start:%m-%d}" for span, _ in zip(found, range(3), strict=False)] == starts


def test_days_more_and_days_less() -> None:
    """Further starts are added to those of the rule, and starts that are left out are not there."""
    days = replace(NIGHTLY, also=(datetime(2026, 1, 2, 12),), never=(datetime(2026, 1, 2, 22),))
    found = [span.start for span in spans(days, datetime(2026, 1, 2, 8, tzinfo=UTC), datetime(2026, 1, 4, tzinfo=UTC))]
    assert found == [datetime(2026, 1, 2, 11, tzinfo=UTC), datetime(2026, 1, 3, 21, tzinfo=UTC)]


def test_leap_days_are_found() -> None:
    """The next 29 February is found from any day, eight years ahead if need be."""
    leap = replace(NIGHTLY, first=datetime(2096, 2, 29, 22), rule="FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29")
    assert next(coming(leap, datetime(2096, 3, 2, tzinfo=UTC))).start == datetime(2104, 2, 29, 21, tzinfo=UTC)


@pytest.mark.parametrize(
    ("rule", "word"),
    [
        ("FREQ=HOURLY", "FREQ must be one of DAILY"),
        ("BYDAY=MO", "FREQ must be"),
        ("FREQ=DAILY;INTERVAL=0", "INTERVAL must be from 1 to 1000"),
        ("FREQ=DAILY;INTERVAL=1001", "INTERVAL must be from 1 to 1000"),
        ("FREQ=MONTHLY;BYMONTHDAY=0", "BYMONTHDAY must be from -31 to 31 and not 0, not '0'"),
        ("FREQ=MONTHLY;BYMONTHDAY=32", "BYMONTHDAY must be from -31 to 31"),
        ("FREQ=DAILY;COUNT=x", "COUNT must be"),
        ("FREQ=DAILY;COUNT=1=2", "COUNT must be from 1 to 10000 and not 0, not '1=2'"),
        ("FREQ=DAILY;INTERVAL=1,2", "INTERVAL must be"),
        ("FREQ=MONTHLY;BYDAY=0MO", "'0MO' is no weekday"),
        ("FREQ=WEEKLY;BYDAY=MO;WKST=XX", "'XX' is no weekday"),
        ("FREQ=DAILY;COUNT=2;UNTIL=20270101", "both COUNT and UNTIL"),
        ("FREQ=DAILY;UNTIL=tomorrow", "UNTIL must be as in"),
        ("FREQ=DAILY;UNTIL=20260230", "UNTIL must be as in"),
        ("FREQ=WEEKLY;BYDAY=XX", "'XX' is no weekday"),
        ("FREQ=WEEKLY;BYDAY=MO;BYDAY=TU", "BYDAY twice"),
        ("FREQ=DAILY;BYHOUR=3", "no part of a rule"),
        ("FREQ=WEEKLY;BYMONTHDAY=1", "BYMONTHDAY goes with"),
        ("FREQ=MONTHLY;BYMONTH=2;BYMONTHDAY=30", "cannot be used: no month of it has such a day."),
        ("FREQ=DAILY;INTERVAL=7;BYDAY=MO", "never comes true"),
        ("FREQ=WEEKLY;UNTIL=20251231", "never comes true"),
        ("garbage", "no part of a rule"),
    ],
)
def test_rules_that_are_refused(rule: str, word: str) -> None:
    """A rule that cannot be computed with is refused in words, at once."""
    with pytest.raises(Malformed, match=word) as refusal:
        check(replace(NIGHTLY, rule=rule))
    assert "FREQ=WEEKLY" in refusal.value.advice()


def test_recurrences_that_are_refused() -> None:
    """An unknown zone, a time with an offset and a span without length are refused."""
    for zone in ("Europe/Bielefeld", "", "../etc/passwd", "Europe"):
        with pytest.raises(Malformed, match="no time zone"):
            check(replace(NIGHTLY, zone=zone))
    for start in ("first", "also", "never"):
        at = datetime(2026, 1, 1, tzinfo=UTC)
        with pytest.raises(Malformed) as refusal:
            check(replace(NIGHTLY, **{start: at if start == "first" else (at,)}))
        assert refusal.value.message == "A local time has an offset, but the zone says it already."
        assert refusal.value.advice() == "Write it without one, as in 2026-03-01T22:00."
    check(replace(NIGHTLY, length=timedelta(days=366)))
    for length in (timedelta(0), timedelta(days=366, microseconds=1)):
        with pytest.raises(Malformed, match="longer than nothing"):
            check(replace(NIGHTLY, length=length))


def test_a_refusal_quotes_no_more_than_it_must() -> None:
    """A rule that cannot be used is quoted up to its 200th character."""
    rule = "FREQ=DAILY;" + "X" * 300
    with pytest.raises(Malformed) as refusal:
        check(replace(NIGHTLY, rule=rule))
    assert f"The rule {rule[:200]!r} cannot be used: " in refusal.value.message


@pytest.mark.parametrize("days", [35, 400])
def test_a_span_comes_once(days: int) -> None:
    """What begins at the very instant up to which is looked first is not given again."""
    begin = datetime(2026, 2, 1, 21, tzinfo=UTC)
    found = [span.start for span, _ in zip(coming(NIGHTLY, begin - timedelta(days=days)), range(450), strict=False)]
    assert begin in found
    assert sorted(set(found)) == found
