"""What a calendar freezes, against somebody who looks at the clock on the wall every minute."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st

from mitregate.core.calendar import Calendar, Freeze
from mitregate.core.feeds import freezes_in
from mitregate.wire.icalendar import read_calendar
from tests.wire.calendars import calendar

BERLIN, NEW_YORK = "Europe/Berlin", "America/New_York"
MINUTE = timedelta(minutes=1)


def first_shown(minutes: list[datetime], zone: ZoneInfo, moment: datetime) -> datetime:
    """Find when a clock on the wall first shows *moment* or more, by looking at it every minute."""
    return next(at for at in minutes if at.astimezone(zone).replace(tzinfo=None) >= moment)


def weekly(first: datetime, weekdays: set[int], days: int) -> Iterator[datetime]:
    """Give the starts of a week's days at the time of *first*."""
    return (first + timedelta(days=n) for n in range(days) if (first + timedelta(days=n)).weekday() in weekdays)


TURNS = [
    (BERLIN, date(2026, 3, 29)),
    (BERLIN, date(2026, 10, 25)),
    (NEW_YORK, date(2026, 3, 8)),
    ("Australia/Lord_Howe", date(2026, 4, 5)),
    ("Asia/Kolkata", date(2026, 5, 3)),
]
DAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")


@settings(max_examples=40)
@given(
    st.sampled_from(TURNS),
    st.integers(0, 24 * 60 - 1),
    st.integers(1, 30 * 60),
    st.sets(st.integers(0, 6), min_size=1),
    st.tuples(st.integers(0, 9), st.integers(0, 9)),
)
def test_a_calendar_freezes_the_minutes_that_an_oracle_finds(
    where: tuple[str, date], minute_of_day: int, length: int, weekdays: set[int], others: tuple[int, int]
) -> None:
    """Around changes of the clocks every minute is frozen, or not, as looking at a clock on the wall tells."""
    name, turn = where
    first = datetime.combine(turn - timedelta(days=6), datetime.min.time()) + minute_of_day * MINUTE
    never, also = first + timedelta(days=others[0]), first + timedelta(days=others[1], minutes=7)
    weekdays = weekdays | {first.weekday()}
    event = "\n".join(
        [
            f"DTSTART;TZID={name}:{first:%Y%m%dT%H%M%S}",
            f"DTEND;TZID={name}:{first + length * MINUTE:%Y%m%dT%H%M%S}",
            f"RRULE:FREQ=WEEKLY;BYDAY={','.join(DAYS[n] for n in sorted(weekdays))}",
            f"EXDATE;TZID={name}:{never:%Y%m%dT%H%M%S}",
            f"RDATE;TZID={name}:{also:%Y%m%dT%H%M%S}",
        ]
    )
    begin = datetime.combine(turn - timedelta(days=8), datetime.min.time(), UTC)
    minutes = [begin + number * MINUTE for number in range(17 * 24 * 60)]
    starts = {*weekly(first, weekdays, 12), also} - {never}
    zone = ZoneInfo(name)
    held = [(first_shown(minutes, zone, at), first_shown(minutes, zone, at + length * MINUTE)) for at in starts]
    frozen = Calendar(freezes=freezes_in("f", read_calendar(calendar(event)).times, ""))
    assert all(isinstance(freeze, Freeze) for freeze in frozen.freezes)
    for minute in minutes[: 11 * 24 * 60 : 3]:
        assert bool(frozen.freezes_now(minute)) == any(start <= minute <= end for start, end in held), minute
