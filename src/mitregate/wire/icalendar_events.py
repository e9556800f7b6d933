"""Events of iCalendar files: what each says of when, as times of the rulebook (RFC 5545 §3.6.1).

An end is the last instant of an event, as all ends are here; that of a whole day is the last instant of that day. An
event that comes again ends at the same time by the clock on the wall, whatever the clocks do in between.
"""

from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from icalendar.cal.component import Component
from msgspec import Struct

from mitregate.core.calendar import TICK
from mitregate.core.errors import Malformed
from mitregate.core.recurrence import in_utc, zone_of
from mitregate.core.rules import read_rule
from mitregate.core.times import DAY, YEARS, Times, periods
from mitregate.wire.icalendar_zones import zone_named

NOTE_LIMIT = 200
"""Characters of an event's title that are kept, at most."""

WHEN = {None, "DTSTART", "DTEND", "DURATION", "RRULE", "RDATE", "EXDATE", "RECURRENCE-ID"}
"""The properties that say when an event is: what one of them says must be known."""


class Zones(Struct, frozen=True, kw_only=True):
    """The zones of a file: the IANA name of that of what names none, and how the file describes others."""

    default: str
    described: dict[str, Component]

    def find(self, tzid: str | None) -> str:
        """Give the IANA name of a zone; `Malformed` if it has none."""
        return zone_named(tzid, self.described.get(tzid)) if tzid else self.default


class Moment(Struct, frozen=True, kw_only=True):
    """A local time in a zone; a whole day is its first."""

    local: datetime
    zone: str
    is_day: bool = False

    @property
    def instant(self) -> datetime:
        """The instant that it is."""
        return in_utc(self.local, zone_of(self.zone))

    def start_in(self, event: "Event") -> datetime:
        """Give the start of a span of *event* that it means, as a local time there."""
        if self.is_day:
            return datetime.combine(self.local, event.start.local.time())
        local = self.local if self.zone == event.start.zone else _local(self.instant, event.start.zone)
        return datetime.combine(local, time()) if event.start.is_day else local


class Event(Struct, frozen=True, kw_only=True):
    """One event; `end` is its last instant.

    `rule`, `also` and `never` say how it comes again, `single` are further spans of other lengths. `place` is the start
    in the series of the same `uid` in whose place it stands, if it does.
    """

    said: str
    uid: str
    note: str
    is_cancelled: bool
    start: Moment
    end: Moment
    rule: str
    also: tuple[Moment, ...]
    never: tuple[Moment, ...]
    single: tuple[tuple[Moment, Moment], ...]
    place: Moment | None

    def times(self, moved: Iterable[Moment]) -> Iterator[Times]:
        """Give when it is, apart from the starts that others have *moved*; `Malformed` if that cannot be kept to."""
        with_all = [*self._series([*self.never, *moved]), *(self._span(*span) for span in self.single)]
        for times in with_all:
            if times.start != times.end:  # what has no length is a mark in a calendar, and freezes nothing
                self._check(times)
                yield times

    def _series(self, left_out: Iterable[Moment]) -> Iterator[Times]:
        start, zone = self.start.local, self.start.zone
        never = {moment.start_in(self) for moment in left_out}
        also = {moment.start_in(self) for moment in self.also} - {start}
        rule, is_first = self._live_rule()
        if not rule and not also:
            if start not in never:
                yield self._span(self.start, self.end)
            return
        if not is_first and rule:
            also.add(start)  # it counts whatever the rule says
        end = _local(self.end.instant, zone) if self.end.zone != zone else self.end.local
        yield Times(
            start=start,
            end=end,
            rule=rule,
            zone=zone,
            also=tuple(sorted(also - never)),
            never=tuple(sorted(never)),
            note=self.note,
        )

    def _live_rule(self) -> tuple[str, bool]:
        """Give the rule, if it gives any start at all, and whether the first of these is the event's."""
        if not self.rule:
            return "", True
        try:
            rule = read_rule(self.rule)
        except Malformed as error:
            raise refused(self.said, error.message) from None
        first = next(rule.dates(self.start.local), None)
        if first is None or rule.until is None:
            return (self.rule if first is not None else ""), first == self.start.local
        last = rule.until if rule.until.tzinfo is None else _local(rule.until, self.start.zone)
        return (self.rule if first <= last else ""), first == self.start.local

    def _span(self, start: Moment, end: Moment) -> Times:
        """Give a span that does not come again: exactly these two instants."""
        zone = start.zone
        begin, last = start.local, end.local if end.zone == zone else _local(end.instant, zone)
        if (in_utc(begin, zone_of(zone)), in_utc(last, zone_of(zone))) == (start.instant, end.instant):
            return Times(start=begin, end=last, zone=zone, note=self.note)
        # The clock on the wall shows one of them twice, and means the first: UTC says it without doubt.
        return Times(start=start.instant, end=end.instant, note=self.note)

    def _check(self, times: Times) -> None:
        try:
            periods("", times)
        except Malformed as error:
            raise refused(self.said, error.message) from None


def is_whole_days(times: Times) -> bool:
    """Tell whether *times* are whole days, such as those of an all-day event."""
    start, end = times.start, times.end
    if start is None or end is None or start.tzinfo is not None or end.tzinfo is not None:
        return False
    return start.time() == time() and end.time() == time(23, 59, 59, 999_999)


def refused(said: str, why: str) -> Malformed:
    """Say of an event why it cannot be kept to."""
    message = f"The {said} cannot be used: {why.rstrip('.')}."
    return Malformed(message, advice="Correct it where the calendar is kept, or take it out of there.")


def is_cancelled(component: Component) -> bool:
    """Tell whether an event or a whole calendar shall not take place after all."""
    method, status = (str(component.get(name, "")).upper() for name in ("METHOD", "STATUS"))
    return method == "CANCEL" or status == "CANCELLED"


def tidy(text: object) -> str:
    """Give a text as one line that can be shown and kept."""
    line = "".join(letter if letter.isprintable() else " " for letter in str(text))
    return " ".join(line.split())[:NOTE_LIMIT]


def read_event(component: Component, number: int, zones: Zones) -> Event:
    """Read one event; `Malformed` names it by its *number* and title, and says what is wrong."""
    note = tidy(component.get("SUMMARY", ""))
    said = f"event {number} ({note})" if note else f"event {number}"
    try:
        return _Reader(component, zones).read(said, note)
    except Malformed as error:
        raise refused(said, error.message) from None


class _Reader:
    """Reads the properties of one event; what is wrong is said without saying of which event."""

    def __init__(self, component: Component, zones: Zones) -> None:
        self._component = component
        self._zones = zones

    def read(self, said: str, note: str) -> Event:
        for name, error in self._component.errors:
            if name in WHEN:
                raise Malformed(f"its {name or 'text'} cannot be read ({tidy(error)[:100]})")
        if "EXRULE" in self._component:
            raise Malformed("it has an EXRULE, which is not taken")
        start = self._moment(self._one("DTSTART"), "DTSTART")
        if start is None:
            raise Malformed("it has no DTSTART")
        rule = self._one("RRULE")
        listed = list(self._listed("RDATE"))
        return Event(
            said=said,
            uid=str(self._component.get("UID", "")),
            note=note,
            is_cancelled=is_cancelled(self._component),
            start=start,
            end=self._end(start),
            rule=self._rule(rule, start) if rule is not None else "",
            also=tuple(one for one in listed if isinstance(one, Moment)),
            never=tuple(one for one in self._listed("EXDATE") if isinstance(one, Moment)),
            single=tuple(one for one in listed if not isinstance(one, Moment)),
            place=self._place(),
        )

    def _one(self, name: str) -> Any:
        found = self._component.get(name)
        if isinstance(found, list):
            raise Malformed(f"it has {name} more than once")
        return found

    def _moment(self, value: Any, name: str, params: Any = None) -> Moment | None:
        if value is None:
            return None
        tzid = (params or value.params).get("TZID")
        return self._made(value.dt, tzid, name)

    def _made(self, moment: Any, tzid: str | None, name: str) -> Moment:
        if not isinstance(moment, date) or moment.year not in YEARS:
            raise Malformed(f"its {name} is no date and time from {YEARS.start} to {YEARS.stop - 1}")
        if not isinstance(moment, datetime):
            return Moment(local=datetime.combine(moment, time()), zone=self._zones.default, is_day=True)
        if moment.tzinfo is not None:
            return Moment(local=moment.astimezone(UTC).replace(tzinfo=None), zone="UTC")
        return Moment(local=moment, zone=self._zones.find(tzid))

    def _end(self, start: Moment) -> Moment:
        end, duration = self._moment(self._one("DTEND"), "DTEND"), self._one("DURATION")
        if duration is not None:
            return self._after(start, duration.dt)
        if end is None:
            return self._after(start, DAY if start.is_day else timedelta())
        if end.is_day != start.is_day:
            raise Malformed("one of its DTSTART and DTEND is a date, and the other one a time")
        if start.is_day:
            return self._after(start, end.local - start.local)
        if end.instant < start.instant:
            raise Malformed("it ends before it begins")
        return end

    def _after(self, start: Moment, length: timedelta) -> Moment:
        """Give the last instant of what begins at *start*: days by the calendar, and the rest by the clock."""
        if length < timedelta():
            raise Malformed("it ends before it begins")
        if start.is_day:  # some write that a day ends on itself
            days = max(DAY, timedelta(days=length.days))
            return Moment(local=start.local + days - TICK, zone=start.zone)
        by_calendar = Moment(local=start.local + timedelta(days=length.days), zone=start.zone)
        rest = length - timedelta(days=length.days)
        if not rest:
            return by_calendar
        end = by_calendar.instant + rest
        local = _local(end, start.zone)
        is_said = in_utc(local, zone_of(start.zone)) == end
        return Moment(local=local, zone=start.zone) if is_said else Moment(local=end.replace(tzinfo=None), zone="UTC")

    def _rule(self, rule: Any, start: Moment) -> str:
        text = rule.to_ical().decode()
        until = rule.get("UNTIL", [None])[0]
        if start.is_day and isinstance(until, datetime):
            # Days have no times: what is meant is the day, in whichever zone.
            return ";".join(f"UNTIL={until:%Y%m%d}" if part.startswith("UNTIL=") else part for part in text.split(";"))
        return str(text)

    def _listed(self, name: str) -> Iterator[Moment | tuple[Moment, Moment]]:
        found = self._component.get(name, [])
        for one in found if isinstance(found, list) else [found]:
            tzid = one.params.get("TZID")
            for value in one.dts:
                if isinstance(value.dt, tuple):
                    begin, end = value.dt
                    start = self._made(begin, tzid, name)
                    is_length = isinstance(end, timedelta)
                    yield start, self._after(start, end) if is_length else self._made(end, tzid, name)
                else:
                    yield self._made(value.dt, tzid, name)

    def _place(self) -> Moment | None:
        found = self._one("RECURRENCE-ID")
        if found is not None and "RANGE" in found.params:
            raise Malformed(
                "it changes all that follow it in its series (RECURRENCE-ID with RANGE), which is not taken"
            )
        return self._moment(found, "RECURRENCE-ID")


def _local(instant: datetime, zone: str) -> datetime:
    return instant.astimezone(zone_of(zone)).replace(tzinfo=None)
