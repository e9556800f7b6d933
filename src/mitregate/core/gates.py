"""Gates: where one deployment waits, and the verdict on it (domain.md §6).

`decide` is pure, total, and recomputed from nothing but its arguments; a verdict is never accumulated. It first looks
up the class of the change's status and the position of its window in `BASE`, then adds everything else that holds the
gate shut. Only the combination *proceed* and *open*, with nothing that holds, gives `allowed`; whatever is not known,
missing or broken gives something else.
"""

from collections.abc import Iterator
from datetime import datetime
from enum import StrEnum

from msgspec import Struct

from mitregate.core.approvals import Tally
from mitregate.core.calendar import TICK, Calendar, Position, Window, earliest_opening
from mitregate.core.changes import StatusClass
from mitregate.core.control import Control
from mitregate.core.deployments import DeploymentKey, EnvironmentType


class GatingStatus(StrEnum):
    """The only four words that leave on the Jira wire."""

    AWAITING = "awaiting"
    ALLOWED = "allowed"
    PREVENTED = "prevented"
    INVALID = "invalid"


class ReasonCode(StrEnum):
    """Why a verdict is what it is."""

    NOT_CHANGE_CONTROLLED = "not_change_controlled"
    APPROVED = "approved"
    CHANGE_PENDING = "change_pending"
    WAITING_FOR_APPROVAL = "waiting_for_approval"
    APPROVALS_INCOMPLETE = "approvals_incomplete"
    WAITING_FOR_IMPLEMENTATION = "waiting_for_implementation"
    WINDOW_NOT_OPEN = "window_not_open"
    WINDOW_MISSED = "window_missed"
    WINDOW_OVER = "window_over"
    FROZEN = "frozen"
    OUTSIDE_HOURS = "outside_hours"
    CHANGE_DECLINED = "change_declined"
    CHANGE_CLOSED = "change_closed"
    MISCONFIGURED = "misconfigured"
    KEY_COLLISION = "key_collision"


class Reason(Struct, frozen=True, kw_only=True):
    """One reason: what is so, and what would open the gate (empty if nothing will, or it is open)."""

    code: ReasonCode
    message: str
    remedy: str = ""


class Verdict(Struct, frozen=True, kw_only=True):
    """A gating status with all its reasons.

    `wake_at` is when to decide again at the latest, `good_until` the last instant at which an `allowed` holds,
    `opens_at` when the gate can open at the earliest (None: as soon as what is missing is done, or never).
    """

    status: GatingStatus
    reasons: tuple[Reason, ...]
    wake_at: datetime | None = None
    good_until: datetime | None = None
    opens_at: datetime | None = None


class Stage(StrEnum):
    """How far a deployment behind a gate has come; only a held one is decided on and announced."""

    HELD = "held"
    STARTED = "started"
    FINISHED = "finished"
    WITHDRAWN = "withdrawn"


class Gate(Struct, frozen=True, kw_only=True):
    """Where one deployment waits; holds its change and its verdict.

    `since` is when the gating status was reached. What describes the deployment is kept here as well, so that a gate
    can still be explained when the deployment has been deleted. `contested` names two jobs that
    both claim to be behind this gate: nobody can tell any more whom a verdict would reach.
    """

    id: str
    key: DeploymentKey
    control: Control
    change_key: str | None
    verdict: Verdict
    since: datetime
    stage: Stage = Stage.HELD
    project: str
    version: str
    environment: str
    environment_type: EnvironmentType
    url: str
    contested: str | None = None
    created_at: datetime
    revision: int = 1


class Standing(Struct, frozen=True, kw_only=True):
    """How a change stands, in whatever change system it lives.

    `moves_by_itself` says that an approved change in this status needs nobody to move it once its window is open.
    `approvals` is None where the change system keeps approvals to itself and its status alone speaks.
    """

    key: str
    status: str
    status_class: StatusClass
    is_declined: bool = False
    moves_by_itself: bool = False
    window: Window = Window()
    approvals: Tally | None = None


PENDING = Verdict(
    status=GatingStatus.AWAITING,
    reasons=(
        Reason(
            code=ReasonCode.CHANGE_PENDING,
            message="The change request has not been opened yet.",
            remedy="It is opened automatically; nothing needs to be done.",
        ),
    ),
)
"""The verdict while no change has been opened."""

PASS = Verdict(
    status=GatingStatus.ALLOWED,
    reasons=(Reason(code=ReasonCode.NOT_CHANGE_CONTROLLED, message="This deployment is not under change control."),),
)
"""The verdict where change control does not apply."""

BASE: dict[tuple[StatusClass, Position], tuple[GatingStatus, ReasonCode]] = {
    (StatusClass.WAIT, Position.NOT_YET): (GatingStatus.AWAITING, ReasonCode.WAITING_FOR_APPROVAL),
    (StatusClass.WAIT, Position.OPEN): (GatingStatus.AWAITING, ReasonCode.WAITING_FOR_APPROVAL),
    (StatusClass.WAIT, Position.OVER): (GatingStatus.PREVENTED, ReasonCode.WINDOW_MISSED),
    (StatusClass.PROCEED, Position.NOT_YET): (GatingStatus.AWAITING, ReasonCode.WINDOW_NOT_OPEN),
    (StatusClass.PROCEED, Position.OPEN): (GatingStatus.ALLOWED, ReasonCode.APPROVED),
    (StatusClass.PROCEED, Position.OVER): (GatingStatus.PREVENTED, ReasonCode.WINDOW_OVER),
    (StatusClass.STOP, Position.NOT_YET): (GatingStatus.PREVENTED, ReasonCode.CHANGE_CLOSED),
    (StatusClass.STOP, Position.OPEN): (GatingStatus.PREVENTED, ReasonCode.CHANGE_CLOSED),
    (StatusClass.STOP, Position.OVER): (GatingStatus.PREVENTED, ReasonCode.CHANGE_CLOSED),
}


def decide(gate: Gate, change: Standing | None, calendar: Calendar, now: datetime) -> Verdict:
    """Decide on *gate* at *now* (domain.md §6).

    Args:
        gate: the gate; its own verdict so far plays no part.
        change: how its change stands, or None if the change cannot be found.
        calendar: the freezes that cover the gate.
        now: the instant to decide for.

    Returns:
        The verdict, with all its reasons and the instant at which to decide again.
    """
    if gate.contested is not None:
        return _collides(gate, gate.contested)
    if gate.control is Control.NOT_REQUIRED or gate.change_key is None:
        return PASS if gate.control is Control.NOT_REQUIRED else PENDING
    if change is None:
        return _change_is_missing(gate.change_key)
    status, _ = BASE[change.status_class, change.window.position(now)]
    holds = tuple(_holds(change, calendar, now))
    if status is GatingStatus.ALLOWED and not holds:
        return _allowed(change, calendar, now)
    if status in {GatingStatus.ALLOWED, GatingStatus.AWAITING}:
        return Verdict(
            status=GatingStatus.AWAITING,
            reasons=holds,
            wake_at=_next_edge(change, calendar, now),
            opens_at=earliest_opening(change.window, calendar, now),
        )
    return Verdict(status=status, reasons=(_shut_for_good(change, now),))


# --- what holds a gate shut, each with what would open it ---


def _holds(change: Standing, calendar: Calendar, now: datetime) -> Iterator[Reason]:
    yield from _approval_holds(change)
    is_before = change.window.position(now) is Position.NOT_YET
    if is_before and change.window.start is not None:
        yield Reason(
            code=ReasonCode.WINDOW_NOT_OPEN,
            message=f"The change window opens at {spell(change.window.start)}.",
            remedy="It opens by itself at that time.",
        )
    is_approved = change.approvals is not None and change.approvals.is_complete
    if change.status_class is StatusClass.WAIT and is_approved and not (is_before and change.moves_by_itself):
        yield Reason(
            code=ReasonCode.WAITING_FOR_IMPLEMENTATION,
            message=f"The change request {change.key} is approved but stands in status {change.status!r}.",
            remedy=f"Somebody must move {change.key} on towards Implementing.",
        )
    for freeze, span in calendar.freezes_now(now):
        end = span.end
        yield Reason(
            code=ReasonCode.FROZEN,
            message=f"The freeze {freeze.name!r} holds" + (f" until {spell(end)}." if end else "."),
            remedy="It opens by itself when the freeze ends." if end else "Somebody must end the freeze.",
        )
    if not calendar.is_within_hours(now):
        yield _outside_hours(calendar, now)


def _outside_hours(calendar: Calendar, now: datetime) -> Reason:
    names = ", ".join(repr(period.name) for period in calendar.hours)
    begin = calendar.next_hours(now)
    when = f" They begin at {spell(begin)}." if begin is not None else ""
    return Reason(
        code=ReasonCode.OUTSIDE_HOURS,
        message=f"Deployments may start in the hours of {names} only.{when}",
        remedy="It opens by itself when they begin." if begin is not None else "Somebody must allow other hours.",
    )


def _approval_holds(change: Standing) -> Iterator[Reason]:
    approvals = change.approvals
    if approvals is not None and approvals.is_complete:
        return
    if approvals is not None and approvals.stale:
        yield Reason(
            code=ReasonCode.APPROVALS_INCOMPLETE,
            message=f"What is to be deployed, or its window, changed after {change.key} was approved.",
            remedy=f"An approver must look at {change.key} again and approve it.",
        )
    elif change.status_class is StatusClass.PROCEED and approvals is not None:
        yield Reason(
            code=ReasonCode.APPROVALS_INCOMPLETE,
            message=f"{change.key} has {approvals.met} of {approvals.needed} approvals.",
            remedy=f"An approver must approve {change.key}.",
        )
    elif change.status_class is StatusClass.WAIT:
        yield Reason(
            code=ReasonCode.WAITING_FOR_APPROVAL,
            message=f"The change request {change.key} waits for approval; its status is {change.status!r}.",
            remedy=f"An approver must approve {change.key}.",
        )


def _shut_for_good(change: Standing, now: datetime) -> Reason:
    if change.is_declined:
        return Reason(
            code=ReasonCode.CHANGE_DECLINED,
            message=f"The change request {change.key} was declined.",
            remedy="Submit a new deployment to ask again.",
        )
    _, code = BASE[change.status_class, change.window.position(now)]
    if code is ReasonCode.CHANGE_CLOSED:
        message = f"The change request {change.key} is closed for deployment; its status is {change.status!r}."
        return Reason(code=code, message=message, remedy="Submit a new deployment to ask again.")
    end = spell(change.window.end) if change.window.end else "its end"
    unapproved = " before the change was ready" if code is ReasonCode.WINDOW_MISSED else ""
    return Reason(
        code=code,
        message=f"The change window closed at {end}{unapproved}.",
        remedy=f"Plan a new window for {change.key}, or submit a new deployment.",
    )


def _allowed(change: Standing, calendar: Calendar, now: datetime) -> Verdict:
    edge = _next_edge(change, calendar, now)
    return Verdict(
        status=GatingStatus.ALLOWED,
        reasons=(
            Reason(
                code=ReasonCode.APPROVED,
                message=f"The change request {change.key} is approved and its window is open.",
            ),
        ),
        wake_at=edge,
        good_until=edge - TICK if edge is not None else None,
    )


def _change_is_missing(key: str) -> Verdict:
    return Verdict(
        status=GatingStatus.INVALID,
        reasons=(
            Reason(
                code=ReasonCode.MISCONFIGURED,
                message=f"The change request {key} cannot be found.",
                remedy="An operator must restore it, or the deployment must be submitted anew.",
            ),
        ),
    )


def _collides(gate: Gate, jobs: str) -> Verdict:
    message = (
        f"The jobs {jobs} share the pipeline id {gate.key.pipeline_id!r}, and both have sent build "
        f"{gate.key.sequence_number} for this environment: an approval of one would let the other pass."
    )
    remedy = "Rename one of the two jobs, then start a new build; this one is never allowed."
    return Verdict(
        status=GatingStatus.INVALID,
        reasons=(Reason(code=ReasonCode.KEY_COLLISION, message=message, remedy=remedy),),
    )


def _next_edge(change: Standing, calendar: Calendar, now: datetime) -> datetime | None:
    edges = (change.window.next_edge(now), calendar.next_edge(now))
    return min((edge for edge in edges if edge is not None), default=None)


def spell(instant: datetime) -> str:
    """Write an instant for people: to the second, with the zone in which it came, mostly UTC."""
    return instant.strftime("%Y-%m-%d %H:%M:%S %Z")
