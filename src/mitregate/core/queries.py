"""Queries: which records a page shows; every condition given must hold.

`before` names the last record of the page before, and `limit` the number of records at most.
"""

from msgspec import Struct

from mitregate.core.changes import Status
from mitregate.core.gates import GatingStatus, Stage
from mitregate.core.jobs import JobState


class GateQuery(Struct, frozen=True, kw_only=True):
    """Which gates: every condition given must hold; `before` is the id of the last gate of the page before."""

    app_id: str | None = None
    status: GatingStatus | None = None
    stage: Stage | None = None
    pipeline_id: str | None = None
    environment_id: str | None = None
    sequence_number: int | None = None
    before: str | None = None
    limit: int = 50


class ChangeQuery(Struct, frozen=True, kw_only=True):
    """Which changes; `before` is the number of the last change of the page before.

    `is_open` leaves out what is over.
    """

    status: Status | None = None
    is_open: bool = False
    before: int | None = None
    limit: int = 50


class JobQuery(Struct, frozen=True, kw_only=True):
    """Which jobs; `before` is the id of the last job of the page before."""

    state: JobState | None = None
    gate_id: str | None = None
    before: str | None = None
    limit: int = 50


class AuditQuery(Struct, frozen=True, kw_only=True):
    """Which audit entries; `before` is the number of the last entry of the page before."""

    subject: str | None = None
    before: int | None = None
    limit: int = 50
