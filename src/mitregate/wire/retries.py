"""When a receiver wants to be asked again: the header Retry-After (RFC 9110, section 10.2.3)."""

from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from mitregate.wire.http import Reply

LONGEST = timedelta(hours=1)
"""No receiver may put us off for longer than this at a time."""


def read_retry_after(reply: Reply, now: datetime) -> timedelta | None:
    """Read how long the receiver wants to be left alone.

    Args:
        reply: a reply; only 429 and 503 are asked for the header.
        now: the time at which it came, from which a date is counted.

    Returns:
        A pause of at most `LONGEST`, or None if the receiver asked for none, or in words that make no sense.
    """
    text = reply.headers.get("retry-after", "").strip()
    if reply.status not in {429, 503} or not text:
        return None
    if text.isascii() and text.isdigit():
        # More digits than fit a pause that counts are not read as a number at all.
        return min(timedelta(seconds=int(text)), LONGEST) if len(text) <= len("86400") else LONGEST
    try:
        until = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    # RFC 5322 writes a time whose zone is not known as -0000; an HTTP date is always UTC.
    until = until if until.tzinfo is not None else until.replace(tzinfo=UTC)
    return min(max(until - now, timedelta(0)), LONGEST)
