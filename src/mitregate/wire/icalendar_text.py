"""Calendars as iCalendar files, written, so that Outlook, Google and Thunderbird can subscribe to them (RFC 5545).

All instants are written in UTC, which every program shows in the zone of whoever looks. Text is escaped and folded by
the library `icalendar`.
"""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from icalendar import Calendar, Event
from msgspec import Struct

from mitregate.core.calendar import LAST

PRODUCT = "-//Mitregate//Mitregate//EN"
"""Who wrote it, as every calendar says."""

AGAIN = timedelta(hours=1)
"""How often programs are asked to look again (RFC 7986 §5.7); most do as they please."""

SECOND = timedelta(seconds=1)


class Entry(Struct, frozen=True, kw_only=True):
    """One event; `end` is its last instant, or None for a mark in the calendar.

    `uid` stays the same for as long as it is the same event, `changed_at` for as long as it says the same.
    """

    uid: str
    start: datetime
    end: datetime | None
    title: str
    description: str = ""
    url: str = ""
    category: str
    is_certain: bool = True
    changed_at: datetime


def write_calendar(title: str, entries: Iterable[Entry]) -> bytes:
    """Write a calendar: the same bytes for the same entries."""
    calendar = Calendar()
    calendar.add("prodid", PRODUCT)
    calendar.add("version", "2.0")
    calendar.add("calscale", "GREGORIAN")
    calendar.add("method", "PUBLISH")
    calendar.add("x-wr-calname", title)
    calendar.add("name", title)
    calendar.add("refresh-interval", AGAIN, parameters={"VALUE": "DURATION"})
    calendar.add("x-published-ttl", "PT1H")
    for entry in entries:
        calendar.add_component(_event(entry))
    written: bytes = calendar.to_ical()
    return written


def _event(entry: Entry) -> Event:
    event = Event()
    event.add("uid", entry.uid)
    event.add("dtstamp", entry.changed_at)
    event.add("summary", entry.title)
    event.add("dtstart", _whole(entry.start))
    if entry.end is not None and entry.end > entry.start:
        # An end is exclusive there: of a day that is frozen to its last instant it is the first one of the next.
        event.add("dtend", _whole(entry.end))
    if entry.description:
        event.add("description", entry.description)
    if entry.url:
        event.add("url", entry.url)
    event.add("categories", [entry.category])
    event.add("status", "CONFIRMED" if entry.is_certain else "TENTATIVE")
    event.add("transp", "TRANSPARENT")  # it keeps nobody from meetings
    return event


def _whole(instant: datetime) -> datetime:
    """Give an instant in UTC and whole seconds, as the format has them, later rather than sooner."""
    exact = instant.astimezone(UTC)
    whole = exact.replace(microsecond=0)
    return whole if whole == exact or LAST - exact < SECOND else whole + SECOND
