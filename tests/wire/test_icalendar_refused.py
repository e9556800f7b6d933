"""Calendar files that are refused: in words, with the event, and whatever is in them."""

import contextlib
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mitregate.core.errors import Malformed, Refused, TooLarge
from mitregate.core.feeds import freezes_in
from mitregate.core.times import Times
from mitregate.wire.icalendar import EVENTS_LIMIT, SIZE_LIMIT, read_calendar
from tests.wire.calendars import calendar


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


def test_many_series_of_one_uid_are_refused() -> None:
    """A file in which each of many events is moved out of each of many series is refused before that is worked out."""
    series = "UID:a\nDTSTART:20260101T000000Z\nDTEND:20260101T010000Z\nRRULE:FREQ=DAILY"
    moved = "UID:a\nDTSTART:20260102T000000Z\nDTEND:20260102T010000Z\nRECURRENCE-ID:20260102T000000Z"
    assert len(read_calendar(calendar(series, *[moved] * 1000)).times) == 1001
    with pytest.raises(TooLarge, match="too many series have one UID"):
        read_calendar(calendar(*[series] * 51, *[moved] * 1000))


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
