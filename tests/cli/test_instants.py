"""Instants as people type them."""

from datetime import UTC, datetime, timedelta

import pytest

from mitregate.cli.instants import read_instant
from mitregate.core.errors import Malformed

NOW = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("now", NOW),
        (" NOW ", NOW),
        ("+30m", NOW + timedelta(minutes=30)),
        ("+2h", NOW + timedelta(hours=2)),
        ("+1d2h3m4s", NOW + timedelta(days=1, hours=2, minutes=3, seconds=4)),
        ("2026-01-31T20:00:00+01:00", NOW + timedelta(hours=7)),
        ("2026-01-31T20:00Z", NOW + timedelta(hours=8)),
    ],
)
def test_what_is_understood(text: str, meant: datetime) -> None:
    """An instant is `now`, a while from now, or ISO 8601 with an offset."""
    assert read_instant(text, NOW) == meant


@pytest.mark.parametrize(
    "text",
    ["", "2026-01-31", "2026-01-31T20:00", "20:00", "tomorrow", "+", "+5", "+h", "+2h1d", "+-2h", "-2h", "+٣h", "+2H!"],
)
def test_what_is_refused(text: str) -> None:
    """Anything else is refused with advice, a time without an offset too."""
    with pytest.raises(Malformed) as caught:
        read_instant(text, NOW)
    assert "+01:00" in caught.value.advice()


def test_a_while_beyond_all_calendars() -> None:
    """A while that leads beyond the year 9999 is refused like any other slip."""
    with pytest.raises(Malformed):
        read_instant("+9999d", datetime(9990, 1, 1, tzinfo=UTC))
