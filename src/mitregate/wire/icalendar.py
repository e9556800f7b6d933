"""Calendars as iCalendar files, read: what their events say becomes times of the rulebook (RFC 5545).

What one event says of when stands in one `Times`: its rule, the starts that were added and left out, its title as the
note. Single events of a series that were moved stand beside it; those that were cancelled, and cancelled series, are
left out. Whether an event is shown as busy or free plays no part.

Text and properties are parsed by the library `icalendar`; what a calendar says of its zones is not run, but compared
with the zones there are.

Source: https://www.rfc-editor.org/rfc/rfc5545.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator

from icalendar.cal.component import Component
from icalendar.cal.component_factory import ComponentFactory
from icalendar.parser.ical.component import ComponentIcalParser
from icalendar.prop import TypesFactory
from msgspec import Struct
from typing_extensions import override

from mitregate.core.errors import Malformed, TooLarge
from mitregate.core.times import Times
from mitregate.wire.icalendar_events import Event, Moment, Zones, is_cancelled, read_event, tidy
from mitregate.wire.icalendar_zones import zone_named

SIZE_LIMIT = 1024 * 1024
"""Bytes in one file, at most."""

EVENTS_LIMIT = 5000
"""Events in one file, at most."""

MOVES_LIMIT = 50_000
"""Single events that were moved out of a series, counted for each series of the same `UID`, at most."""

DEPTH_LIMIT = 5
"""Components inside one another, at most: a calendar has events, and these have alarms."""

ADVICE = "Keep a calendar that has nothing in it but freezes."


class CalendarFile(Struct, frozen=True, kw_only=True):
    """What a calendar says: its title, the IANA zone of what names none, and when its events are."""

    title: str
    zone: str
    times: tuple[Times, ...]


def read_calendar(data: bytes, zone: str = "") -> CalendarFile:
    """Read an iCalendar file.

    Args:
        data: the file, UTF-8.
        zone: the zone of whole days and of events that name none; if it is empty, that of the calendar, else UTC.

    Raises:
        Malformed: it is none, or an event in it cannot be kept to; the message names the event.
        TooLarge: it is larger, or has more events, than is taken.
    """
    calendars = _parse(data)
    own = next((str(one["X-WR-TIMEZONE"]) for one in calendars if "X-WR-TIMEZONE" in one), "")
    parts = [part for one in calendars if not is_cancelled(one) for part in one.subcomponents]
    described = {str(part.get("TZID", "")): part for part in parts if part.name == "VTIMEZONE"}
    default = zone or own or "UTC"
    zones = Zones(default=zone_named(default, described.get(default)), described=described)
    events = [part for part in parts if part.name == "VEVENT"]
    if len(events) > EVENTS_LIMIT:
        message = f"The calendar has {len(events)} events; at most {EVENTS_LIMIT} are taken."
        raise TooLarge(message, advice=ADVICE)
    found = [read_event(event, number, zones) for number, event in enumerate(events, start=1)]
    title = next((tidy(one["X-WR-CALNAME"]) for one in calendars if "X-WR-CALNAME" in one), "")
    return CalendarFile(title=title, zone=zones.default, times=tuple(_times(found)))


def _times(events: Iterable[Event]) -> Iterator[Times]:
    """Give when events are, each series without what was moved out of it."""
    series: defaultdict[str, list[Event]] = defaultdict(list)
    moved: defaultdict[str, list[Moment]] = defaultdict(list)
    for number, event in enumerate(events):
        series[event.uid or str(number)].append(event)
        if event.place is not None:
            moved[event.uid].append(event.place)
    # A UID is that of one series; a file in which it is that of thousands must not take our time.
    moves = sum(len(moved[uid]) * sum(event.place is None for event in series.get(uid, ())) for uid in moved)
    if moves > MOVES_LIMIT:
        raise TooLarge("In the calendar too many series have one UID, and moved events.", advice=ADVICE)
    for uid, together in series.items():
        is_off = any(event.is_cancelled and event.place is None for event in together)
        for event in together:
            if not is_off and not event.is_cancelled:
                yield from event.times(moved[uid] if event.place is None else ())


class _Parser(ComponentIcalParser):
    """Parses, and lets a file do nothing else: no zone is computed by its rules, and nothing of it is remembered."""

    datetime_names = ()  # local times stay as they are written, and their zone stands among the parameters

    @override
    def handle_begin_component(self, vals: str) -> None:
        if len(self._stack) >= DEPTH_LIMIT:
            raise ValueError("its components lie inside one another too deeply")
        known = self._component_factory.get(vals.upper(), Component)
        component = known()
        component.name = vals.upper()
        component.ignore_exceptions = True  # what cannot be read is noted there, and judged by whether it is needed
        self._stack.append(component)

    @override
    def handle_end_component(self, vals: str) -> None:
        if not self._stack or self._stack[-1].name != vals.upper():
            raise ValueError(f"END:{vals[:50]} ends nothing")
        done = self._stack.pop()
        (self._stack[-1].subcomponents if self._stack else self._components).append(done)

    @override
    def prepare_components(self) -> None:
        if self._stack:
            raise ValueError(f"it breaks off inside of {self._stack[-1].name}")


def _parse(data: bytes) -> list[Component]:
    if len(data) > SIZE_LIMIT:
        message = f"The calendar has more than {SIZE_LIMIT} bytes."
        raise TooLarge(message, advice=ADVICE)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise _no_calendar(f"it is not UTF-8 ({error.reason} at byte {error.start})") from None
    try:
        found = _Parser(text, ComponentFactory(), TypesFactory.instance()).parse()
    except (ValueError, LookupError, TypeError, AttributeError) as error:  # the library tells its troubles in many ways
        raise _no_calendar(tidy(error)) from None
    calendars = [one for one in found if one.name == "VCALENDAR"]
    if not calendars:
        raise _no_calendar("there is no VCALENDAR in it")
    return calendars


def _no_calendar(why: str) -> Malformed:
    message = f"This is no iCalendar file: {why}."
    return Malformed(message, advice="Export the calendar as .ics, or give the address of such a file.")
