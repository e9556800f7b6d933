"""What the native API answers about why a deployment may start, waits or stopped, as far as people are shown it."""

from datetime import datetime

from msgspec import Struct

from mitregate.cli.records import Override, Reason
from mitregate.core.gates import spell


class Named(Struct, frozen=True, kw_only=True):
    """Which deployment it is, in one line."""

    said: str


class Rules(Struct, frozen=True, kw_only=True, rename="camel"):
    """By which rules it is gated, or not."""

    revision: int
    in_force: int
    side: str
    left: str
    right: str
    why: str


class Found(Struct, frozen=True, kw_only=True):
    """How the change was found."""

    why: str
    passed: str = ""


class Need(Struct, frozen=True, kw_only=True):
    """So many approvals, and why."""

    count: int
    why: str


class Approvals(Struct, frozen=True, kw_only=True):
    """How far the approvals of the change have come."""

    met: int
    needed: int
    stale: int
    needs: tuple[Need, ...]

    @property
    def said(self) -> str:
        """How many there are of how many, and why so many, a line each."""
        stale = f", and {self.stale} of something else than is to be deployed now" if self.stale else ""
        return "\n".join([f"{self.met} of {self.needed}{stale}", *(f"{need.count}: {need.why}" for need in self.needs)])


class Decision(Struct, frozen=True, kw_only=True):
    """What a person decided."""

    actor: str
    decision: str
    at: datetime
    comment: str = ""
    counts: bool = False

    @property
    def said(self) -> str:
        """Who decided what, and when, in one line."""
        holds = ", which holds no more" if self.decision == "approve" and not self.counts else ""
        comment = f" “{self.comment}”" if self.comment else ""
        return f"{self.decision} by {self.actor}, {spell(self.at)}{holds}{comment}"


class Conflict(Struct, frozen=True, kw_only=True, rename="camel"):
    """Another change that would touch the same services at the same time."""

    key: str
    title: str
    status: str
    planned_start: datetime | None = None
    planned_end: datetime | None = None
    services: tuple[str, ...]
    is_earlier: bool

    @property
    def said(self) -> str:
        """Which one, in one line."""
        when = "earlier" if self.is_earlier else "later"
        services = f", {', '.join(self.services)}" if self.services else ""
        window = f"from {_edge(self.planned_start)} to {_edge(self.planned_end)}"
        return f"{self.key} ({when}, {self.status}, {window}{services}): {self.title}"


class Change(Struct, frozen=True, kw_only=True, rename="camel"):
    """The change that it waits for; nothing but the key and how it was found if it is not there."""

    key: str
    found: Found
    link: str = ""
    title: str = ""
    type: str = ""
    template: str = ""
    risk: str = ""
    risk_why: str = ""
    status: str = ""
    planned_start: datetime | None = None
    planned_end: datetime | None = None
    approvals: Approvals | None = None
    decisions: tuple[Decision, ...] = ()
    conflicts: tuple[Conflict, ...] = ()

    @property
    def window(self) -> str:
        """When it is planned for; nothing if for any time."""
        if self.planned_start is None and self.planned_end is None:
            return ""
        return f"from {_edge(self.planned_start)} to {_edge(self.planned_end)}"


class Span(Struct, frozen=True, kw_only=True):
    """A span of a freeze."""

    name: str
    reason: str = ""
    start: datetime | None = None
    end: datetime | None = None

    @property
    def said(self) -> str:
        """Which freeze, and why."""
        return f"{self.name!r}" + (f" ({self.reason})" if self.reason else "")


class Bounds(Struct, frozen=True, kw_only=True, rename="camel"):
    """Which freezes and hours bear on it, now and next."""

    frozen: tuple[Span, ...]
    next_freeze: Span | None = None
    hours: tuple[str, ...]
    is_within_hours: bool
    hours_turn_at: datetime | None = None

    @property
    def said(self) -> tuple[str, ...]:
        """What holds now, and what comes next, a sentence each."""
        lines = [f"The freeze {one.said} holds{f' until {spell(one.end)}' if one.end else ''}." for one in self.frozen]
        if self.next_freeze is not None:
            lines.append(f"The freeze {self.next_freeze.said} begins at {_edge(self.next_freeze.start)}.")
        if self.hours:
            word = "now is in them" if self.is_within_hours else "now is outside of them"
            turn = "they end" if self.is_within_hours else "they begin"
            then = f"; {turn} at {spell(self.hours_turn_at)}" if self.hours_turn_at is not None else ""
            lines.append(f"It has to keep the hours of {', '.join(self.hours)}: {word}{then}.")
        return tuple(lines)


class Event(Struct, frozen=True, kw_only=True):
    """Something that happened."""

    at: datetime
    said: str
    actor: str = ""


class Explanation(Struct, frozen=True, kw_only=True, rename="camel"):
    """Why a deployment may start, waits or stopped."""

    headline: str
    deployment: Named
    gating_status: str = ""
    stage: str = ""
    reasons: tuple[Reason, ...] = ()
    rules: Rules
    change: Change | None = None
    when: tuple[str, ...]
    calendar: Bounds | None = None
    override: Override | None = None
    unknown_services: tuple[str, ...] = ()
    supersedes: tuple[str, ...] = ()
    story: tuple[Event, ...] = ()
    gate_link: str = ""


def _edge(instant: datetime | None) -> str:
    return spell(instant) if instant is not None else "any time"
