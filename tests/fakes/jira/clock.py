"""Jira's own clock, which can stand still and be wrong, and the ways in which Jira writes an instant."""

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo


class Clock:
    """A clock.

    `at` is where it stands still, None lets it run; `ahead` is by how much it is wrong while it runs.
    """

    def __init__(self, at: datetime | None = None) -> None:
        self.at = at
        self.ahead = timedelta()

    def now(self) -> datetime:
        """Say how late it is, in UTC."""
        return datetime.now(UTC) + self.ahead if self.at is None else self.at

    def advance(self, **by: float) -> datetime:
        """Go forward, by so many `hours`, `minutes`, `seconds`."""
        if self.at is None:
            self.ahead += timedelta(**by)
        else:
            self.at += timedelta(**by)
        return self.now()


def rest_time(at: datetime, zone: str) -> str:
    """Write an instant as the platform does: milliseconds, and the offset of the reader's zone without a colon."""
    local = at.astimezone(ZoneInfo(zone))
    return f"{local:%Y-%m-%dT%H:%M:%S}.{local.microsecond // 1000:03d}{local:%z}"


def desk_time(at: datetime, zone: str) -> dict[str, Any]:
    """Write an instant as the service desk does, four times."""
    local = at.astimezone(ZoneInfo(zone))
    return {
        "iso8601": f"{local:%Y-%m-%dT%H:%M:%S%z}",
        "jira": rest_time(at, zone),
        "friendly": f"{local:%d/%b/%y %I:%M %p}",
        "epochMillis": int(at.timestamp() * 1000),
    }


def millis(at: datetime) -> int:
    """Count the milliseconds since 1970."""
    return int(at.timestamp() * 1000)
