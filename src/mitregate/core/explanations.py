"""Explanations: all there is to say of why a deployment may start, waits or stopped, be it there or imagined."""

from datetime import datetime

from msgspec import Struct

from mitregate.core.calendar import Calendar, Freeze, Window
from mitregate.core.control import Control
from mitregate.core.deployments import DeploymentKey, EnvironmentType, State
from mitregate.core.gates import Gate, Grounds
from mitregate.core.matching import How
from mitregate.core.profiles import Profile
from mitregate.core.reach import Subject
from mitregate.core.rulebook import Rulebook, calendar_for, services_named
from mitregate.core.story import Event
from mitregate.core.telling import sides_of
from mitregate.core.waiting import waiting_for


class Named(Struct, frozen=True, kw_only=True):
    """Which deployment is explained; `state` is what its tool said last, None if it is not there."""

    key: DeploymentKey
    project: str
    version: str
    environment: str
    environment_type: EnvironmentType
    url: str = ""
    state: State | None = None

    @property
    def said(self) -> str:
        """What is deployed where, in one line."""
        return " ".join(f"{self.project} {self.version} → {self.environment}".split())


class Ruling(Struct, frozen=True, kw_only=True):
    """Whether a deployment is gated, by which rules, and why.

    `control` is None if there is no gate. `grounds` are the rules of then, `in_force` is the revision of now.
    """

    control: Control | None
    grounds: Grounds
    in_force: int
    why: str
    is_runbook: bool = False


class Relation(Struct, frozen=True, kw_only=True):
    """Which change a deployment waits for, how it was found, and what was passed over."""

    key: str
    how: How
    why: str
    passed: str = ""


class Bounds(Struct, frozen=True, kw_only=True):
    """Which freezes and hours bear on a deployment, now and next.

    `frozen` are the freezes that hold, each with its span; `coming` is the one that begins next. `hours` are the names
    of those that it has to keep, none if it may start at any; `turns_at` is when they end, or begin again.
    """

    frozen: tuple[tuple[Freeze, Window], ...] = ()
    coming: tuple[Freeze, Window] | None = None
    hours: tuple[str, ...] = ()
    is_within_hours: bool = True
    turns_at: datetime | None = None


class Explanation(Struct, frozen=True, kw_only=True):
    """All there is to say of one deployment.

    `headline` is the whole in a sentence or two, `when` what can be said of the time. `gate` is None if there is none,
    and has no id if the deployment is imagined. `supersedes` are those that wait, and whose place it would take.
    """

    headline: str
    named: Named
    ruling: Ruling
    gate: Gate | None = None
    relation: Relation | None = None
    change: Profile | None = None
    when: tuple[str, ...] = ()
    bounds: Bounds | None = None
    unknown_services: tuple[str, ...] = ()
    supersedes: tuple[str, ...] = ()
    story: tuple[Event, ...] = ()

    @property
    def sides(self) -> tuple[tuple[str, str], tuple[str, str]]:
        """The two sides that decide whether it is gated, each with its rule."""
        return sides_of(self.ruling.grounds, is_runbook=self.ruling.is_runbook)


def bounds_of(calendar: Calendar, now: datetime) -> Bounds:
    """Say which freezes and hours of *calendar* bear on a deployment at *now*, and next."""
    coming = [(span.start, freeze, span) for freeze in calendar.freezes if (span := freeze.next_span(now)) is not None]
    first = min(coming, key=lambda one: one[0] or now, default=None)
    is_within = calendar.is_within_hours(now)
    return Bounds(
        frozen=calendar.freezes_now(now),
        coming=(first[1].because(first[2]), first[2]) if first is not None else None,
        hours=tuple(dict.fromkeys(period.name for period in calendar.hours)),
        is_within_hours=is_within,
        turns_at=_end_of_hours(calendar, now) if is_within else calendar.next_hours(now),
    )


def _end_of_hours(calendar: Calendar, now: datetime) -> datetime | None:
    """Give the last instant of the hours that *now* lies in, as far as they are known to end."""
    ends = [span.end for period in calendar.hours if (span := period.at(now)) is not None]
    return None if None in ends else max((end for end in ends if end is not None), default=None)


def bears_on(subject: Subject, before: Rulebook, after: Rulebook) -> bool:
    """Tell whether *after* says otherwise than *before* about a deployment that waits.

    What calendars elsewhere say is left out; they change with no revision.
    """

    def said(book: Rulebook) -> tuple[object, ...]:
        return (
            calendar_for(book, subject),
            calendar_for(book, subject, is_emergency=True),
            waiting_for(book.waiting, subject),
            tuple(template for template in book.standard if template.reach.covers(subject)),
            book.workflow,
            book.conflicts,
            book.services if book.conflicts.more_approvals else (),
            book.control.unknown_services,
            services_named(book, subject.services).unknown,
        )

    return said(before) != said(after)
