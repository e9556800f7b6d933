from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mitregate.wire.http import Reply
from mitregate.wire.retries import LONGEST, read_retry_after

NOW = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)


def read(text: str, status: int = 503) -> timedelta | None:
    """Read a reply with that header."""
    return read_retry_after(Reply(status=status, headers={"retry-after": text}), NOW)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0),
        ("7", 7),
        (" 120 ", 120),
        ("3600", 3600),
        ("3601", 3600),
        ("99999999999999999999", 3600),
        ("9" * 8000, 3600),
        ("Mon, 04 May 2026 12:00:30 GMT", 30),
        ("Mon, 04 May 2026 12:00:30 -0000", 30),
        ("Monday, 04-May-26 12:01:00 GMT", 60),
        ("Mon, 04 May 2026 11:59:00 GMT", 0),
        ("Tue, 05 May 2026 12:00:00 GMT", 3600),
    ],
)
def test_a_pause_is_seconds_or_a_date(text: str, seconds: int) -> None:
    """A pause is read as seconds or as an HTTP date, is never negative, and is at most an hour."""
    assert read(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    "text", ["", "soon", "-5", "1.5", "٣", "Mon, 99 May 2026 12:00:30 GMT", "2026-05-04T12:00:30Z"]
)
def test_words_without_sense_ask_for_nothing(text: str) -> None:
    """A header that is neither seconds nor an HTTP date is passed over."""
    assert read(text) is None


@pytest.mark.parametrize("status", [200, 301, 404, 408, 500, 502])
def test_only_busy_replies_are_asked(status: int) -> None:
    """Only 429 and 503 can ask for a pause."""
    assert read("7", status) is None
    assert read("7", 429) == timedelta(seconds=7)


@given(st.text() | st.from_regex(r"\w{3}, \d{1,9} \w{3} \d{1,9} \d+:\d+:\d+ ([+-]\d{1,9}|GMT)", fullmatch=True))
def test_no_header_does_harm(text: str) -> None:
    """Whatever a receiver sends, the pause is none or between nothing and an hour."""
    pause = read(text)
    assert pause is None or timedelta(0) <= pause <= LONGEST
