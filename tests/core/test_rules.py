# ruff: noqa: DTZ001 - local times have no offset
"""What a rule of recurrence may say, number by number and day by day."""

from datetime import datetime

import pytest

from mitregate.core.errors import Malformed
from mitregate.core.rules import read_rule


@pytest.mark.parametrize(
    ("name", "frequency", "lowest", "highest"),
    [
        ("INTERVAL", "DAILY", 1, 1000),
        ("COUNT", "DAILY", 1, 10_000),
        ("BYMONTH", "YEARLY", 1, 12),
        ("BYMONTHDAY", "YEARLY", -31, 31),
        ("BYYEARDAY", "YEARLY", -366, 366),
        ("BYWEEKNO", "YEARLY", -53, 53),
        ("BYSETPOS", "YEARLY;BYYEARDAY=1", -366, 366),
    ],
)
def test_numbers_of_rules(name: str, frequency: str, lowest: int, highest: int) -> None:
    """Each number of a rule lies within what RFC 5545 has for it, or what can be computed with, and is not 0."""
    for number in (lowest, highest):
        read_rule(f"FREQ={frequency};{name}={number}")
    for number in (lowest - 1, 0, highest + 1):
        with pytest.raises(Malformed, match=f"{name} must be from {lowest} to {highest} and not 0, not '{number}'"):
            read_rule(f"FREQ={frequency};{name}={number}")


@pytest.mark.parametrize(
    ("part", "with_it"),
    [
        ("BYMONTHDAY=1", {"DAILY", "MONTHLY", "YEARLY"}),
        ("BYYEARDAY=1", {"YEARLY"}),
        ("BYWEEKNO=1", {"YEARLY"}),
        ("BYSETPOS=1", {"MONTHLY", "YEARLY"}),
        ("BYDAY=MO", {"DAILY", "WEEKLY", "MONTHLY", "YEARLY"}),
        ("BYMONTH=1", {"DAILY", "WEEKLY", "MONTHLY", "YEARLY"}),
    ],
)
def test_what_parts_of_rules_go_with(part: str, with_it: set[str]) -> None:
    """A part of a rule goes with those frequencies that RFC 5545 has it for, and is refused with the others."""
    for frequency in ("DAILY", "WEEKLY", "MONTHLY", "YEARLY"):
        if frequency in with_it:
            read_rule(f"FREQ={frequency};{part}")
        else:
            with pytest.raises(Malformed, match="goes with FREQ="):
                read_rule(f"FREQ={frequency};{part}")


LENGTHS = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


@pytest.mark.parametrize(("month", "days"), list(enumerate(LENGTHS, start=1)))
def test_months_have_so_many_days(month: int, days: int) -> None:
    """The last day that a month can have is taken, from either end, and one that it never has is refused."""
    for sign in ("", "-"):
        read_rule(f"FREQ=YEARLY;BYMONTH={month};BYMONTHDAY={sign}{days}")
        if days < 31:
            with pytest.raises(Malformed, match="no month of it has such a day"):
                read_rule(f"FREQ=YEARLY;BYMONTH={month};BYMONTHDAY={sign}{days + 1}")


@pytest.mark.parametrize(("weekday", "name"), list(enumerate(["MO", "TU", "WE", "TH", "FR", "SA", "SU"])))
def test_weekdays_are_those_of_the_calendar(name: str, weekday: int) -> None:
    """Each weekday of a rule is that of the calendar."""
    first = next(read_rule(f"FREQ=WEEKLY;BYDAY={name}").dates(datetime(2026, 6, 1)))
    assert first.weekday() == weekday
