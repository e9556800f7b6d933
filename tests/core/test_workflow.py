from datetime import datetime

import pytest
from msgspec.structs import replace

from mitregate.core.approvals import Tally
from mitregate.core.changes import CLASS_OF, TRANSITIONS, Change, Status, StatusClass, Transition
from mitregate.core.workflow import Workflow, next_step
from tests.core.making import MICROSECOND, NOW, at, window

DONE, OPEN = Tally(met=1, needed=1), Tally(met=0, needed=1)


def change(status: Status, start: float | None = None, end: float | None = None) -> Change:
    """Make a change that stands in *status*, with a window in hours after `NOW`."""
    return Change(
        number=7,
        title="Deploy",
        description="It",
        status=status,
        window=window(start, end),
        requested_by="ci",
        created_at=NOW,
        updated_at=NOW,
    )


@pytest.mark.parametrize(
    ("status", "when", "step"),
    [
        (Status.PEER_REVIEW, at(1), None),
        (Status.PLANNING, at(0), Transition.READY_FOR_IMPLEMENTATION),
        (Status.PLANNING, at(9), Transition.READY_FOR_IMPLEMENTATION),
        (Status.AWAITING_CAB, at(1), None),
        (Status.PENDING, at(1), None),
        (Status.AWAITING_IMPLEMENTATION, at(1) - MICROSECOND, None),
        (Status.AWAITING_IMPLEMENTATION, at(1), Transition.START),
        (Status.AWAITING_IMPLEMENTATION, at(2), Transition.START),
        (Status.AWAITING_IMPLEMENTATION, at(2) + MICROSECOND, None),
        (Status.IMPLEMENTING, at(1), None),
        (Status.CLOSED, at(1), None),
    ],
)
def test_an_approved_change_walks_by_itself(status: Status, when: datetime, step: Transition | None) -> None:
    """An approved change leaves Planning at once and starts only inside its window; without approval nothing moves."""
    assert next_step(Workflow(), change(status, 1, 2), DONE, when) is step
    assert next_step(Workflow(), change(status, 1, 2), OPEN, when) is None


def test_steps_by_itself_are_legal() -> None:
    """What a change does by itself stands in the table of the workflow, and only from a status that waits."""
    steps = {status: next_step(Workflow(), change(status), DONE, NOW) for status in Status}
    taken = {status: step for status, step in steps.items() if step is not None}
    assert taken
    assert all(step in TRANSITIONS[status] for status, step in taken.items())
    assert {CLASS_OF[status] for status in taken} == {StatusClass.WAIT}


def test_by_hand_nothing_moves_by_itself() -> None:
    """Where steps are taken by hand, an approved change waits for somebody at each of them."""
    by_hand = Workflow(plans_by_itself=False, starts_by_itself=False)
    assert all(next_step(by_hand, replace(change(status)), DONE, NOW) is None for status in Status)
