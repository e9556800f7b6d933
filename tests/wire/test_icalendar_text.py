"""Calendars that are written: what others read in them."""

from datetime import UTC, datetime, timedelta, timezone

from hypothesis import given
from hypothesis import strategies as st
from icalendar import Calendar
from msgspec.structs import replace

from mitregate.core.calendar import LAST
from mitregate.wire.icalendar import read_calendar
from mitregate.wire.icalendar_text import Entry, write_calendar

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
ENTRY = Entry(
    uid="freeze-1@mitregate",
    start=AT,
    end=AT + timedelta(hours=1),
    title="Frozen: year end (Annual accounts)",
    description="One;\ntwo, three\\",
    url="https://gate.example.com/changes/CHG-1",
    category="Freeze",
    changed_at=AT - timedelta(days=1),
)


def test_an_event_is_read_as_it_was_meant() -> None:
    """Everything that an event says is found by a program that reads calendars; the same is written the same."""
    written = write_calendar("Mitregate", [ENTRY])
    assert written == write_calendar("Mitregate", [replace(ENTRY)])
    calendar = Calendar.from_ical(written)
    assert str(calendar["X-WR-CALNAME"]) == str(calendar["NAME"]) == "Mitregate"
    (event,) = calendar.events
    assert (event.uid, event.DTSTAMP, event.start, event.end) == (ENTRY.uid, ENTRY.changed_at, ENTRY.start, ENTRY.end)
    assert (str(event["SUMMARY"]), str(event["DESCRIPTION"])) == (ENTRY.title, ENTRY.description)
    assert (str(event["URL"]), event["STATUS"], event.categories) == (ENTRY.url, "CONFIRMED", ["Freeze"])
    assert calendar.errors == event.errors == []


def test_lines_are_what_the_format_asks_for() -> None:
    """Lines end in CR LF, and none is longer than 75 bytes."""
    lines = write_calendar("Mitregate", [replace(ENTRY, title="ü" * 200)]).split(b"\r\n")
    assert max(map(len, lines)) <= 75
    assert not any(b"\n" in line for line in lines)


def test_parts_of_a_second_are_rounded_up() -> None:
    """What is frozen to the last instant of a day ends there with the next day, and a far end where time does."""
    end = datetime(2026, 3, 1, 23, 59, 59, 999_999, tzinfo=UTC)
    (event,) = Calendar.from_ical(write_calendar("x", [replace(ENTRY, end=end)])).events
    assert event.end == datetime(2026, 3, 2, tzinfo=UTC)
    (event,) = Calendar.from_ical(write_calendar("x", [replace(ENTRY, end=LAST)])).events
    assert event.end == LAST.replace(microsecond=0)


def test_a_mark_has_no_end() -> None:
    """What has no end, or no length, is a mark in the calendar; what is not certain says so."""
    for end in (None, AT):
        written = write_calendar("x", [replace(ENTRY, end=end, is_certain=False, url="", description="")])
        (event,) = Calendar.from_ical(written).events
        assert {"DTEND", "URL", "DESCRIPTION"}.isdisjoint(event)
        assert event["STATUS"] == "TENTATIVE"


zones = st.sampled_from([UTC, timezone(timedelta(hours=14)), timezone(timedelta(hours=-11, minutes=-30))])
moments = st.datetimes(datetime(1900, 1, 2), datetime(8999, 1, 1), timezones=zones)  # noqa: DTZ001 - bounds have no zone


@given(st.lists(st.tuples(moments, st.timedeltas(timedelta(seconds=1), timedelta(days=400)), st.text(max_size=90))))
def test_what_is_written_is_read_back(events: list[tuple[datetime, timedelta, str]]) -> None:
    """Whatever its title and zone, an event that is written is read as the same instants."""
    entries = [
        replace(ENTRY, uid=str(number), start=start, end=start + length, title=title)
        for number, (start, length, title) in enumerate(events)
    ]
    times = read_calendar(write_calendar("Mitregate", entries)).times
    found = [(one.start, one.end) for one in times]
    assert found == [tuple(_naive(edge) for edge in (entry.start, entry.end) if edge) for entry in entries]


def _naive(instant: datetime) -> datetime:
    exact = instant.astimezone(UTC).replace(tzinfo=None)
    return exact if exact.microsecond == 0 else exact.replace(microsecond=0) + timedelta(seconds=1)
