"""The rulebook: everything that an operator decides about change control, as one value.

It is kept as one record with a revision, so that a change of it is one act: seen beforehand as a plan, written whole or
not at all, and put into the audit log with what it changed. Settings as code are this value in YAML.
"""

from collections.abc import Callable, Iterable, Iterator
from datetime import date, datetime
from functools import lru_cache, partial
from typing import Annotated, Generic, TypeVar

from msgspec import Meta, Struct
from typing_extensions import override

from mitregate.core.calendar import Calendar, Freeze, Period, Window
from mitregate.core.catalogue import Template
from mitregate.core.changes import CLASS_OF, Status, StatusClass
from mitregate.core.conflicts import Conflicts
from mitregate.core.control import Matrix
from mitregate.core.errors import Malformed
from mitregate.core.feeds import UNREAD, Feed, Readings, check_address, freezes_by, freezes_in, frozen, interval
from mitregate.core.matching import check_title
from mitregate.core.reach import Reach, Subject
from mitregate.core.recurrence import zone_of
from mitregate.core.services import Found, Group, Service, by_id, find, plain_id
from mitregate.core.times import Times, periods
from mitregate.core.waiting import Waiting, check_waiting
from mitregate.core.workflow import Workflow

T = TypeVar("T")

Name = Annotated[str, Meta(min_length=1, max_length=100)]


class Hours(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The hours in which deployments may start; where several reach a deployment, any of them will do."""

    name: Name
    when: Times
    reach: Reach = Reach()


class HolidaySet(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whole days that freezes can name together, such as the holidays of a country; the freeze says in which zone."""

    name: Name
    days: tuple[date, ...]


class FreezeRule(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A time in which nothing that it reaches may start, whatever was approved.

    `also` are further times, such as the events of a calendar that was imported. `holidays` are names of sets of days;
    `reason` is shown to those who wait.
    """

    name: Name
    when: Times = Times()
    also: tuple[Times, ...] = ()
    holidays: tuple[str, ...] = ()
    reach: Reach = Reach()
    reason: str = ""
    spares_emergencies: bool = True


class Rulebook(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything that an operator decides about change control.

    `titles` are the titles of changes by the product that deploys, with `*` for all others. `standard` is the catalogue
    of standard changes; of these and of `waiting` the first that reaches a deployment counts.
    """

    control: Matrix = Matrix()
    titles: dict[str, str] = {}
    workflow: Workflow = Workflow()
    standard: tuple[Template, ...] = ()
    waiting: tuple[Waiting, ...] = ()
    conflicts: Conflicts = Conflicts()
    services: tuple[Service, ...] = ()
    groups: tuple[Group, ...] = ()
    hours: tuple[Hours, ...] = ()
    holidays: tuple[HolidaySet, ...] = ()
    freezes: tuple[FreezeRule, ...] = ()
    feeds: tuple[Feed, ...] = ()


class Problem(Struct, frozen=True, kw_only=True):
    """What is wrong in a rulebook, and where: names of fields and positions, such as ("freezes", 0, "when")."""

    path: tuple[str | int, ...]
    message: str


def spell_path(path: tuple[str | int, ...]) -> str:
    """Write where something stands in a rulebook, as in `freezes[0].when`."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).removeprefix(".")


def problems(book: Rulebook) -> list[Problem]:
    """Find what is wrong in *book* beyond its form: names used twice or not there, times that make no sense."""
    return [*_repeated(book), *_missing(book), *_untimely(book), *_untitled(book), *_unworkable(book)]


def calendar_for(
    book: Rulebook, subject: Subject, *, readings: Readings = UNREAD, is_emergency: bool = False
) -> Calendar:
    """Give what bears on *subject*: the freezes and hours that reach it; an emergency keeps no hours.

    Args:
        book: the rules, without problems.
        subject: what is to be deployed, and where.
        readings: what the calendars say that the rules subscribe to; one of which nothing is known holds everything.
        is_emergency: whether its change is an emergency, which some freezes spare.
    """
    made = _made(_Same(book), _Same(readings))
    freezes = (
        freeze
        for rule, found in made.freezes
        if rule.reach.covers(subject) and not (is_emergency and rule.spares_emergencies)
        for freeze in found
    )
    hours = (period for rule, found in made.hours if rule.reach.covers(subject) for period in found)
    return Calendar(freezes=tuple(freezes), hours=() if is_emergency else tuple(hours))


def freezes_of(book: Rulebook, freeze: FreezeRule | Feed, *, readings: Readings = UNREAD) -> tuple[Freeze, ...]:
    """Give what there is to compute with of a freeze or feed of *book*."""
    (found,) = (found for rule, found in _made(_Same(book), _Same(readings)).freezes if rule is freeze)
    return found


def spans_of(
    book: Rulebook, freeze: FreezeRule | Feed, now: datetime, *, readings: Readings = UNREAD
) -> tuple[Window | None, Window | None]:
    """Give the span of a freeze or feed of *book* that holds at *now*, and the one that begins next, if there are."""
    found = freezes_of(book, freeze, readings=readings)
    holding = [span for one in found if (span := one.at(now)) is not None]
    to_come = [(span.start or now, span) for one in found if (span := one.next_span(now)) is not None]
    return (
        max(holding, key=lambda span: (span.end is None, span.end or now), default=None),
        min(to_come, key=lambda coming: coming[0], default=(now, None))[1],
    )


def services_named(book: Rulebook, ids: Iterable[str]) -> Found:
    """Find the services of *book* that *ids* name."""
    return find(_made(_Same(book), _Same(UNREAD)).services, ids)


def services_by_id(book: Rulebook) -> dict[str, Service]:
    """List the services of *book* under each of their ids."""
    return _made(_Same(book), _Same(UNREAD)).services


class _Made(Struct, frozen=True, kw_only=True):
    freezes: tuple[tuple[FreezeRule | Feed, tuple[Freeze, ...]], ...]
    hours: tuple[tuple[Hours, tuple[Period, ...]], ...]
    services: dict[str, Service]


class _Same(Generic[T]):
    """What equals nothing but itself: comparing two rulebooks part by part would cost more than is saved."""

    def __init__(self, it: T) -> None:
        self.it = it

    @override
    def __hash__(self) -> int:
        return id(self.it)

    @override
    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and other.it is self.it


@lru_cache(maxsize=16)
def _made(same: _Same[Rulebook], read: _Same[Readings]) -> _Made:
    """Make what can be computed with out of a rulebook, once for as long as it stays the same."""
    book = same.it
    return _Made(
        freezes=(
            *((rule, _freezes(rule, book.holidays)) for rule in book.freezes),
            *((feed, freezes_by(feed, read.it)) for feed in book.feeds),
        ),
        hours=tuple((rule, periods(rule.name, rule.when)) for rule in book.hours),
        services=by_id(book.services),
    )


def _freezes(rule: FreezeRule, holidays: tuple[HolidaySet, ...]) -> tuple[Freeze, ...]:
    days = tuple(day for one in holidays if one.name in rule.holidays for day in one.days)
    is_said = bool(days) or rule.when != Times(zone=rule.when.zone) or not rule.also
    found = periods(rule.name, rule.when, days) if is_said else ()
    first = tuple(frozen(one, rule.reason, rule.when.note) for one in found)
    return (*first, *freezes_in(rule.name, rule.also, rule.reason))


def _repeated(book: Rulebook) -> Iterator[Problem]:
    for section in ("standard", "waiting", "services", "groups", "hours", "holidays", "freezes", "feeds"):
        seen: set[str] = set()
        for number, one in enumerate(getattr(book, section)):
            ids = one.ids if isinstance(one, Service) else {one.name.strip().casefold()}
            if again := seen & ids:
                yield Problem(path=(section, number), message=f"{min(again)!r} is there twice.")
            seen |= ids


def _missing(book: Rulebook) -> Iterator[Problem]:
    groups = {group.name for group in book.groups}
    holidays = {one.name for one in book.holidays}
    services = {one for service in book.services for one in service.ids}
    for number, service in enumerate(book.services):
        if service.owner and service.owner not in groups:
            yield Problem(path=("services", number, "owner"), message=f"There is no group {service.owner!r}.")
        for one in service.depends_on:
            if plain_id(one) not in services:
                yield Problem(path=("services", number, "depends_on"), message=f"There is no service {one!r}.")
    for number, freeze in enumerate(book.freezes):
        for name in freeze.holidays:
            if name not in holidays:
                yield Problem(path=("freezes", number, "holidays"), message=f"There is no set of days {name!r}.")


def _untimely(book: Rulebook) -> Iterator[Problem]:
    for number, freeze in enumerate(book.freezes):
        yield from _try(("freezes", number, "when"), partial(_freezes, freeze, book.holidays))
    for number, feed in enumerate(book.feeds):
        yield from _try(("feeds", number, "every"), partial(interval, feed))
        yield from _try(("feeds", number, "url"), partial(check_address, feed))
        yield from _try(("feeds", number, "zone"), partial(zone_of, feed.zone or "UTC"))
        if feed.name in {freeze.name for freeze in book.freezes}:
            yield Problem(path=("feeds", number, "name"), message=f"A freeze has the name {feed.name!r} already.")
    for number, hours in enumerate(book.hours):
        yield from _try(("hours", number, "when"), partial(periods, hours.name, hours.when))


def _untitled(book: Rulebook) -> Iterator[Problem]:
    for product, template in book.titles.items():
        yield from _try(("titles", product), partial(check_title, template))


def _unworkable(book: Rulebook) -> Iterator[Problem]:
    for word, said in book.workflow.statuses.items():
        path = ("workflow", "statuses", word)
        if word not in set(Status):
            yield Problem(path=path, message=f"There is no status {word!r}, but {', '.join(Status)}.")
        elif said is not StatusClass.STOP and CLASS_OF[Status(word)] is StatusClass.STOP:
            yield Problem(path=path, message=_over(word))
    if CLASS_OF[book.workflow.allow_status] is StatusClass.STOP:
        yield Problem(path=("workflow", "allow_status"), message=_over(book.workflow.allow_status.value))
    for number, template in enumerate(book.standard):
        if template.reach == Reach():
            message = "It reaches every deployment; say in reach which ones are approved beforehand."
            yield Problem(path=("standard", number, "reach"), message=message)
        yield from _try(("standard", number, "zone"), partial(zone_of, template.zone))
    for number, waiting in enumerate(book.waiting):
        yield from _try(("waiting", number), partial(check_waiting, waiting))


def _over(status: str) -> str:
    return f"A change in status {status!r} is over; no deployment may rely on it any more."


def _try(path: tuple[str | int, ...], make: Callable[[], object]) -> Iterator[Problem]:
    try:
        make()
    except Malformed as error:
        yield Problem(path=path, message=f"{error.message} {error.advice()}")
