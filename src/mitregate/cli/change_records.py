"""What the native API answers about changes, as far as people are shown it."""

from datetime import datetime

from msgspec import Struct

from mitregate.cli.explain_records import Approvals, Conflict
from mitregate.cli.records import Gate
from mitregate.core.gates import spell


class Approval(Struct, frozen=True, kw_only=True):
    """What a person decided on a change."""

    actor: str
    decision: str
    at: datetime
    comment: str = ""


class Comment(Struct, frozen=True, kw_only=True):
    """A remark on a change."""

    author: str
    body: str
    at: datetime


class Covers(Struct, frozen=True, kw_only=True):
    """Which deployments a change was prepared for."""

    project: str
    environment: str
    version: str


class Change(Struct, frozen=True, kw_only=True, rename="camel"):
    """A change request; what follows `link` is told only of a single one."""

    key: str
    title: str
    description: str = ""
    type: str
    template: str = ""
    risk: str = ""
    risk_why: str = ""
    services: tuple[str, ...] = ()
    covers: Covers | None = None
    status: str
    planned_start: datetime | None = None
    planned_end: datetime | None = None
    requested_by: str
    created_at: datetime
    updated_at: datetime
    link: str = ""
    gates: tuple[Gate, ...] = ()
    comments: tuple[Comment, ...] = ()
    approvals: tuple[Approval, ...] = ()
    transitions: tuple[str, ...] = ()
    progress: Approvals | None = None
    wanted: str = ""
    conflicts: tuple[Conflict, ...] = ()

    @property
    def kind(self) -> str:
        """Its type, with the template that it was opened of."""
        return f"{self.type}, of {self.template!r}" if self.template else self.type

    @property
    def hazard(self) -> str:
        """How risky it is, and why."""
        return f"{self.risk}: {self.risk_why}" if self.risk_why else self.risk

    @property
    def coverage(self) -> str:
        """What it was prepared for, in one line."""
        return f"{self.covers.project} {self.covers.version} → {self.covers.environment}" if self.covers else ""

    @property
    def window(self) -> str:
        """When it is planned for; nothing if for any time."""
        if self.planned_start is None and self.planned_end is None:
            return ""
        start = spell(self.planned_start) if self.planned_start is not None else "any time"
        return f"{start} … {spell(self.planned_end) if self.planned_end is not None else 'no end'}"
