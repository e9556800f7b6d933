"""Verdicts: what a gate can say, and how a change stands that it says it of (domain.md §6)."""

from datetime import datetime
from enum import StrEnum

from msgspec import Struct

from mitregate.core.approvals import Tally
from mitregate.core.calendar import Position, Window
from mitregate.core.changes import StatusClass
from mitregate.core.waiting import Patience


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
    UNKNOWN_SERVICE = "unknown_service"
    EXPIRED = "expired"
    SUPERSEDED = "superseded"


class Reason(Struct, frozen=True, kw_only=True):
    """One reason: what is so, and what would open the gate (empty if nothing will, or it is open)."""

    code: ReasonCode
    message: str
    remedy: str = ""


class Verdict(Struct, frozen=True, kw_only=True):
    """A gating status with all its reasons.

    `wake_at` is when to decide again at the latest, `good_until` the last instant at which an `allowed` holds,
    `opens_at` when the gate can open at the earliest (None: as soon as what is missing is done, or never), `ends_at`
    when it is prevented if nobody decides.
    """

    status: GatingStatus
    reasons: tuple[Reason, ...]
    wake_at: datetime | None = None
    good_until: datetime | None = None
    opens_at: datetime | None = None
    ends_at: datetime | None = None


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
    is_emergency: bool = False
    window: Window = Window()
    approvals: Tally | None = None

    def is_undecided(self, now: datetime) -> bool:
        """Tell whether somebody has yet to decide, and could."""
        is_complete = self.approvals is not None and self.approvals.is_complete
        is_asked = self.status_class is StatusClass.WAIT or self.approvals is not None
        is_over = self.status_class is StatusClass.STOP or self.window.position(now) is Position.OVER
        return is_asked and not is_complete and not is_over


class Terms(Struct, frozen=True, kw_only=True):
    """What the rules say of one gate beside its calendar.

    `faults` are what is wrong with what they refer to, and make it invalid; `patience` is how long it may wait for a
    decision.
    """

    faults: tuple[Reason, ...] = ()
    patience: Patience = Patience()


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


def spell(instant: datetime) -> str:
    """Write an instant for people: to the second, with the zone in which it came, mostly UTC."""
    return instant.strftime("%Y-%m-%d %H:%M:%S %Z")
