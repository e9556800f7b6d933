"""Rules of recurrence: the RRULE of RFC 5545, read strictly.

Python-dateutil would take more than can be computed with: an interval of 0, or days that no month has, keep it busy for
ever. So a rule is read here, and refused in words.

Source: https://www.rfc-editor.org/rfc/rfc5545#section-3.3.10.
"""

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Literal

from dateutil import rrule
from msgspec import Struct

from mitregate.core.errors import Malformed

Weekday = rrule.weekday
Frequency = Literal[0, 1, 2, 3]

FREQUENCIES: dict[str, Frequency] = {
    "DAILY": rrule.DAILY,
    "WEEKLY": rrule.WEEKLY,
    "MONTHLY": rrule.MONTHLY,
    "YEARLY": rrule.YEARLY,
}
"""What a rule may repeat by; anything oftener than daily is no way to plan deployments."""

WEEKDAYS = {
    "MO": rrule.MO,
    "TU": rrule.TU,
    "WE": rrule.WE,
    "TH": rrule.TH,
    "FR": rrule.FR,
    "SA": rrule.SA,
    "SU": rrule.SU,
}

NUMBERS: dict[str, range] = {
    "INTERVAL": range(1, 1001),
    "COUNT": range(1, 10_001),
    "BYMONTH": range(1, 13),
    "BYMONTHDAY": range(-31, 32),
    "BYYEARDAY": range(-366, 367),
    "BYWEEKNO": range(-53, 54),
    "BYSETPOS": range(-366, 367),
}
"""The parts of a rule that are numbers, and which."""

KNOWN = frozenset({"FREQ", "UNTIL", "BYDAY", "WKST", *NUMBERS})
LENGTHS = dict(enumerate((31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31), start=1))
"""Days that each month can have."""

ONLY_WITH = {
    "BYMONTHDAY": ("DAILY", "MONTHLY", "YEARLY"),
    "BYYEARDAY": ("YEARLY",),
    "BYWEEKNO": ("YEARLY",),
    "BYSETPOS": ("MONTHLY", "YEARLY"),
}
"""What each part may go with: as RFC 5545 has it, and BYSETPOS where it makes sense."""

LISTS = frozenset(name for name in NUMBERS if name.startswith("BY"))
ADVICE = "Write a rule of RFC 5545, such as FREQ=WEEKLY;BYDAY=MO,TU,WE,TH or FREQ=MONTHLY;BYDAY=-1FR."

_DAY = re.compile(r"([+-]?[0-9]{1,2})?(MO|TU|WE|TH|FR|SA|SU)")
_UNTIL = re.compile(r"([0-9]{8})(?:T([0-9]{6})(Z?))?")


class Rule(Struct, frozen=True, kw_only=True):
    """A rule that was read; `until` is a local time, or an instant if it was written in UTC.

    The lists are empty where the rule does not speak of them; a weekday may carry which one of the month it is.
    """

    frequency: Frequency
    interval: int = 1
    count: int | None = None
    until: datetime | None = None
    week_start: Weekday = rrule.MO
    weekdays: tuple[Weekday, ...] = ()
    months: tuple[int, ...] = ()
    days: tuple[int, ...] = ()
    days_of_year: tuple[int, ...] = ()
    weeks: tuple[int, ...] = ()
    positions: tuple[int, ...] = ()

    def dates(self, first: datetime) -> Iterator[datetime]:
        """Give all dates by this rule from *first* on, in order, whatever `until` says."""
        found = rrule.rrule(
            self.frequency,
            dtstart=first,
            interval=self.interval,
            count=self.count,
            wkst=self.week_start,
            byweekday=self.weekdays or None,
            bymonth=self.months or None,
            bymonthday=self.days or None,
            byyearday=self.days_of_year or None,
            byweekno=self.weeks or None,
            bysetpos=self.positions or None,
        )
        return iter(found)


@lru_cache(maxsize=512)
def read_rule(text: str) -> Rule:
    """Read the rule of a recurrence, as RFC 5545 writes it.

    Raises:
        Malformed: it is none, has a part that is not taken here, or never comes true.
    """
    parts = dict(_parts(text))
    frequency = parts.get("FREQ", "")
    if frequency not in FREQUENCIES:
        raise _refused(text, f"FREQ must be one of {', '.join(FREQUENCIES)}")
    if "COUNT" in parts and "UNTIL" in parts:
        raise _refused(text, "it has both COUNT and UNTIL")
    for name, where in ONLY_WITH.items():
        if name in parts and frequency not in where:
            raise _refused(text, f"{name} goes with FREQ={' or FREQ='.join(where)} alone")
    rule = Rule(
        frequency=FREQUENCIES[frequency],
        interval=next(iter(_numbers(text, "INTERVAL", parts)), 1),
        count=next(iter(_numbers(text, "COUNT", parts)), None),
        until=_until(text, parts["UNTIL"]) if "UNTIL" in parts else None,
        week_start=_weekday(text, parts.get("WKST", "MO")),
        weekdays=tuple(_weekday(text, part) for part in parts["BYDAY"].split(",")) if "BYDAY" in parts else (),
        months=_numbers(text, "BYMONTH", parts),
        days=_numbers(text, "BYMONTHDAY", parts),
        days_of_year=_numbers(text, "BYYEARDAY", parts),
        weeks=_numbers(text, "BYWEEKNO", parts),
        positions=_numbers(text, "BYSETPOS", parts),
    )
    _refuse_impossible(text, rule)
    return rule


def _parts(text: str) -> Iterator[tuple[str, str]]:
    seen: set[str] = set()
    for part in text.upper().split(";"):
        name, _, value = part.partition("=")
        if name not in KNOWN or not value:
            raise _refused(text, f"{part!r} is no part of a rule that is taken here")
        if name in seen:
            raise _refused(text, f"it has {name} twice")
        seen.add(name)
        yield name, value


def _numbers(text: str, name: str, parts: Mapping[str, str]) -> tuple[int, ...]:
    if name not in parts:
        return ()
    return tuple(_number(text, name, part) for part in (parts[name].split(",") if name in LISTS else [parts[name]]))


def _number(text: str, name: str, value: str) -> int:
    allowed = NUMBERS[name]
    if re.fullmatch(r"[+-]?[0-9]{1,5}", value) is None or int(value) not in allowed or int(value) == 0:
        raise _refused(text, f"{name} must be from {allowed.start} to {allowed.stop - 1} and not 0, not {value!r}")
    return int(value)


def _weekday(text: str, value: str) -> Weekday:
    found = _DAY.fullmatch(value)
    if found is None or found[1] == "0":
        raise _refused(text, f"{value!r} is no weekday")
    return WEEKDAYS[found[2]](int(found[1])) if found[1] else WEEKDAYS[found[2]]


def _until(text: str, value: str) -> datetime:
    found = _UNTIL.fullmatch(value)
    # A date alone means all of that day.
    digits = found[1] + (found[2] or "235959") if found is not None else ""
    try:
        until = datetime.strptime(digits, "%Y%m%d%H%M%S")  # noqa: DTZ007 - a local time
    except ValueError:
        raise _refused(text, f"UNTIL must be as in 20261231 or 20261231T230000Z, not {value!r}") from None
    return until.replace(tzinfo=UTC) if value.endswith("Z") else until


def _refuse_impossible(text: str, rule: Rule) -> None:
    """Refuse days that no month has: such a rule would be searched for until the end of time."""
    months = rule.months or tuple(LENGTHS)
    if rule.days and min(map(abs, rule.days)) > max(LENGTHS[month] for month in months):
        raise _refused(text, "no month of it has such a day")


def _refused(text: str, why: str) -> Malformed:
    return Malformed(f"The rule {text[:200]!r} cannot be used: {why}.", advice=ADVICE)
