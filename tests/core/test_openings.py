# ruff: noqa: DTZ001 - local times have no offset
"""The earliest opening over everything at once, against an oracle that looks at a clock on the wall every minute."""

from datetime import UTC, date, datetime, timedelta
from functools import cache
from itertools import chain
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Struct
from msgspec.structs import replace

from mitregate.core.calendar import Calendar, Window, earliest_opening
from mitregate.core.reach import subject_of
from mitregate.core.rulebook import FreezeRule, HolidaySet, Hours, Rulebook, calendar_for
from mitregate.core.times import Times
from tests.core.making import MICROSECOND, deployment

MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
DAYS = 8
LENGTH = DAYS * 24 * 60
Span = tuple[datetime, datetime]
"""A start and an end, both part of it: the oracle knows nothing of windows."""

NAMES = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")

TURNS = [
    ("Europe/Berlin", date(2026, 3, 29)),
    ("Europe/Berlin", date(2026, 10, 25)),
    ("America/New_York", date(2026, 11, 1)),
    ("America/Havana", date(2026, 3, 8)),  # at midnight
    ("America/Havana", date(2026, 11, 1)),
    ("Africa/Cairo", date(2026, 10, 29)),  # at midnight, back into the day before
    ("Australia/Lord_Howe", date(2026, 4, 5)),  # by half an hour
    ("Asia/Kolkata", date(2026, 6, 1)),  # never
]
"""Zones, and local days on or before which their clocks are changed."""


class Weekly(Struct, frozen=True):
    """Spans on days of the week, from a minute of the day, so many minutes long."""

    weekdays: frozenset[int]
    minute: int
    length: int


class Plan(Struct, frozen=True):
    """All that bears on when a gate may open, in minutes and days after the day four days before a change of clocks."""

    zone: str
    turn: date
    hours: Weekly | None
    frozen: Weekly | None
    holidays: frozenset[int]
    once: tuple[int, int] | None
    window: tuple[int | None, int | None]
    overridden: int | None
    now: int


@cache
def clock(zone: str, turn: date) -> list[tuple[datetime, datetime]]:
    """Look at the clock every minute of eight days: the instant, and what it shows."""
    there = ZoneInfo(zone)
    begin = datetime(turn.year, turn.month, turn.day, tzinfo=there).astimezone(UTC) - 4 * DAY
    instants = (begin + number * MINUTE for number in range(LENGTH))
    return [(instant, instant.astimezone(there).replace(tzinfo=None)) for instant in instants]


def first_shown(plan: Plan, local: datetime) -> datetime:
    """Find when the clock first shows *local* or more; before and after the eight days it is as if it never changed."""
    minutes = clock(plan.zone, plan.turn)
    if local < minutes[0][1]:
        return minutes[0][0] - (minutes[0][1] - local)
    return next((instant for instant, wall in minutes if wall >= local), minutes[-1][0] + (local - minutes[-1][1]))


def weekly_by_hand(plan: Plan, weekly: Weekly) -> list[Span]:
    """Give the spans of those days, those before and after the eight included that reach into them."""
    found = []
    for number in range(-7, DAYS + 6):
        day = plan.turn + timedelta(days=number - 4)
        if day.weekday() in weekly.weekdays:
            start = datetime(day.year, day.month, day.day) + weekly.minute * MINUTE
            begin = first_shown(plan, start)
            found.append((begin, max(begin, first_shown(plan, start + weekly.length * MINUTE))))
    return found


def holidays_by_hand(plan: Plan) -> list[Span]:
    """Give the holidays, each from its first instant until before the first of the next day."""
    found = []
    for number in plan.holidays:
        day = plan.turn + timedelta(days=number - 4)
        begin, after = (datetime(one.year, one.month, one.day) for one in (day, day + DAY))
        found.append((first_shown(plan, begin), first_shown(plan, after) - MICROSECOND))
    return found


def instant(plan: Plan, number: int) -> datetime:
    """Give the instant of a minute."""
    return clock(plan.zone, plan.turn)[number][0]


def window_of(plan: Plan) -> tuple[datetime | None, datetime]:
    """Give the edges of the window of the change; it ends with the eight days at the latest."""
    start, end = plan.window
    last = instant(plan, end if end is not None else LENGTH - 1)
    return instant(plan, start) if start is not None else None, last


def oracle(plan: Plan) -> datetime | None:
    """Try every minute, and the tick after it, for the first instant at which everything is open."""
    held = [*(weekly_by_hand(plan, plan.frozen) if plan.frozen else ()), *holidays_by_hand(plan)]
    if plan.once is not None:
        held.append((instant(plan, plan.once[0]), instant(plan, plan.once[1])))
    if plan.overridden is not None:
        since = instant(plan, plan.overridden)
        held = [span for span in held if span[0] > since]
    minutes = [moment for moment, _ in clock(plan.zone, plan.turn)]
    hours = weekly_by_hand(plan, plan.hours) if plan.hours else [(minutes[0], minutes[-1] + MINUTE)]
    start, end = window_of(plan)
    for moment in chain.from_iterable((one, one + MICROSECOND) for one in minutes[plan.now :]):
        if (start is None or start <= moment) and moment <= end and holds(hours, moment) and not holds(held, moment):
            return moment
    return None


def holds(spans: list[Span], moment: datetime) -> bool:
    """Tell whether it lies in one of the spans."""
    return any(start <= moment <= end for start, end in spans)


def times_of(plan: Plan, weekly: Weekly) -> Times:
    """Write spans on days of the week as a rule, which began a year before."""
    first = plan.turn - timedelta(days=365)
    return Times(
        start=datetime(first.year, first.month, first.day) + weekly.minute * MINUTE,
        length=f"{weekly.length}m",
        rule="FREQ=WEEKLY;BYDAY=" + ",".join(NAMES[day] for day in sorted(weekly.weekdays)),
        zone=plan.zone,
    )


def calendar_of(plan: Plan) -> Calendar:
    """Write it all as rules, and make the calendar of them."""
    days = tuple(plan.turn + timedelta(days=number - 4) for number in sorted(plan.holidays))
    freezes = []
    if plan.frozen is not None:
        freezes.append(FreezeRule(name="weekly", when=times_of(plan, plan.frozen)))
    if days:
        freezes.append(FreezeRule(name="holidays", when=Times(zone=plan.zone), holidays=("feasts",)))
    if plan.once is not None:
        start, end = (instant(plan, number) for number in plan.once)
        freezes.append(FreezeRule(name="once", when=Times(start=start, end=end)))
    book = Rulebook(
        hours=(Hours(name="hours", when=times_of(plan, plan.hours)),) if plan.hours is not None else (),
        holidays=(HolidaySet(name="feasts", days=days),),
        freezes=tuple(freezes),
    )
    calendar = calendar_for(book, subject_of(deployment()))
    if plan.overridden is None:
        return calendar
    since = instant(plan, plan.overridden)
    return replace(calendar, freezes=tuple(replace(one, overridden_at=since) for one in calendar.freezes))


numbers = st.integers(0, LENGTH - 1)
# Whole hours, mostly: then edges meet.
of_day = st.integers(0, 23).map(lambda hour: hour * 60) | st.integers(0, 24 * 60 - 1)
weeklies = st.builds(
    Weekly,
    st.frozensets(st.integers(0, 6), min_size=1),
    of_day,
    st.integers(1, 26).map(lambda hour: hour * 60) | st.integers(1, 26 * 60),
)
plans = st.builds(
    lambda where, *rest: Plan(*where, *rest),
    st.sampled_from(TURNS),
    st.none() | weeklies,
    st.none() | weeklies,
    st.frozensets(st.integers(0, DAYS - 1), max_size=4),
    st.none() | st.tuples(numbers, numbers).map(lambda edges: (min(edges), max(edges))),
    st.tuples(st.none() | numbers, st.none() | numbers).filter(
        lambda edges: edges[0] is None or edges[1] is None or edges[0] <= edges[1]
    ),
    st.none() | st.none() | numbers,
    st.integers(24 * 60, 6 * 24 * 60),
)


@settings(deadline=None, max_examples=60)
@given(plans)
def test_the_earliest_opening_over_everything_is_that_of_an_oracle(plan: Plan) -> None:
    """Over a window, hours, freezes that come again and once, holidays and an override it is the first one tried."""
    now = instant(plan, plan.now)
    start, end = window_of(plan)
    found = earliest_opening(Window(start=start, end=end), calendar_of(plan), now)
    expected = oracle(plan)
    assert found == (expected if expected != now else None)


@settings(deadline=None, max_examples=40)
@given(plans)
def test_what_holds_at_a_minute_is_what_the_oracle_says(plan: Plan) -> None:
    """At any minute the freezes that hold, and the hours, are those that a clock on the wall gives."""
    calendar, moment = calendar_of(plan), instant(plan, plan.now)
    is_free = not calendar.freezes_now(moment) and calendar.is_within_hours(moment)
    assert is_free is (oracle(replace(plan, window=(None, None))) == moment)
