"""Calendar files for tests: events put into one, and the samples."""

from pathlib import Path

from mitregate.core.times import Times
from mitregate.wire.icalendar import read_calendar

SAMPLES = Path(__file__).parents[1] / "samples" / "icalendar"


def sample(name: str) -> bytes:
    """Read a sample, as such a program writes it."""
    return (SAMPLES / f"{name}.ics").read_bytes()


def calendar(*events: str, head: str = "") -> bytes:
    """Put the lines of events, each in a VEVENT, into a calendar; *head* are lines before them."""
    parts = [f"BEGIN:VEVENT\n{event.strip()}\nEND:VEVENT" for event in events]
    lines = "\n".join(["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//tests//EN", *head.strip().splitlines(), *parts])
    return "\r\n".join([*lines.splitlines(), "END:VCALENDAR", ""]).encode()


def only(data: bytes, zone: str = "") -> Times:
    """Read the times of a calendar with one event."""
    (times,) = read_calendar(data, zone).times
    return times
