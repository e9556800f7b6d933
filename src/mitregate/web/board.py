"""Board: what the pages show, read in one go."""

from datetime import datetime

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from mitregate.core import asking
from mitregate.core.announcements import Announcement
from mitregate.core.approvals import Approval, sight
from mitregate.core.audit import Entry
from mitregate.core.changes import TRANSITIONS, Change, ChangeType, Status, Transition, number_of
from mitregate.core.conflicts import Conflict
from mitregate.core.feeds import Condition
from mitregate.core.gates import Gate, GatingStatus, ReasonCode, Stage
from mitregate.core.jobs import Attempt, Job, JobState
from mitregate.core.people import Permission, Principal
from mitregate.core.queries import AuditQuery, ChangeQuery, GateQuery, JobQuery
from mitregate.core.telling import FOUND
from mitregate.flows import ask, rules
from mitregate.flows.rules import FreezeView
from mitregate.ports import ChangeSystem, UnitOfWork

PAGE = 50
"""Gates of one kind on the board."""

DECIDED = 10
"""Decisions on the board, at most."""

UNAPPROVED = {ReasonCode.WAITING_FOR_APPROVAL, ReasonCode.APPROVALS_INCOMPLETE}
"""Reasons that an approval would take away."""

BY_BUTTON = {Transition.APPROVE, Transition.DECLINE}
"""Transitions that have a button of their own."""


class Ballot(Struct, frozen=True, kw_only=True):
    """What there is to decide about a change.

    `seen` is the digest of what an approver judges by what is shown, `objection` why the visitor may not approve it.
    """

    key: str
    seen: str
    may_approve: bool
    may_decline: bool
    objection: str = ""


class Row(Struct, frozen=True, kw_only=True):
    """A gate on the board; `untold` is why its app does not know how it stands, if nobody will tell it any more.

    `conflicts` are those of its change, as long as that is to be approved.
    """

    gate: Gate
    ballot: Ballot | None = None
    conflicts: tuple[Conflict, ...] = ()
    untold: str = ""


class Decided(Struct, frozen=True, kw_only=True):
    """A change with its last decision."""

    change: Change
    approval: Approval


class Board(Struct, frozen=True, kw_only=True):
    """The first page: what waits, what was decided but has not started, the freezes that hold, the last decisions.

    `troubled` are the calendars that cannot be read.
    """

    waiting: tuple[Row, ...]
    others: tuple[Row, ...]
    older: str | None
    freezes: tuple[FreezeView, ...]
    troubled: tuple[Condition, ...]
    decided: tuple[Decided, ...]
    is_new: bool


class ChangePage(Struct, frozen=True, kw_only=True):
    """A change as its page shows it."""

    view: ask.ChangeView
    ballot: Ballot
    progress: str
    wanted: str
    steps: tuple[Transition, ...]
    may_be_planned: bool
    other_type: ChangeType | None


class Told(Struct, frozen=True, kw_only=True):
    """A delivery with its tries and the gating status that it tells."""

    job: Job
    attempts: tuple[Attempt, ...]
    status: GatingStatus


class GatePage(Struct, frozen=True, kw_only=True):
    """A gate as its page shows it."""

    row: Row
    found: str
    deliveries: tuple[Told, ...]
    history: tuple[tuple[int, Entry], ...]


def read_board(uow: UnitOfWork, principal: Principal, before: str | None, now: datetime, system: ChangeSystem) -> Board:
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
    frozen = rules.freezes(uow, now, principal)
    conditions = [one.condition for one in frozen if one.condition is not None]
    return Board(
        waiting=tuple(_row(uow, principal, gate, system) for gate in waiting[:PAGE]),
        others=tuple(_row(uow, principal, gate, system) for gate in others),
        older=waiting[PAGE - 1].id if len(waiting) > PAGE else None,
        freezes=tuple(one for one in frozen if one.holds is not None),
        troubled=tuple(one for one in conditions if one.failing_since is not None),
        decided=tuple(decided[:DECIDED]),
        is_new=not uow.gates.page(GateQuery(limit=1)),
    )


def read_change(uow: UnitOfWork, principal: Principal, key: str, system: ChangeSystem) -> ChangePage:
    """Read what the page of a change shows; refused as by `ask.change`."""
    view = ask.change(uow, key, principal, system)
    change, profile = view.change, view.profile
    needs_more = profile is not None and profile.tally is not None and not profile.tally.is_complete
    return ChangePage(
        view=view,
        ballot=_ballot(principal, change, view.shown, may_approve=needs_more and change.is_open),
        progress=asking.progress(profile.tally) if profile is not None and profile.tally is not None else "",
        wanted=asking.wanted(profile) if profile is not None else "",
        steps=tuple(step for step in view.transitions if step not in BY_BUTTON),
        may_be_planned=change.is_open,
        other_type=_other_type(principal, change),
    )


def _other_type(principal: Principal, change: Change) -> ChangeType | None:
    """Give the type that the visitor can still make a change, as `review.retype` has it."""
    if change.status is not Status.PEER_REVIEW or Permission.OVERRIDE not in principal.permissions:
        return None
    return ChangeType.NORMAL if change.type is ChangeType.EMERGENCY else ChangeType.EMERGENCY


def read_gate(uow: UnitOfWork, principal: Principal, gate_id: str, system: ChangeSystem) -> GatePage:
    """Read what the page of a gate shows; refused as by `ask.gate`."""
    gate = ask.gate(uow, gate_id, principal)
    jobs = uow.jobs.page(JobQuery(gate_id=gate_id))
    may_audit = Permission.AUDIT in principal.permissions
    return GatePage(
        row=_row(uow, principal, gate, system),
        found=FOUND[gate.found] if gate.found is not None else "",
        deliveries=tuple(_told(uow, job) for job in jobs),
        history=tuple(uow.audit.page(AuditQuery(subject=gate_id))) if may_audit else (),
    )


def _told(uow: UnitOfWork, job: Job) -> Told:
    status = msgspec.json.decode(job.payload, type=Announcement).status
    return Told(job=job, attempts=tuple(uow.jobs.attempts(job.id)), status=status)


def _row(uow: UnitOfWork, principal: Principal, gate: Gate, system: ChangeSystem) -> Row:
    if gate.stage is not Stage.HELD:
        return Row(gate=gate)
    row = Row(gate=gate, untold=_untold(uow, gate))
    key = gate.related_to if gate.is_waiting else None
    change = uow.changes.get(number_of(key)) if key is not None else None
    if change is None:
        return row
    seen = ask.shown_of(uow, change, uow.gates.sharing(change.key))
    may_approve = any(reason.code in UNAPPROVED for reason in gate.verdict.reasons)
    conflicts = system.conflicts(uow, change.key) if may_approve else ()
    return replace(row, ballot=_ballot(principal, change, seen, may_approve=may_approve), conflicts=conflicts)


def _ballot(principal: Principal, change: Change, seen: tuple[str, ...], *, may_approve: bool) -> Ballot:
    """Say what there is to decide about *change*; what may not be approved by this visitor is not offered."""
    found = asking.objection(principal, change, seen) if may_approve and seen else None
    return Ballot(
        key=change.key,
        seen=sight(seen),
        may_approve=may_approve and bool(seen) and found is None,
        may_decline=Transition.DECLINE in TRANSITIONS[change.status] and bool(seen),
        objection=f"{found.message} {found.advice()}" if found is not None else "",
    )


def _untold(uow: UnitOfWork, gate: Gate) -> str:
    newest = uow.jobs.page(JobQuery(gate_id=gate.id, limit=1))
    if not newest or newest[0].state is not JobState.DEAD:
        return ""
    return f"Its app was not told “{_told(uow, newest[0]).status.value}”: {newest[0].note}"
