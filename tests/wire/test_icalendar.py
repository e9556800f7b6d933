# ruff: noqa: DTZ001 - local times have no offset
"""Calendar files as programs write them, and what their events say of when."""

import contextlib
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mitregate.core.calendar import Calendar, Freeze
from mitregate.core.errors import Malformed, Refused, TooLarge
from mitregate.core.feeds import freezes_in
from mitregate.core.times import Times
from mitregate.wire.icalendar import EVENTS_LIMIT, SIZE_LIMIT, read_calendar
from mitregate.wire.icalendar_events import is_whole_days
from tests.wire.calendars import calendar, sample

BERLIN = "Europe/Berlin"
NEW_YORK = "America/New_York"
MINUTE = timedelta(minutes=1)


def local(*parts: int) -> datetime:
    """Give a local time."""
    return datetime(*parts)  # type: ignore[arg-type]


def day(year: int, month: int, number: int) -> datetime:
    """Give the last instant of a day."""
    return datetime(year, month, number, 23, 59, 59, 999_999)


def only(data: bytes, zone: str = "") -> Times:
    """Read the times of a calendar with one event."""
    (times,) = read_calendar(data, zone).times
    return times


# --- as programs write them ---


def test_google_is_read() -> None:
    """Google's whole days, series with one moved and one left out, and what was called off."""
    file = read_calendar(sample("google"))
    assert (file.title, file.zone) == ("Release freezes", BERLIN)
    assert file.times == (
        Times(start=local(2026, 12, 24), end=day(2026, 12, 26), zone=BERLIN, note="Christmas, all offices"),
        Times(start=local(2026, 6, 5, 20), end=local(2026, 6, 6, 4), note="Data centre move"),
        Times(
            start=local(2026, 3, 2, 9, 30),
            end=local(2026, 3, 2, 10, 30),
            rule="FREQ=WEEKLY;UNTIL=20260328T035959Z;BYDAY=MO;WKST=SU",
            zone=NEW_YORK,
            never=(local(2026, 3, 9, 9, 30), local(2026, 3, 16, 9, 30)),
            note="Opening bell",
        ),
        Times(start=local(2026, 3, 9, 13), end=local(2026, 3, 9, 13, 30), zone=NEW_YORK, note="Opening bell, later"),
    )


def test_outlook_is_read() -> None:
    """Outlook's names of zones, zones of its own making, and events that it shows as free."""
    closing, council = read_calendar(sample("outlook")).times
    assert (closing.zone, council.zone) == (BERLIN, NEW_YORK)
    assert (closing.note, closing.never) == ("Month end closing", (local(2026, 4, 24, 8),))
    assert (council.start, council.end) == (local(2026, 7, 10, 9), local(2026, 7, 10, 10, 30))


def test_apple_is_read() -> None:
    """Apple's yearly days, zones with half hours under a path, further dates and periods; what is no event is not."""
    file = read_calendar(sample("apple"), BERLIN)
    labour, night, first, second = file.times
    assert (labour.rule, labour.zone, is_whole_days(labour)) == ("FREQ=YEARLY", BERLIN, True)
    assert (night.zone, night.also) == ("Australia/Lord_Howe", (local(2026, 10, 3, 22), local(2026, 10, 10, 22)))
    assert (first.start, first.end) == (local(2026, 12, 24, 12), local(2026, 12, 24, 14))
    assert (second.start, second.end) == (local(2026, 12, 25, 12), local(2026, 12, 25, 13))
    assert night.note == "Batch night 🌙"


# --- what an event says ---


@pytest.mark.parametrize(
    ("event", "start", "end"),
    [
        ("DTSTART:20260105T090000\nDTEND:20260105T100000", local(2026, 1, 5, 9), local(2026, 1, 5, 10)),
        ("DTSTART:20260105T090000\nDURATION:P1DT1H", local(2026, 1, 5, 9), local(2026, 1, 6, 10)),
        ("DTSTART;VALUE=DATE:20260105", local(2026, 1, 5), day(2026, 1, 5)),
        ("DTSTART;VALUE=DATE:20260105\nDTEND;VALUE=DATE:20260105", local(2026, 1, 5), day(2026, 1, 5)),
        ("DTSTART;VALUE=DATE:20260105\nDURATION:P2D", local(2026, 1, 5), day(2026, 1, 6)),
        # Days by the calendar: in the night in which clocks are set forward that is 23 hours.
        ("DTSTART:20260328T120000\nDURATION:P1D", local(2026, 3, 28, 12), local(2026, 3, 29, 12)),
        # Hours by the clock: eight of them end an hour earlier when clocks were set back.
        ("DTSTART:20261024T220000\nDURATION:PT8H", local(2026, 10, 24, 22), local(2026, 10, 25, 5)),
        # The end is in another zone than the start.
        ("DTSTART:20260105T090000\nDTEND:20260105T090000Z", local(2026, 1, 5, 9), local(2026, 1, 5, 10)),
    ],
)
def test_single_events_last_from_start_to_end(event: str, start: datetime, end: datetime) -> None:
    """An end, a length, a whole day, or several, in the zone that is given for those that name none."""
    assert only(calendar(event), BERLIN) == Times(start=start, end=end, zone=BERLIN)


def test_what_a_clock_shows_twice_is_said_without_doubt() -> None:
    """An event that ends when a clock shows that time for the second time ends then, and not an hour earlier."""
    times = only(calendar("DTSTART:20261025T013000\nDURATION:PT2H"), BERLIN)
    assert (times.start, times.end) == (
        datetime(2026, 10, 24, 23, 30, tzinfo=UTC),
        datetime(2026, 10, 25, 1, 30, tzinfo=UTC),
    )
    (freeze,) = freezes_in("f", (times,), "")
    assert freeze.at(datetime(2026, 10, 25, 1, 29, tzinfo=UTC)) is not None


def test_marks_without_a_length_freeze_nothing() -> None:
    """What begins and ends at once is a mark in a calendar."""
    assert read_calendar(calendar("DTSTART:20260105T090000Z", "DTSTART:20260105T090000Z\nRRULE:FREQ=DAILY")).times == ()


def test_a_start_beside_its_rule_counts() -> None:
    """The first start is one, also where the rule gives others only, or none."""
    beside = only(calendar("DTSTART:20260106T090000Z\nDURATION:PT1H\nRRULE:FREQ=WEEKLY;BYDAY=MO"))
    assert (beside.also, beside.rule) == ((local(2026, 1, 6, 9),), "FREQ=WEEKLY;BYDAY=MO")
    over = only(calendar("DTSTART:20260106T090000Z\nDURATION:PT1H\nRRULE:FREQ=DAILY;UNTIL=20260105"))
    assert over == Times(start=local(2026, 1, 6, 9), end=local(2026, 1, 6, 10))


def test_whole_days_are_left_out_by_their_date() -> None:
    """A series of times may leave out days, and one of days instants; until is a day, in whichever zone."""
    timed = only(calendar("DTSTART:20260105T090000Z\nDURATION:PT1H\nRRULE:FREQ=DAILY\nEXDATE;VALUE=DATE:20260107"))
    assert timed.never == (local(2026, 1, 7, 9),)
    event = "DTSTART;VALUE=DATE:20260105\nRRULE:FREQ=DAILY;UNTIL=20260108T000000Z\nEXDATE:20260107T000000Z"
    days = only(calendar(event), NEW_YORK)
    assert (days.rule, days.never) == ("FREQ=DAILY;UNTIL=20260108", (local(2026, 1, 6),))


def test_a_moved_event_without_its_series_counts() -> None:
    """One event of a series that is there alone is an event as any other."""
    times = only(calendar("UID:a\nDTSTART:20260105T090000Z\nDURATION:PT1H\nRECURRENCE-ID:20260104T090000Z"))
    assert times.start == local(2026, 1, 5, 9)


@pytest.mark.parametrize(
    "others",
    [
        ["UID:a\nDTSTART:20260106T090000Z\nRECURRENCE-ID:20260106T090000Z\nSTATUS:CANCELLED"],
        ["UID:a\nDTSTART:20260106T120000Z\nRECURRENCE-ID;TZID=Europe/Berlin:20260106T100000"],
    ],
)
def test_a_moved_event_leaves_its_place(others: list[str]) -> None:
    """Where one event of a series was moved or called off, the series leaves that start out, whatever its zone."""
    series = "UID:a\nDTSTART:20260105T090000Z\nDURATION:PT1H\nRRULE:FREQ=DAILY;COUNT=2"
    assert only(calendar(series, *others)).never == (local(2026, 1, 6, 9),)


@pytest.mark.parametrize("series", ["STATUS:CANCELLED\n", ""])
def test_what_was_called_off_is_left_out(series: str) -> None:
    """A series that was called off is left out with all that was moved, and so is a calendar that calls off."""
    event = f"UID:a\n{series}DTSTART:20260105T090000Z\nDURATION:PT1H\nRRULE:FREQ=DAILY"
    moved = "UID:a\nDTSTART:20260109T090000Z\nDURATION:PT1H\nRECURRENCE-ID:20260106T090000Z"
    assert bool(read_calendar(calendar(event, moved)).times) is (not series)
    assert read_calendar(calendar(event, moved, head="METHOD:CANCEL")).times == ()


def test_titles_are_one_line() -> None:
    """What a title has of line breaks, characters that nobody sees, and length beyond 200 is taken away."""
    event = "DTSTART:20260105T090000Z\nDURATION:PT1H\nSUMMARY:a\\nb\\, c\u202e " + "x" * 300
    note = only(calendar(event)).note
    assert (note[:7], len(note)) == ("a b, c ", 200)


@pytest.mark.parametrize(
    ("tzid", "found"),
    [
        ("Europe/Berlin", BERLIN),
        ("W. Europe Standard Time", BERLIN),
        ("/mozilla.org/20050126_1/Europe/Berlin", BERLIN),
        ("/America/Argentina/Buenos_Aires", "America/Argentina/Buenos_Aires"),
        ("UTC", "UTC"),
    ],
)
def test_zones_are_found_by_their_names(tzid: str, found: str) -> None:
    """IANA names, those of Windows, and paths that end in one."""
    assert only(calendar(f"DTSTART;TZID={tzid}:20260105T090000\nDURATION:PT1H")).zone == found


def zone(*parts: str) -> str:
    """Describe the zone `Home` by its parts."""
    return "\n".join(["BEGIN:VTIMEZONE", "TZID:Home", *parts, "END:VTIMEZONE"])


def part(kind: str, before: str, after: str, *more: str) -> str:
    """Describe a part of a zone."""
    begin = f"BEGIN:{kind}\nDTSTART:20070101T020000\nTZOFFSETFROM:{before}\nTZOFFSETTO:{after}"
    return "\n".join([begin, *more, f"END:{kind}"])


SUMMER = part("DAYLIGHT", "+0100", "+0200", "RRULE:FREQ=YEARLY;BYMONTH=3;BYDAY=-1SU")
WINTER = part("STANDARD", "+0200", "+0100", "RRULE:FREQ=YEARLY;BYMONTH=10;BYDAY=-1SU")


@pytest.mark.parametrize(
    ("described", "found"),
    [
        (zone("X-LIC-LOCATION:Asia/Tokyo"), "Asia/Tokyo"),
        (zone(SUMMER, WINTER), BERLIN),
        (zone(part("STANDARD", "+0000", "+0000")), "UTC"),
        (zone(part("STANDARD", "+0530", "+0500")), "Etc/GMT-5"),
        (zone(part("STANDARD", "-0800", "-0800")), "Etc/GMT+8"),
    ],
)
def test_zones_are_found_by_what_they_do(described: str, found: str) -> None:
    """A name that nobody knows is that of the zone which does what the file says."""
    event = "DTSTART;TZID=Home:20260105T090000\nDURATION:PT1H"
    assert only(calendar(event, head=described)).zone == found
    assert read_calendar(calendar(event, head=f"X-WR-TIMEZONE:Home\n{described}")).zone == found


@pytest.mark.parametrize(
    "described",
    [
        "",
        zone(),
        zone(SUMMER),
        zone(part("STANDARD", "+0000", "+0007")),
        zone(part("DAYLIGHT", "+0100", "+0300", "RRULE:FREQ=YEARLY;BYMONTH=3;BYDAY=-1SU"), WINTER),
        zone(part("DAYLIGHT", "+0100", "+0200"), WINTER),
        # A rule that no computer comes to the end of.
        zone(part("DAYLIGHT", "+0100", "+0200", "RRULE:FREQ=SECONDLY"), WINTER),
    ],
)
def test_zones_that_nobody_knows_are_refused(described: str) -> None:
    """A zone that cannot be found is refused, with the event that is in it, and what to do."""
    event = "SUMMARY:Standup\nDTSTART;TZID=Home:20260105T090000\nDURATION:PT1H"
    found = None if described != zone(SUMMER) else BERLIN
    if found is not None:
        assert only(calendar(event, head=described)).zone == found
        return
    with pytest.raises(Malformed) as refusal:
        read_calendar(calendar("DTSTART:20260101T000000Z", event, head=described))
    assert refusal.value.message == "The event 2 (Standup) cannot be used: The time zone 'Home' is not known."


# --- what is refused ---


@pytest.mark.parametrize(
    ("event", "why"),
    [
        ("SUMMARY:a", "it has no DTSTART"),
        ("DTSTART:2026", "its DTSTART cannot be read"),
        ("DTSTART:00010101T000000Z", "its DTSTART is no date and time from 1900 to 9000"),
        ("DTSTART;VALUE=PERIOD:20260105T090000Z/PT1H", "its DTSTART is no date and time"),
        ("DTSTART:20260105T090000Z\nDTSTART:20260105T090000Z", "it has DTSTART more than once"),
        ("DTSTART:20260105T090000Z\nDTEND:20260105T080000Z", "it ends before it begins"),
        ("DTSTART:20260105T090000Z\nDURATION:-PT1H", "it ends before it begins"),
        ("DTSTART:20260105T090000Z\nDURATION:soon", "its DURATION cannot be read"),
        ("DTSTART:20260105T090000Z\nDTEND;VALUE=DATE:20260106", "is a date, and the other one a time"),
        (
            "DTSTART:20260105T090000Z\nDURATION:PT1H\nRRULE:FREQ=HOURLY",
            "'FREQ=HOURLY' cannot be used: FREQ must be one of",
        ),
        ("DTSTART:20260105T090000Z\nDURATION:PT1H\nRRULE:FREQ=DAILY;INTERVAL=0", "INTERVAL must be from 1"),
        ("DTSTART:20260105T090000Z\nDURATION:PT1H\nRRULE:FREQ=DAILY\nRRULE:FREQ=WEEKLY", "RRULE more than once"),
        ("DTSTART:20260105T090000Z\nDURATION:PT1H\nRRULE:FREQ=DAILY\nEXRULE:FREQ=WEEKLY", "it has an EXRULE"),
        ("DTSTART:20260105T090000Z\nDURATION:P400D\nRRULE:FREQ=DAILY", "a year at most"),
        ("DTSTART:20260105T090000Z\nDURATION:PT1H\nRRULE:FREQ=DAILY\nEXDATE:x", "its EXDATE cannot be read"),
        ("DTSTART:20260105T090000Z\nRECURRENCE-ID;RANGE=THISANDFUTURE:20260105T090000Z", "changes all that follow"),
        ("DTSTART:20260105T090000Z\nDURATION:PT1H\nno colon here", "its text cannot be read"),
    ],
)
def test_events_that_cannot_be_kept_to_are_refused(event: str, why: str) -> None:
    """What an event says is kept to, or the file is refused, with the event and the reason."""
    with pytest.raises(Malformed) as refusal:
        read_calendar(calendar("DTSTART:20260101T000000Z\nDURATION:PT1H", f"SUMMARY:Bad one\n{event}"))
    assert refusal.value.message.startswith("The event 2 (") or event == "SUMMARY:a"
    assert why in refusal.value.message
    assert refusal.value.advice() == "Correct it where the calendar is kept, or take it out of there."


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "there is no VCALENDAR in it"),
        (b"<!DOCTYPE html><html><body>Sign in</body></html>", ""),
        (b"\xff\xfe", "it is not UTF-8"),
        (b"BEGIN:VCALENDAR\r\nVERSION:2.0\r\n", "it breaks off inside of VCALENDAR"),
        (calendar("DTSTART:20260101T000000Z")[:-17], "it breaks off inside of VCALENDAR"),
        (b"BEGIN:VCALENDAR\r\nEND:VEVENT\r\n", "END:VEVENT ends nothing"),
        (b"END:VCALENDAR\r\n", "END:VCALENDAR ends nothing"),
        (b"BEGIN:VEVENT\r\nDTSTART:20260101T000000Z\r\nEND:VEVENT\r\n", "there is no VCALENDAR in it"),
        (b"BEGIN:VCALENDAR\r\n" * 6, "too deeply"),
    ],
)
def test_what_is_no_calendar_is_refused(data: bytes, why: str) -> None:
    """A page to sign in, a file that breaks off, and whatever else is no calendar never passes for an empty one."""
    with pytest.raises(Malformed, match="This is no iCalendar file") as refusal:
        read_calendar(data)
    assert why in refusal.value.message
    assert refusal.value.advice()


def test_there_are_limits() -> None:
    """A file that is too large, or has too many events, is refused with the limit."""
    with pytest.raises(TooLarge, match=f"more than {SIZE_LIMIT} bytes"):
        read_calendar(calendar("DTSTART:20260101T000000Z\nDESCRIPTION:" + "x" * SIZE_LIMIT))
    with pytest.raises(TooLarge, match=f"has {EVENTS_LIMIT + 1} events; at most {EVENTS_LIMIT} are taken"):
        read_calendar(calendar(*["DTSTART:20260101T000000Z"] * (EVENTS_LIMIT + 1)))


def test_nothing_is_remembered_from_file_to_file() -> None:
    """What one file calls a zone means nothing in another."""
    event = "DTSTART;TZID=Home:20260105T090000\nDURATION:PT1H"
    assert only(calendar(event, head=zone(SUMMER, WINTER))).zone == BERLIN
    with pytest.raises(Malformed, match="'Home' is not known"):
        read_calendar(calendar(event))


LINES = [
    "BEGIN:VEVENT",
    "END:VEVENT",
    "BEGIN:VTIMEZONE",
    "END:VTIMEZONE",
    "BEGIN:X-ODD",
    "END:X-ODD",
    "TZID:Home",
    "DTSTART:20260101T000000Z",
    "DTSTART;TZID=Home:20260101T000000",
    "DTSTART;VALUE=DATE:20260101",
    "DTSTART;VALUE=TIME:101010",
    "DTEND:20260102T000000",
    "DURATION:PT1H",
    "DURATION:P999999999D",
    "RRULE:FREQ=DAILY",
    "RRULE:FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30",
    "RRULE:UNTIL=x",
    "RRULE:",
    "RDATE:20260103T000000Z,20260104",
    "RDATE:",
    "RDATE;VALUE=PERIOD:20260103T000000Z/PT1H",
    "EXDATE:20260101T000000Z",
    "EXDATE;TZID=Europe/Berlin:20260101T000000",
    "RECURRENCE-ID:20260101T000000Z",
    "UID:a",
    "STATUS:CANCELLED",
    "SUMMARY;LANGUAGE=de:Ä",
    "CATEGORIES:a,b",
    "FREEBUSY:20260101T000000Z/PT1H",
    'ATTENDEE;CN="x:mailto:a@b',
    "GEO:1",
    "TRIGGER:x",
    "TZOFFSETTO:x",
    " folded",
    ";",
    ":",
    "\x00",
]


@settings(max_examples=300)
@given(st.lists(st.sampled_from(LINES) | st.text(max_size=20), max_size=12))
def test_whatever_is_in_a_file_it_is_read_or_refused(lines: list[str]) -> None:
    """No file makes anything else than times that can be computed with, or a refusal."""
    text = "\r\n".join(["BEGIN:VCALENDAR", "BEGIN:VEVENT", *lines, "END:VEVENT", "END:VCALENDAR"])
    times: tuple[Times, ...] = ()
    with contextlib.suppress(Refused):
        times = read_calendar(text.encode(errors="replace")).times
    for freeze in freezes_in("f", times, ""):
        freeze.next_edge(datetime(2026, 1, 1, tzinfo=UTC))


# --- an oracle ---


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
