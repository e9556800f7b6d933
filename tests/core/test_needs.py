"""Why a change needs so many approvals, and how far it goes by itself once it has them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from mitregate.core.approvals import Tally
from mitregate.core.changes import Change, ChangeType, Status
from mitregate.core.risk import Risk
from mitregate.core.workflow import Need, Workflow, approvals_needed, needs, next_step, walk
from tests.core.making import NOW, at, change, window

ONE = Need(count=1, why="a normal change needs the approval of one person")
CAB = Need(count=1, why="the risk is critical, and from high on the CAB is asked")
OVERRIDE = Need(count=1, why="an emergency needs the approval of somebody who may override")
BEFOREHAND = Need(count=0, why="the standard change 'patch' is approved beforehand")
NO_MORE = Need(count=1, why="the standard change 'patch' does not approve it beforehand any more")


def conflict(count: int) -> Need:
    """Make what a conflict asks for."""
    return Need(count=count, why="it conflicts with a change that was opened before it")


@pytest.mark.parametrize(
    ("kind", "risk", "is_preapproved", "more", "expected"),
    [
        (ChangeType.NORMAL, Risk.MEDIUM, False, 0, [ONE]),
        (ChangeType.NORMAL, Risk.CRITICAL, False, 0, [ONE, CAB]),
        (ChangeType.NORMAL, Risk.CRITICAL, False, 2, [ONE, CAB, conflict(2)]),
        (ChangeType.NORMAL, Risk.LOW, False, 1, [ONE, conflict(1)]),
        (ChangeType.STANDARD, Risk.CRITICAL, True, 0, [BEFOREHAND]),
        (ChangeType.STANDARD, Risk.LOW, True, 1, [BEFOREHAND, conflict(1)]),
        (ChangeType.STANDARD, Risk.LOW, False, 0, [NO_MORE]),
        (ChangeType.STANDARD, Risk.LOW, False, 3, [NO_MORE, conflict(3)]),
        (ChangeType.EMERGENCY, Risk.CRITICAL, False, 2, [OVERRIDE]),
    ],
)
def test_each_approval_has_its_reason(
    kind: ChangeType, risk: Risk, is_preapproved: bool, more: int, expected: list[Need]
) -> None:
    """What makes up the approvals of a change is said one by one, in words, and they add up."""
    asked = replace(change(), type=kind, risk=risk, template="patch" if kind is ChangeType.STANDARD else "")
    workflow = Workflow(cab_from=Risk.HIGH)
    assert list(needs(workflow, asked, is_preapproved=is_preapproved, more=more)) == expected
    count = approvals_needed(workflow, asked, is_preapproved=is_preapproved, more=more)
    assert count == sum(need.count for need in expected)


DONE = Tally(met=2, needed=2)


@pytest.mark.parametrize(
    ("status", "workflow", "last"),
    [
        (Status.PEER_REVIEW, Workflow(), Status.PEER_REVIEW),
        (Status.PLANNING, Workflow(), Status.IMPLEMENTING),
        (Status.PLANNING, Workflow(starts_by_itself=False), Status.AWAITING_IMPLEMENTATION),
        (Status.PLANNING, Workflow(plans_by_itself=False), Status.PLANNING),
        (Status.PLANNING, Workflow(cab_from=Risk.LOW), Status.AWAITING_CAB),
        (Status.AWAITING_IMPLEMENTATION, Workflow(), Status.IMPLEMENTING),
        (Status.IMPLEMENTING, Workflow(), Status.IMPLEMENTING),
        (Status.CLOSED, Workflow(), Status.CLOSED),
    ],
)
def test_a_change_walks_as_far_as_it_may(status: Status, workflow: Workflow, last: Status) -> None:
    """An approved change takes every step that it takes by itself, and has changed only then."""
    before = replace(change(), status=status, window=window(0, 2))
    after = walk(workflow, before, DONE, at(1))
    assert (after.status, after.updated_at) == (last, NOW if last is status else at(1))
    assert (after is before) is (last is status)


def test_a_change_stops_before_its_window() -> None:
    """Before its window an approved change goes no further than awaiting its implementation."""
    planned = replace(change(), status=Status.PLANNING, window=window(1, 2))
    assert walk(Workflow(), planned, DONE, NOW).status is Status.AWAITING_IMPLEMENTATION


@given(st.sampled_from(Status), st.builds(Tally, met=st.integers(0, 3), needed=st.integers(0, 3)))
def test_a_walk_is_over_when_nothing_moves_by_itself(status: Status, tally: Tally) -> None:
    """After a walk there is no step left that the change would take."""
    before: Change = replace(change(), status=status)
    after = walk(Workflow(cab_from=Risk.HIGH), before, tally, NOW)
    assert next_step(Workflow(cab_from=Risk.HIGH), after, tally, NOW) is None
