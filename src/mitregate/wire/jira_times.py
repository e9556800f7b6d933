"""Instants as Jira writes them: milliseconds, and an offset without a colon.

`2026-03-02T12:00:00.000+0000` is what fields of the type datetime take; in replies the offset is that of the time zone
of whoever asks.

Source: https://developer.atlassian.com/cloud/jira/platform/rest/v3/intro/ and the issue bodies of both flavours.
"""

import re
from datetime import UTC, datetime

from mitregate.core.errors import Malformed

_INSTANT = re.compile(
    r"(\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d)?)(?:\.(\d{1,9}))?(Z|[+-]\d\d:?\d\d)", re.ASCII | re.IGNORECASE
)


def read_time(text: str) -> datetime:
    """Read an instant.

    Returns:
        It in UTC.

    Raises:
        Malformed: it is none, or has no offset.
    """
    found = _INSTANT.fullmatch(text.strip())
    try:
        if found is not None:
            clock, fraction, offset = found.groups()
            digits = (fraction or "")[:6].ljust(6, "0")
            clock = clock if clock.count(":") == 2 else f"{clock}:00"
            return datetime.fromisoformat(f"{clock.upper()}.{digits}{offset.upper()}").astimezone(UTC)
    except (ValueError, OverflowError):
        pass  # it looks like an instant, and no calendar knows it
    raise Malformed(f"{text[:60]!r} is not an instant as Jira writes them, such as 2026-03-02T12:00:00.000+0000.")


def write_time(instant: datetime) -> str:
    """Write an instant as Jira reads it, in UTC, cut to milliseconds."""
    at = instant.astimezone(UTC)
    return f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03d}+0000".zfill(len("2026-03-02T12:00:00.000+0000"))
