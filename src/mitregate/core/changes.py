"""Change requests: the embedded change workflow as a table.

Theory of operation. A change is always in exactly one *status*. A *transition* has a name, leads from one status to
another, and exists only if it stands in `TRANSITIONS`: a missing key is an illegal transition, which is refused and
changes nothing. Names repeat (three statuses can be approved, five cancelled), so a transition is looked up by the
status it starts from. The table is Jira Service Management's default workflow for change management, plus Implementing
→ Failed (domain.md §4).

A second table stands beside it: `CLASS_OF` says what a status means for a gate, out of the box. Which transitions a
change takes by itself, and what statuses mean where an operator wants it otherwise, is in `core.workflow`.
"""

import re
from datetime import datetime
from enum import StrEnum

from msgspec import Struct
from msgspec.structs import replace

from mitregate.core.approvals import Approval
from mitregate.core.calendar import Window
from mitregate.core.control import is_like
from mitregate.core.deployments import Deployment
from mitregate.core.errors import IllegalTransition, Unknown
from mitregate.core.risk import Risk

KEY_PREFIX = "CHG-"
"""What the keys of embedded changes begin with; the whole has the form of a Jira issue key."""


class Status(StrEnum):
    """Where a change stands, in Jira's words."""

    PEER_REVIEW = "Peer review / change manager approval"
    PLANNING = "Planning"
    AWAITING_CAB = "Awaiting CAB approval"
    AWAITING_IMPLEMENTATION = "Awaiting implementation"
    PENDING = "Pending"
    IMPLEMENTING = "Implementing"
    RESOLVED = "Resolved"
    FAILED = "Failed"
    DECLINED = "Declined"
    CANCELED = "Canceled"
    CLOSED = "Closed"


class Transition(StrEnum):
    """A step from one status to another, in Jira's words."""

    APPROVE = "Approve"
    DECLINE = "Decline"
    CANCEL = "Cancel"
    EMERGENCY_OVERRIDE = "Emergency override"
    READY_FOR_CAB = "Ready for CAB approval"
    READY_FOR_IMPLEMENTATION = "Ready for implementation"
    PEND = "Pending"
    START = "Start implementation"
    COMPLETE = "Change completed"
    FAIL = "Change failed"
    BACK_TO_PLANNING = "Back to planning"
    CLOSE = "Close"


TRANSITIONS: dict[Status, dict[Transition, Status]] = {
    Status.PEER_REVIEW: {
        Transition.APPROVE: Status.PLANNING,
        Transition.DECLINE: Status.DECLINED,
        Transition.CANCEL: Status.CANCELED,
        Transition.EMERGENCY_OVERRIDE: Status.AWAITING_IMPLEMENTATION,
    },
    Status.PLANNING: {
        Transition.READY_FOR_CAB: Status.AWAITING_CAB,
        Transition.READY_FOR_IMPLEMENTATION: Status.AWAITING_IMPLEMENTATION,
        Transition.PEND: Status.PENDING,
        Transition.CANCEL: Status.CANCELED,
    },
    Status.AWAITING_CAB: {
        Transition.APPROVE: Status.AWAITING_IMPLEMENTATION,
        Transition.DECLINE: Status.DECLINED,
        Transition.EMERGENCY_OVERRIDE: Status.AWAITING_IMPLEMENTATION,
    },
    Status.AWAITING_IMPLEMENTATION: {
        Transition.START: Status.IMPLEMENTING,
        Transition.PEND: Status.PENDING,
        Transition.CANCEL: Status.CANCELED,
    },
    Status.PENDING: {
        Transition.BACK_TO_PLANNING: Status.PLANNING,
        Transition.READY_FOR_IMPLEMENTATION: Status.AWAITING_IMPLEMENTATION,
        Transition.CANCEL: Status.CANCELED,
    },
    Status.IMPLEMENTING: {
        Transition.COMPLETE: Status.RESOLVED,
        Transition.FAIL: Status.FAILED,
    },
    Status.RESOLVED: {Transition.CLOSE: Status.CLOSED},
    Status.FAILED: {Transition.CLOSE: Status.CLOSED},
    Status.DECLINED: {Transition.CANCEL: Status.CANCELED, Transition.CLOSE: Status.CLOSED},
    Status.CANCELED: {Transition.CLOSE: Status.CLOSED},
    Status.CLOSED: {},
}

INITIAL = Status.PEER_REVIEW
"""The status in which a change is opened."""


class StatusClass(StrEnum):
    """What a status means for a gate: stay shut for now, open, or stay shut for good."""

    WAIT = "wait"
    PROCEED = "proceed"
    STOP = "stop"


CLASS_OF: dict[Status, StatusClass] = {
    Status.PEER_REVIEW: StatusClass.WAIT,
    Status.PLANNING: StatusClass.WAIT,
    Status.AWAITING_CAB: StatusClass.WAIT,
    Status.AWAITING_IMPLEMENTATION: StatusClass.WAIT,
    Status.PENDING: StatusClass.WAIT,
    Status.IMPLEMENTING: StatusClass.PROCEED,
    Status.RESOLVED: StatusClass.STOP,
    Status.FAILED: StatusClass.STOP,
    Status.DECLINED: StatusClass.STOP,
    Status.CANCELED: StatusClass.STOP,
    Status.CLOSED: StatusClass.STOP,
}


class ChangeType(StrEnum):
    """How much ceremony a change needs."""

    STANDARD = "standard"
    NORMAL = "normal"
    EMERGENCY = "emergency"


FIRST: dict[ChangeType, Status] = {
    ChangeType.NORMAL: INITIAL,
    ChangeType.EMERGENCY: INITIAL,
    ChangeType.STANDARD: Status.AWAITING_IMPLEMENTATION,
}
"""The status in which a change of each type is opened: what is approved beforehand needs no review."""


class Coverage(Struct, frozen=True, kw_only=True):
    """Which deployments a change is for that was prepared before there were any; names or patterns."""

    project: str
    environment: str
    version: str

    def includes(self, deployment: Deployment) -> bool:
        """Tell whether *deployment* is one of them."""
        environment = deployment.environment
        return (
            is_like(deployment.project, self.project)
            and is_like(deployment.version, self.version)
            and any(is_like(name, self.environment) for name in (environment.display_name, environment.id))
        )


class Change(Struct, frozen=True, kw_only=True):
    """An embedded change request; `number` is given by the store and makes the key.

    `app_id` is the app whose deployments find it by its title, empty if somebody prepared it by hand: then everybody's
    do. A `twin` has the title of another open change, and is not found by it. `services` are the plain ids of what it
    concerns, `template` names the standard change that it was opened of, `covers` says what it was prepared for.
    """

    number: int
    title: str
    description: str
    app_id: str = ""
    is_twin: bool = False
    type: ChangeType = ChangeType.NORMAL
    template: str = ""
    risk: Risk = Risk.LOW
    risk_why: str = ""
    services: tuple[str, ...] = ()
    covers: Coverage | None = None
    status: Status = INITIAL
    window: Window = Window()
    approvals: tuple[Approval, ...] = ()
    requested_by: str
    created_at: datetime
    updated_at: datetime
    revision: int = 1

    @property
    def key(self) -> str:
        """The key people use, such as CHG-42."""
        return f"{KEY_PREFIX}{self.number}"

    @property
    def is_open(self) -> bool:
        """Whether something can still come of it."""
        return CLASS_OF[self.status] is not StatusClass.STOP

    @property
    def is_prepared(self) -> bool:
        """Whether somebody made it by hand, before a deployment asked for it."""
        return not self.app_id


class Comment(Struct, frozen=True, kw_only=True):
    """A remark on a change, by a person or by Mitregate."""

    author: str
    body: str
    at: datetime


def number_of(key: str) -> int:
    """Read the number out of a change's key, such as CHG-42.

    Raises:
        Unknown: this is not the key of a change.
    """
    # One key for one change: CHG-042 is nobody's, or what waits for CHG-42 would not be found under that name.
    if not re.fullmatch(KEY_PREFIX + r"(0|[1-9][0-9]{0,17})", key.upper()):
        message = f"There is no change request {key!r}."
        raise Unknown(message, advice=f"Keys of change requests look like {KEY_PREFIX}42; `change list` shows them.")
    return int(key[len(KEY_PREFIX) :])


def take(status: Status, transition: Transition) -> Status:
    """Follow *transition* from *status*.

    Raises:
        IllegalTransition: the workflow has no such transition from this status.
    """
    try:
        return TRANSITIONS[status][transition]
    except KeyError:
        possible = ", ".join(TRANSITIONS[status]) or "none"
        message = f"A change in status {status.value!r} has no transition {transition.value!r}."
        raise IllegalTransition(message, advice=f"Transitions that are possible now: {possible}.") from None


def move(change: Change, transition: Transition, now: datetime) -> Change:
    """Give *change* as it is after *transition*, taken at *now*; illegal transitions are refused as by `take`."""
    return replace(change, status=take(change.status, transition), updated_at=now)
