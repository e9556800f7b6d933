"""The workflow as an operator wants it: which steps a change takes by itself, and what its statuses mean.

The statuses and transitions are those of `core.changes`, and fixed. What is a setting here: the steps that an approved
change takes by itself, whether the change advisory board (CAB) is asked, how the end of a deployment moves its change,
and which status opens the gate and which shuts it for good, with an allow status and a prevent status as Jira has them
(https://support.atlassian.com/jira-service-management-cloud/docs/set-up-deployment-gating/; domain.md §4).
"""

from datetime import datetime
from enum import StrEnum

from msgspec import Struct

from mitregate.core.approvals import Tally
from mitregate.core.calendar import Position
from mitregate.core.changes import CLASS_OF, TRANSITIONS, Change, ChangeType, Status, StatusClass, Transition, move
from mitregate.core.deployments import State
from mitregate.core.risk import Risk


class Ending(StrEnum):
    """Where a change goes when its deployment has ended; `leave` keeps it open for the next try."""

    COMPLETE = "complete"
    CLOSE = "close"
    FAIL = "fail"
    CANCEL = "cancel"
    LEAVE = "leave"


class Outcomes(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where a change goes, by how its deployment ended; cancelled is one that was before it began."""

    successful: Ending = Ending.COMPLETE
    failed: Ending = Ending.FAIL
    rolled_back: Ending = Ending.FAIL
    cancelled: Ending = Ending.CANCEL


class Workflow(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How changes move.

    `plans_by_itself` carries an approved change through Planning, `starts_by_itself` on to Implementing when its window
    opens. From the risk `cab_from` on a normal change needs the approval of the CAB, by a second person; never if it is
    not given. `statuses` says what statuses mean, where that is to be otherwise than out of the box.
    """

    plans_by_itself: bool = True
    starts_by_itself: bool = True
    cab_from: Risk | None = None
    allow_status: Status = Status.IMPLEMENTING
    prevent_status: Status = Status.DECLINED
    statuses: dict[str, StatusClass] = {}
    outcomes: Outcomes = Outcomes()


class Need(Struct, frozen=True, kw_only=True):
    """So many approvals that a change needs, and why."""

    count: int
    why: str


ENDINGS: dict[Ending, tuple[Transition, ...]] = {
    Ending.COMPLETE: (Transition.COMPLETE, Transition.CANCEL, Transition.DECLINE),
    Ending.CLOSE: (Transition.COMPLETE, Transition.CANCEL, Transition.DECLINE),
    Ending.FAIL: (Transition.FAIL, Transition.CANCEL, Transition.DECLINE),
    Ending.CANCEL: (Transition.CANCEL, Transition.FAIL, Transition.DECLINE),
    Ending.LEAVE: (),
}
"""How an ending moves a change that is under way: the first transition that is possible.

Whatever the status, one is, so that no change stays open by accident for a deployment that is over. A deployment
cancelled after its gate had opened fails the change: from Implementing the workflow has no way to Canceled. From
Awaiting CAB approval there is none either, so that change is declined.
"""


def class_of(workflow: Workflow, status: Status) -> StatusClass:
    """Say what *status* means for a gate."""
    if (said := workflow.statuses.get(status.value)) is not None:
        return said
    if status is workflow.prevent_status:
        return StatusClass.STOP
    return StatusClass.PROCEED if status is workflow.allow_status else CLASS_OF[status]


def needs_cab(workflow: Workflow, change: Change) -> bool:
    """Tell whether the change advisory board must approve *change*."""
    is_normal = change.type is ChangeType.NORMAL
    return is_normal and workflow.cab_from is not None and change.risk.is_at_least(workflow.cab_from)


def approvals_needed(workflow: Workflow, change: Change, *, is_preapproved: bool, more: int) -> int:
    """Say how many approvals, each by another person, *change* needs; the arguments are those of `needs`."""
    return sum(need.count for need in needs(workflow, change, is_preapproved=is_preapproved, more=more))


def needs(workflow: Workflow, change: Change, *, is_preapproved: bool, more: int) -> tuple[Need, ...]:
    """Say what makes up the approvals that *change* needs, each by another person.

    Args:
        workflow: what the operator wants.
        change: the change.
        is_preapproved: whether the catalogue of standard changes approves it as it is.
        more: how many more its conflicts ask for; emergencies need none of these.
    """
    if change.type is ChangeType.EMERGENCY:
        return (Need(count=1, why="an emergency needs the approval of somebody who may override"),)
    found = [_first_need(change, is_preapproved=is_preapproved)]
    if workflow.cab_from is not None and needs_cab(workflow, change):
        why = f"the risk is {change.risk.value}, and from {workflow.cab_from.value} on the CAB is asked"
        found.append(Need(count=1, why=why))
    if more:
        found.append(Need(count=more, why="it conflicts with a change that was opened before it"))
    return tuple(found)


def _first_need(change: Change, *, is_preapproved: bool) -> Need:
    if is_preapproved:
        return Need(count=0, why=f"the standard change {change.template!r} is approved beforehand")
    if change.type is ChangeType.STANDARD:
        return Need(count=1, why=f"the standard change {change.template!r} does not approve it beforehand any more")
    return Need(count=1, why="a normal change needs the approval of one person")


def moves_by_itself(workflow: Workflow, status: Status) -> bool:
    """Tell whether an approved change in *status* needs nobody to move it once its window is open."""
    planning = status is Status.PLANNING and workflow.plans_by_itself and workflow.starts_by_itself
    return planning or (status is Status.AWAITING_IMPLEMENTATION and workflow.starts_by_itself)


def next_step(workflow: Workflow, change: Change, tally: Tally, now: datetime) -> Transition | None:
    """Say which transition *change* takes by itself at *now*, if any.

    Args:
        workflow: what the operator wants.
        change: the change.
        tally: how far its approvals have come.
        now: the instant; a change starts only inside its window.
    """
    match change.status:
        case Status.PLANNING if workflow.plans_by_itself and needs_cab(workflow, change):
            # The last approval is the board's.
            return Transition.READY_FOR_CAB if tally.met >= tally.needed - 1 else None
        case Status.PLANNING if workflow.plans_by_itself and tally.is_complete:
            return Transition.READY_FOR_IMPLEMENTATION
        case Status.AWAITING_IMPLEMENTATION if workflow.starts_by_itself and tally.is_complete:
            return Transition.START if change.window.position(now) is Position.OPEN else None
        case _:
            return None


def walk(workflow: Workflow, change: Change, tally: Tally, now: datetime) -> Change:
    """Give *change* after all steps that it takes by itself at *now*, with the arguments of `next_step`."""
    while step := next_step(workflow, change, tally, now):
        change = move(change, step, now)
    return change


def last_steps(workflow: Workflow, status: Status, outcome: State) -> tuple[Transition, ...]:
    """Say how a change in *status* moves when its deployment has ended with *outcome*; nothing if it stays open."""
    ending = Ending(getattr(workflow.outcomes, outcome.value))
    steps: tuple[Transition, ...] = ()
    first = next((step for step in ENDINGS[ending] if step in TRANSITIONS[status]), None)
    if first is not None:
        steps = (first, Transition.CLOSE) if ending is Ending.CLOSE else (first,)
    return steps
