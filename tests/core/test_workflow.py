from datetime import datetime
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from mitregate.core.approvals import Tally
from mitregate.core.changes import CLASS_OF, TRANSITIONS, Change, ChangeType, Status, StatusClass, Transition, take
from mitregate.core.deployments import FINAL_STATES, State
from mitregate.core.risk import Risk
from mitregate.core.workflow import (
    ENDINGS,
    Ending,
    Outcomes,
    Workflow,
    approvals_needed,
    class_of,
    last_steps,
    moves_by_itself,
    needs_cab,
    next_step,
)
from tests.core import making
from tests.core.making import MICROSECOND, NOW, at, window
from tests.core.strategies import is_in_order, near, windows

DONE, OPEN = Tally(met=1, needed=1), Tally(met=0, needed=1)
WAIT, PROCEED, STOP = StatusClass
NORMAL, STANDARD, EMERGENCY = ChangeType.NORMAL, ChangeType.STANDARD, ChangeType.EMERGENCY
PLANNING, IMPLEMENTING, AWAITING = Status.PLANNING, Status.IMPLEMENTING, Status.AWAITING_IMPLEMENTATION


def change(status: Status, start: float | None = None, end: float | None = None) -> Change:
    """Make a change that stands in *status*, with a window in hours after `NOW`."""
    return replace(making.change(), status=status, window=window(start, end))


# --- what statuses mean ---


def test_out_of_the_box_statuses_mean_what_the_table_says() -> None:
    """Without settings each status has the class of the workflow's own table."""
    assert {status: class_of(Workflow(), status) for status in Status} == CLASS_OF


@pytest.mark.parametrize(
    ("workflow", "status", "expected"),
    [
        (Workflow(allow_status=AWAITING), AWAITING, PROCEED),
        (Workflow(allow_status=AWAITING), IMPLEMENTING, PROCEED),
        (Workflow(allow_status=AWAITING), PLANNING, WAIT),
        (Workflow(prevent_status=Status.PENDING), Status.PENDING, STOP),
        (Workflow(prevent_status=Status.PENDING), Status.DECLINED, STOP),
        (Workflow(prevent_status=IMPLEMENTING), IMPLEMENTING, STOP),
        (Workflow(allow_status=AWAITING, prevent_status=AWAITING), AWAITING, STOP),
        (Workflow(statuses={"Pending": STOP}), Status.PENDING, STOP),
        (Workflow(statuses={"Pending": STOP}), PLANNING, WAIT),
        (Workflow(statuses={"Implementing": WAIT}), IMPLEMENTING, WAIT),
        (Workflow(statuses={"Declined": WAIT}), Status.DECLINED, WAIT),
        (Workflow(statuses={"Planning": WAIT}, allow_status=PLANNING), PLANNING, WAIT),
        (Workflow(statuses={"Planning": PROCEED}, prevent_status=PLANNING), PLANNING, PROCEED),
    ],
)
def test_settings_say_what_statuses_mean(workflow: Workflow, status: Status, expected: StatusClass) -> None:
    """What is said of a status counts; else one that prevents stops, even if it allows as well, and one that allows."""
    assert class_of(workflow, status) is expected


# --- who must approve ---


@pytest.mark.parametrize(("kind", "cab_from", "risk"), list(product(ChangeType, [None, *Risk], Risk)))
def test_the_board_is_asked_from_a_risk_on(kind: ChangeType, cab_from: Risk | None, risk: Risk) -> None:
    """The board is asked for normal changes alone, from the risk that the rules name, and never if they name none."""
    order = list(Risk)
    is_risky = cab_from is not None and order.index(risk) >= order.index(cab_from)
    asked = needs_cab(Workflow(cab_from=cab_from), replace(making.change(), type=kind, risk=risk))
    assert asked is (is_risky and kind is NORMAL)


@pytest.mark.parametrize(
    ("kind", "is_preapproved", "is_risky", "more", "needed"),
    [
        (NORMAL, False, False, 0, 1),
        (NORMAL, False, True, 0, 2),
        (NORMAL, False, False, 2, 3),
        (NORMAL, False, True, 2, 4),
        (STANDARD, True, False, 0, 0),
        (STANDARD, True, True, 0, 0),
        (STANDARD, True, False, 2, 2),
        (STANDARD, False, False, 0, 1),
        (STANDARD, False, True, 0, 1),
        (STANDARD, False, True, 2, 3),
        (EMERGENCY, False, False, 0, 1),
        (EMERGENCY, False, True, 2, 1),
    ],
)
def test_so_many_must_approve(kind: ChangeType, is_preapproved: bool, is_risky: bool, more: int, needed: int) -> None:
    """One approves, the board another time, and more for conflicts; nobody what is approved beforehand."""
    asked = replace(making.change(), type=kind, risk=Risk.HIGH if is_risky else Risk.MEDIUM)
    workflow = Workflow(cab_from=Risk.HIGH)
    assert approvals_needed(workflow, asked, is_preapproved=is_preapproved, more=more) == needed


# --- steps that a change takes by itself ---


@pytest.mark.parametrize(
    ("status", "when", "step"),
    [
        (Status.PEER_REVIEW, at(1), None),
        (PLANNING, at(0), Transition.READY_FOR_IMPLEMENTATION),
        (PLANNING, at(9), Transition.READY_FOR_IMPLEMENTATION),
        (Status.AWAITING_CAB, at(1), None),
        (Status.PENDING, at(1), None),
        (AWAITING, at(1) - MICROSECOND, None),
        (AWAITING, at(1), Transition.START),
        (AWAITING, at(2), Transition.START),
        (AWAITING, at(2) + MICROSECOND, None),
        (IMPLEMENTING, at(1), None),
        (Status.CLOSED, at(1), None),
    ],
)
def test_an_approved_change_walks_by_itself(status: Status, when: datetime, step: Transition | None) -> None:
    """An approved change leaves Planning at once and starts only inside its window; without approval nothing moves."""
    assert next_step(Workflow(), change(status, 1, 2), DONE, when) is step
    assert next_step(Workflow(), change(status, 1, 2), OPEN, when) is None


@pytest.mark.parametrize(
    ("plans", "starts", "in_planning", "awaiting"),
    [
        (True, True, Transition.READY_FOR_IMPLEMENTATION, Transition.START),
        (True, False, Transition.READY_FOR_IMPLEMENTATION, None),
        (False, True, None, Transition.START),
        (False, False, None, None),
    ],
)
def test_each_step_can_be_taken_by_hand(
    plans: bool, starts: bool, in_planning: Transition | None, awaiting: Transition | None
) -> None:
    """Where a step is taken by hand, an approved change waits there for somebody, and at no other step."""
    workflow = Workflow(plans_by_itself=plans, starts_by_itself=starts)
    steps = {status: next_step(workflow, change(status), DONE, NOW) for status in Status}
    assert {status: step for status, step in steps.items() if step is not None} == {
        status: step for status, step in ((PLANNING, in_planning), (AWAITING, awaiting)) if step is not None
    }
    moving = {status for status in Status if moves_by_itself(workflow, status)}
    assert moving == ({PLANNING} if plans and starts else set()) | ({AWAITING} if starts else set())


@pytest.mark.parametrize(
    ("tally", "step"),
    [
        (Tally(met=0, needed=2), None),
        (Tally(met=1, needed=2), Transition.READY_FOR_CAB),
        (Tally(met=2, needed=2), Transition.READY_FOR_CAB),
        (Tally(met=1, needed=3), None),
        (Tally(met=2, needed=3), Transition.READY_FOR_CAB),
    ],
)
def test_the_board_comes_last(tally: Tally, step: Transition | None) -> None:
    """A change that needs the board is brought before it once all others have approved, if it plans by itself."""
    risky = replace(change(PLANNING), risk=Risk.HIGH)
    workflow = Workflow(cab_from=Risk.HIGH)
    assert next_step(workflow, risky, tally, NOW) is step
    assert next_step(replace(workflow, plans_by_itself=False), risky, tally, NOW) is None
    assert next_step(workflow, replace(risky, status=Status.AWAITING_CAB), tally, NOW) is None


def test_without_the_board_nothing_starts() -> None:
    """A change that the board must approve does not start before it has, however it came to stand there."""
    risky = replace(change(AWAITING), risk=Risk.HIGH)
    workflow = Workflow(cab_from=Risk.HIGH)
    assert next_step(workflow, risky, Tally(met=1, needed=2), NOW) is None
    assert next_step(workflow, risky, Tally(met=2, needed=2), NOW) is Transition.START


workflows = st.builds(
    Workflow,
    plans_by_itself=st.booleans(),
    starts_by_itself=st.booleans(),
    cab_from=st.none() | st.sampled_from(Risk),
    allow_status=st.sampled_from(Status),
    prevent_status=st.sampled_from(Status),
)
changes = st.builds(
    lambda status, kind, risk, span: replace(making.change(), status=status, type=kind, risk=risk, window=span),
    st.sampled_from(Status),
    st.sampled_from(ChangeType),
    st.sampled_from(Risk),
    windows(near).filter(is_in_order),
)
tallies = st.builds(Tally, met=st.integers(0, 3), needed=st.integers(0, 3))


@given(workflows, changes, tallies, near)
def test_steps_by_itself_are_legal_and_come_to_an_end(
    workflow: Workflow, walking: Change, tally: Tally, now: datetime
) -> None:
    """What a change does by itself stands in the table, leads to nothing that stops, and ends after two steps."""
    for _ in range(2):
        step = next_step(workflow, walking, tally, now)
        if step is None:
            return
        assert step in TRANSITIONS[walking.status]
        assert CLASS_OF[walking.status] is WAIT
        walking = replace(walking, status=take(walking.status, step))
        assert CLASS_OF[walking.status] is not STOP
        assert walking.status is not IMPLEMENTING or tally.is_complete
    assert next_step(workflow, walking, tally, now) is None


@given(workflows, changes, tallies, near)
def test_another_approval_never_holds_up(workflow: Workflow, walking: Change, tally: Tally, now: datetime) -> None:
    """What a change does by itself with some approvals, it does with one more."""
    step = next_step(workflow, walking, tally, now)
    if step is not None:
        assert next_step(workflow, walking, replace(tally, met=tally.met + 1), now) is step


# --- the end ---


@pytest.mark.parametrize(
    ("ending", "status", "steps", "last"),
    [
        (Ending.COMPLETE, Status.PEER_REVIEW, [Transition.CANCEL], Status.CANCELED),
        (Ending.COMPLETE, PLANNING, [Transition.CANCEL], Status.CANCELED),
        (Ending.COMPLETE, Status.AWAITING_CAB, [Transition.DECLINE], Status.DECLINED),
        (Ending.COMPLETE, AWAITING, [Transition.CANCEL], Status.CANCELED),
        (Ending.COMPLETE, Status.PENDING, [Transition.CANCEL], Status.CANCELED),
        (Ending.COMPLETE, IMPLEMENTING, [Transition.COMPLETE], Status.RESOLVED),
        (Ending.CLOSE, Status.PEER_REVIEW, [Transition.CANCEL, Transition.CLOSE], Status.CLOSED),
        (Ending.CLOSE, Status.AWAITING_CAB, [Transition.DECLINE, Transition.CLOSE], Status.CLOSED),
        (Ending.CLOSE, IMPLEMENTING, [Transition.COMPLETE, Transition.CLOSE], Status.CLOSED),
        (Ending.FAIL, PLANNING, [Transition.CANCEL], Status.CANCELED),
        (Ending.FAIL, Status.AWAITING_CAB, [Transition.DECLINE], Status.DECLINED),
        (Ending.FAIL, IMPLEMENTING, [Transition.FAIL], Status.FAILED),
        (Ending.CANCEL, Status.PEER_REVIEW, [Transition.CANCEL], Status.CANCELED),
        (Ending.CANCEL, PLANNING, [Transition.CANCEL], Status.CANCELED),
        (Ending.CANCEL, Status.AWAITING_CAB, [Transition.DECLINE], Status.DECLINED),
        (Ending.CANCEL, AWAITING, [Transition.CANCEL], Status.CANCELED),
        (Ending.CANCEL, Status.PENDING, [Transition.CANCEL], Status.CANCELED),
        (Ending.CANCEL, IMPLEMENTING, [Transition.FAIL], Status.FAILED),
        (Ending.LEAVE, Status.PEER_REVIEW, [], Status.PEER_REVIEW),
        (Ending.LEAVE, IMPLEMENTING, [], IMPLEMENTING),
    ],
)
def test_an_ending_moves_a_change(ending: Ending, status: Status, steps: list[Transition], last: Status) -> None:
    """Each ending takes the first step that is possible from where the change stands."""
    workflow = Workflow(outcomes=Outcomes(failed=ending))
    assert list(last_steps(workflow, status, State.FAILED)) == steps
    assert walk(status, tuple(steps)) is last


def walk(status: Status, steps: tuple[Transition, ...]) -> Status:
    """Take *steps* one after the other; one that is illegal is an error."""
    for step in steps:
        status = take(status, step)
    return status


@pytest.mark.parametrize("ending", Ending)
@pytest.mark.parametrize("outcome", sorted(FINAL_STATES))
@pytest.mark.parametrize("status", Status)
def test_last_steps_are_legal_and_close(status: Status, outcome: State, ending: Ending) -> None:
    """However a deployment ends, its change moves as the workflow has it: none is opened, and none left by accident."""
    every = dict.fromkeys(Outcomes.__struct_fields__, Ending.LEAVE)
    workflow = Workflow(outcomes=Outcomes(**{**every, outcome.value: ending}))
    last = walk(status, last_steps(workflow, status, outcome))
    if ending is Ending.LEAVE:
        assert last is status
    else:
        assert CLASS_OF[last] is STOP
    others = [other for other in FINAL_STATES if other is not outcome]
    assert [last_steps(workflow, status, other) for other in others] == [()] * 3


def test_out_of_the_box_outcomes() -> None:
    """A deployment that went well completes its change; failed and rolled back fail it; cancelled cancels it."""
    ends = {
        outcome.value: walk(IMPLEMENTING, last_steps(Workflow(), IMPLEMENTING, outcome)) for outcome in FINAL_STATES
    }
    failed = Status.FAILED
    assert ends == {"successful": Status.RESOLVED, "failed": failed, "rolled_back": failed, "cancelled": failed}
    assert walk(PLANNING, last_steps(Workflow(), PLANNING, State.CANCELLED)) is Status.CANCELED


def test_every_ending_has_its_steps() -> None:
    """Every ending has a row, and every row but that which leaves a change open has a step from each open status."""
    assert set(ENDINGS) == set(Ending)
    under_way = [status for status in Status if CLASS_OF[status] is not STOP]
    ways = {
        ending: [status for status in under_way if not TRANSITIONS[status].keys().isdisjoint(steps)]
        for ending, steps in ENDINGS.items()
    }
    assert ways == {ending: [] if ending is Ending.LEAVE else under_way for ending in Ending}
