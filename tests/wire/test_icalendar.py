# ruff: noqa: DTZ001 - local times have no offset
"""Calendar files as programs write them, and what their events say of when."""

from datetime import UTC, datetime

import pytest

from mitregate.core.errors import Malformed
from mitregate.core.feeds import freezes_in
from mitregate.core.times import Times
from mitregate.wire.icalendar import read_calendar
from mitregate.wire.icalendar_events import is_whole_days
from tests.wire.calendars import calendar, only, sample

BERLIN = "Europe/Berlin"
NEW_YORK = "America/New_York"


def local(*parts: int) -> datetime:
    """Give a local time."""
    return datetime(*parts)  # type: ignore[arg-type]


def day(year: int, month: int, number: int) -> datetime:
    """Give the last instant of a day."""
    return datetime(year, month, number, 23, 59, 59, 999_999)


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


def test_nothing_is_remembered_from_file_to_file() -> None:
    """What one file calls a zone means nothing in another."""
    event = "DTSTART;TZID=Home:20260105T090000\nDURATION:PT1H"
    assert only(calendar(event, head=zone(SUMMER, WINTER))).zone == BERLIN
    with pytest.raises(Malformed, match="'Home' is not known"):
        read_calendar(calendar(event))
