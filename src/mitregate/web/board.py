"""Board: what the pages show, read in one go."""

from datetime import datetime

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from mitregate.core.announcements import Announcement
from mitregate.core.approvals import Approval
from mitregate.core.audit import Entry
from mitregate.core.changes import CLASS_OF, TRANSITIONS, Change, StatusClass, Transition, number_of
from mitregate.core.gates import Gate, GatingStatus, ReasonCode, Stage
from mitregate.core.jobs import Attempt, Job, JobState
from mitregate.core.people import Permission, Principal
from mitregate.core.queries import AuditQuery, ChangeQuery, GateQuery, JobQuery
from mitregate.flows import ask, rules
from mitregate.flows.rules import FreezeView
from mitregate.ports import UnitOfWork

PAGE = 50
"""Gates of one kind on the board."""

DECIDED = 10
"""Decisions on the board, at most."""

UNAPPROVED = {ReasonCode.WAITING_FOR_APPROVAL, ReasonCode.APPROVALS_INCOMPLETE}
"""Reasons that an approval would take away."""

BY_BUTTON = {Transition.APPROVE, Transition.DECLINE}
"""Transitions that have a button of their own."""


class Row(Struct, frozen=True, kw_only=True):
    """A gate on the board.

    `seen` is the digest of what an approver judges by what is shown; `untold` is why its app does not know how it
    stands, if nobody will tell it any more.
    """

    gate: Gate
    seen: str = ""
    untold: str = ""
    may_approve: bool = False
    may_decline: bool = False


class Decided(Struct, frozen=True, kw_only=True):
    """A change with its last decision."""

    change: Change
    approval: Approval


class Board(Struct, frozen=True, kw_only=True):
    """The first page: what waits, what was decided but has not started, the freezes that hold, the last decisions."""

    waiting: tuple[Row, ...]
    others: tuple[Row, ...]
    older: str | None
    freezes: tuple[FreezeView, ...]
    decided: tuple[Decided, ...]
    is_new: bool


class ChangePage(Struct, frozen=True, kw_only=True):
    """A change as its page shows it."""

    view: ask.ChangeView
    row: Row | None
    steps: tuple[Transition, ...]
    may_be_planned: bool


class Told(Struct, frozen=True, kw_only=True):
    """A delivery with its tries and the gating status that it tells."""

    job: Job
    attempts: tuple[Attempt, ...]
    status: GatingStatus


class GatePage(Struct, frozen=True, kw_only=True):
    """A gate as its page shows it."""

    row: Row
    deliveries: tuple[Told, ...]
    history: tuple[tuple[int, Entry], ...]


def read_board(uow: UnitOfWork, principal: Principal, before: str | None, now: datetime) -> Board:
    """Read the first page as it is *now*; *before* is the id of the last waiting gate of the page before."""
    principal.require(Permission.VIEW)
    query = GateQuery(stage=Stage.HELD, status=GatingStatus.AWAITING, before=before, limit=PAGE + 1)
    waiting = uow.gates.page(query)
    others = [
        gate
        for status in (GatingStatus.INVALID, GatingStatus.PREVENTED, GatingStatus.ALLOWED)
        for gate in uow.gates.page(GateQuery(stage=Stage.HELD, status=status, limit=PAGE))
    ]
    changes = uow.changes.page(ChangeQuery())
    decided = sorted(
        (Decided(change=change, approval=change.approvals[-1]) for change in changes if change.approvals),
        key=lambda each: each.approval.at,
        reverse=True,
    )
    return Board(
        waiting=tuple(_row(uow, gate) for gate in waiting[:PAGE]),
        others=tuple(_row(uow, gate) for gate in others),
        older=waiting[PAGE - 1].id if len(waiting) > PAGE else None,
        freezes=tuple(one for one in rules.freezes(uow, now, principal) if one.holds is not None),
        decided=tuple(decided[:DECIDED]),
        is_new=not uow.gates.page(GateQuery(limit=1)),
    )


def read_change(uow: UnitOfWork, principal: Principal, key: str) -> ChangePage:
    """Read what the page of a change shows; refused as by `ask.change`."""
    view = ask.change(uow, key, principal)
    held = [gate for gate in view.gates if gate.stage is Stage.HELD]
    return ChangePage(
        view=view,
        row=_row(uow, held[-1]) if held else None,
        steps=tuple(step for step in view.transitions if step not in BY_BUTTON),
        may_be_planned=CLASS_OF[view.change.status] is not StatusClass.STOP,
    )


def read_gate(uow: UnitOfWork, principal: Principal, gate_id: str) -> GatePage:
    """Read what the page of a gate shows; refused as by `ask.gate`."""
    gate = ask.gate(uow, gate_id, principal)
    jobs = uow.jobs.page(JobQuery(gate_id=gate_id))
    may_audit = Permission.AUDIT in principal.permissions
    return GatePage(
        row=_row(uow, gate),
        deliveries=tuple(_told(uow, job) for job in jobs),
        history=tuple(uow.audit.page(AuditQuery(subject=gate_id))) if may_audit else (),
    )


def _told(uow: UnitOfWork, job: Job) -> Told:
    status = msgspec.json.decode(job.payload, type=Announcement).status
    return Told(job=job, attempts=tuple(uow.jobs.attempts(job.id)), status=status)


def _row(uow: UnitOfWork, gate: Gate) -> Row:
    if gate.stage is not Stage.HELD:
        return Row(gate=gate)
    row = Row(gate=gate, untold=_untold(uow, gate))
    change = uow.changes.get(number_of(gate.change_key)) if gate.change_key is not None else None
    if change is None:
        return row
    return replace(
        row,
        seen=ask.digest_of(uow, change, uow.gates.sharing(change.key)),
        may_approve=any(reason.code in UNAPPROVED for reason in gate.verdict.reasons),
        may_decline=Transition.DECLINE in TRANSITIONS[change.status],
    )


def _untold(uow: UnitOfWork, gate: Gate) -> str:
    newest = uow.jobs.page(JobQuery(gate_id=gate.id, limit=1))
    if not newest or newest[0].state is not JobState.DEAD:
        return ""
    return f"Its app was not told “{_told(uow, newest[0]).status.value}”: {newest[0].note}"
