"""The embedded change system: changes live in our own database, and no server is needed (domain.md §4).

A change is opened in the transaction that opens its gate. Once its approvals are complete it walks by itself through
planning to Awaiting implementation, and inside its window on to Implementing; how its deployment ends is written to it.
"""

from datetime import datetime

from msgspec.structs import replace

from mitregate.core.approvals import digest, tally
from mitregate.core.audit import SYSTEM
from mitregate.core.changes import (
    AUTOMATIC,
    CLASS_OF,
    TRANSITIONS,
    Change,
    ChangeType,
    Comment,
    Status,
    StatusClass,
    Transition,
    move,
    next_step,
    number_of,
)
from mitregate.core.deployments import Deployment, State
from mitregate.core.errors import Unknown
from mitregate.core.gates import Standing
from mitregate.core.matching import describe, title
from mitregate.ports import UnitOfWork

ENDINGS: dict[State, tuple[Transition, ...]] = {
    State.SUCCESSFUL: (Transition.COMPLETE, Transition.CANCEL, Transition.DECLINE),
    State.FAILED: (Transition.FAIL, Transition.CANCEL, Transition.DECLINE),
    State.ROLLED_BACK: (Transition.FAIL, Transition.CANCEL, Transition.DECLINE),
    State.CANCELLED: (Transition.CANCEL, Transition.FAIL, Transition.DECLINE),
}
"""How the end of a deployment moves a change that is still under way: the first transition that is possible.

Whatever the status, one is, so that no change stays open for a deployment that is over. A deployment cancelled after
its gate had opened fails the change: from Implementing the workflow has no way to Canceled. From Awaiting CAB approval
there is none either, so that change is declined.
"""


class Embedded:
    """Changes in our own database."""

    def open(self, uow: UnitOfWork, deployment: Deployment, requested_by: str, now: datetime) -> Standing:
        """Open a change for a deployment, in the transaction at hand."""
        change = uow.changes.add(
            Change(
                number=0,
                title=title(deployment, uow.rules.current().book.titles),
                description=describe(deployment),
                requested_by=requested_by,
                created_at=now,
                updated_at=now,
            )
        )
        return standing(change, deployment)

    def look(self, uow: UnitOfWork, change_key: str, deployment: Deployment) -> Standing | None:
        """Say how a change stands, without moving it; None if it cannot be found."""
        change = self._find(uow, change_key)
        return standing(change, deployment) if change is not None else None

    def advance(self, uow: UnitOfWork, change_key: str, deployment: Deployment, now: datetime) -> Standing | None:
        """Let a change take the steps that it takes by itself, and say how it stands; None if it cannot be found."""
        change = self._find(uow, change_key)
        if change is None:
            return None
        seen = digest(deployment, change.description, change.window)
        is_approved = tally(change.approvals, seen).is_complete
        moved = change
        while step := next_step(moved, is_approved=is_approved, now=now):
            moved = move(moved, step, now)
        if moved is not change:
            uow.changes.keep(moved)
            self._say(uow, change.number, f"Moved from {change.status.value} to {moved.status.value}.", now)
        return standing(moved, deployment)

    def describe(self, uow: UnitOfWork, change_key: str, deployment: Deployment, now: datetime) -> None:
        """Let a change say what its deployment says of itself by now: nobody shall approve what they did not read."""
        change = self._find(uow, change_key)
        if change is None or CLASS_OF[change.status] is StatusClass.STOP:
            return
        named = title(deployment, uow.rules.current().book.titles)
        described = replace(change, title=named, description=describe(deployment))
        if described != change:
            uow.changes.keep(replace(described, updated_at=now))
            self._say(uow, change.number, "The deployment was submitted anew, and describes itself otherwise.", now)

    def finish(self, uow: UnitOfWork, change_key: str, deployment: Deployment, now: datetime) -> None:
        """Tell a change how its deployment ended, and move it where the workflow allows that."""
        change = self._find(uow, change_key)
        if change is None:
            return
        text = f"The deployment ended: {deployment.state.value}."
        if CLASS_OF[change.status] is not StatusClass.STOP:
            steps = ENDINGS[deployment.state]
            moved = move(change, next(step for step in steps if step in TRANSITIONS[change.status]), now)
            uow.changes.keep(moved)
            text += f" Moved from {change.status.value} to {moved.status.value}."
        self._say(uow, change.number, text, now)

    def comment(self, uow: UnitOfWork, change_key: str, text: str, now: datetime) -> None:
        """Leave a remark by Mitregate on a change."""
        if self._find(uow, change_key) is not None:
            self._say(uow, number_of(change_key), text, now)

    def _find(self, uow: UnitOfWork, change_key: str) -> Change | None:
        try:
            return uow.changes.get(number_of(change_key))
        except Unknown:
            return None

    def _say(self, uow: UnitOfWork, number: int, text: str, now: datetime) -> None:
        uow.changes.add_comment(number, Comment(author=SYSTEM, body=text, at=now))


def standing(change: Change, deployment: Deployment) -> Standing:
    """Say how an embedded *change* stands towards the *deployment* that waits for it."""
    return Standing(
        key=change.key,
        status=change.status.value,
        status_class=CLASS_OF[change.status],
        is_declined=change.status is Status.DECLINED,
        moves_by_itself=change.status in AUTOMATIC,
        is_emergency=change.type is ChangeType.EMERGENCY,
        window=change.window,
        approvals=tally(change.approvals, digest(deployment, change.description, change.window)),
    )
