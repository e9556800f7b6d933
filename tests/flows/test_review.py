from collections.abc import Callable
from datetime import datetime

import pytest
from msgspec.structs import replace

from mitregate.core.changes import Change, Status, Transition
from mitregate.core.deployments import Associations, Commit, Deployment, State
from mitregate.core.errors import IllegalTransition, Unknown
from mitregate.core.gates import GatingStatus
from mitregate.flows import review
from tests.core.making import HOUR, MICROSECOND, NOW, at
from tests.flows.waiting import Waiting
from tests.flows.world import ANN, MANAGER, person, record, told

AWAITING, ALLOWED, PREVENTED = GatingStatus.AWAITING, GatingStatus.ALLOWED, GatingStatus.PREVENTED
BOB = person("bob")


# --- decisions ---


def test_an_approval_opens_the_gate(waiting: Waiting) -> None:
    """One approval carries a change to Implementing by itself, opens its gate, and has that announced."""
    waiting.world.wait(HOUR)
    waiting.world.do(ANN, review.approve, waiting.key, "Looks good.")
    gate = waiting.world.gate(waiting.app)
    assert waiting.verdict == (ALLOWED, ["approved"])
    assert (gate.since, waiting.change.status) == (at(1), Status.IMPLEMENTING)
    assert told(waiting.world.jobs()) == [("awaiting", "open"), ("allowed", "open")]
    assert waiting.world.remarks(waiting.key) == ["Looks good.", "Moved from Planning to Implementing."]
    assert waiting.world.actions(waiting.key) == ["change.approved"]
    assert waiting.world.actions(gate.id) == ["gate.opened", "gate.decided"]


def test_a_decline_shuts_the_gate(waiting: Waiting) -> None:
    """A declined change prevents its deployment, and says who declined."""
    waiting.world.do(ANN, review.decline, waiting.key, "Not today.")
    assert waiting.verdict == (PREVENTED, ["change_declined"])
    assert told(waiting.world.jobs()) == [("awaiting", "open"), ("prevented", "open")]
    assert (waiting.change.status, waiting.change.approvals[0].actor) == (Status.DECLINED, "ann")
    assert waiting.world.actions(waiting.key) == ["change.declined"]


@pytest.mark.parametrize("decided", [review.approve, review.decline])
def test_what_is_decided_is_decided(waiting: Waiting, decided: Callable[..., Change]) -> None:
    """A change that was approved or declined cannot be approved or declined again; nothing changes."""
    waiting.world.do(ANN, decided, waiting.key)
    before = waiting.change, waiting.verdict, waiting.world.jobs()
    for again in (review.approve, review.decline):
        with pytest.raises(IllegalTransition):
            waiting.world.do(BOB, again, waiting.key)
    assert (waiting.change, waiting.verdict, waiting.world.jobs()) == before


@pytest.mark.parametrize("again", [review.approve, review.decline])
@pytest.mark.parametrize("state", [State.IN_PROGRESS, State.CANCELLED, State.SUCCESSFUL])
def test_there_is_nothing_to_decide_any_more(waiting: Waiting, again: Callable[..., Change], state: State) -> None:
    """A change for which no deployment waits any more can be neither approved nor declined."""
    waiting.world.submit(waiting.app, record(waiting.app, 2, state))
    before = waiting.change
    with pytest.raises(IllegalTransition):
        waiting.world.do(ANN, again, waiting.key)
    assert waiting.change == before


def test_an_emergency_goes_straight_on(waiting: Waiting) -> None:
    """The emergency override is an approval by whoever takes it, past every other step."""
    waiting.move(Transition.EMERGENCY_OVERRIDE)
    assert waiting.verdict == (ALLOWED, ["approved"])
    assert [approval.actor for approval in waiting.change.approvals] == ["mia"]


# --- windows ---


def test_a_window_opens_and_closes(waiting: Waiting) -> None:
    """An approved change opens its gate at its planned start, keeps it open at its end, and shuts it a tick later."""
    world = waiting.world
    waiting.plan(at(1), at(2))
    waiting.approve()
    assert waiting.verdict == (AWAITING, ["window_not_open"])
    assert world.gate(waiting.app).verdict.opens_at == at(1)
    seen = []
    for moment in (at(1) - MICROSECOND, at(1), at(2), at(2) + MICROSECOND):
        world.now = moment
        seen.append((world.wake(), *waiting.verdict))
    assert seen == [
        (0, AWAITING, ["window_not_open"]),
        (1, ALLOWED, ["approved"]),
        (0, ALLOWED, ["approved"]),
        (1, PREVENTED, ["window_over"]),
    ]
    assert [status for status, _ in told(world.jobs())] == ["awaiting", "allowed", "prevented"]
    assert world.gate(waiting.app).since == at(2) + MICROSECOND
    assert world.wake() == 0


def test_a_status_keeps_its_time(waiting: Waiting) -> None:
    """Other reasons for the same status do not change since when it holds, and are announced to nobody."""
    waiting.plan(at(5), None)
    waiting.world.wait(HOUR)
    waiting.approve()
    assert waiting.verdict == (AWAITING, ["window_not_open"])
    assert waiting.world.gate(waiting.app).since == NOW
    assert len(waiting.world.jobs()) == 1


def test_nothing_starts_on_a_stale_approval(waiting: Waiting) -> None:
    """A change whose approval went stale does not start when its window opens, but when it is approved again."""
    waiting.plan(at(1), None)
    waiting.approve()
    waiting.world.submit(waiting.app, record(waiting.app, 2, label="1.1"))
    waiting.world.now = at(1)
    assert waiting.world.wake() == 1
    assert (waiting.verdict, waiting.change.status) == (
        (AWAITING, ["approvals_incomplete"]),
        Status.AWAITING_IMPLEMENTATION,
    )
    waiting.approve()
    assert (waiting.verdict, waiting.change.status) == ((ALLOWED, ["approved"]), Status.IMPLEMENTING)


def test_an_approval_comes_too_late(waiting: Waiting) -> None:
    """A window that ends before anybody approved is missed, and approving then does not open it."""
    waiting.plan(at(1), at(2))
    waiting.world.now = at(3)
    assert waiting.world.wake() == 1
    assert waiting.verdict == (PREVENTED, ["window_missed"])
    waiting.approve()
    assert waiting.verdict == (PREVENTED, ["window_missed"])
    waiting.plan(at(3), at(4))
    waiting.approve()
    assert waiting.verdict == (ALLOWED, ["approved"])


def test_another_window_is_approved_anew(waiting: Waiting) -> None:
    """An approval holds for the window that was seen; planned anew, it shuts an open gate until approved again."""
    waiting.plan(at(-1), at(2))
    waiting.approve()
    assert waiting.verdict == (ALLOWED, ["approved"])
    waiting.plan(at(-1), at(3))
    assert waiting.verdict == (AWAITING, ["approvals_incomplete"])
    waiting.approve()
    assert waiting.verdict == (ALLOWED, ["approved"])
    waiting.plan(at(-1), at(2))
    assert waiting.verdict == (ALLOWED, ["approved"])


def test_a_window_to_the_end_of_time(waiting: Waiting) -> None:
    """A window that never ends in practice is planned and approved like any other."""
    waiting.plan(None, datetime.max.replace(tzinfo=NOW.tzinfo))
    waiting.approve()
    gate = waiting.world.gate(waiting.app)
    assert (gate.verdict.status, gate.verdict.wake_at, gate.verdict.good_until) == (ALLOWED, None, None)


def test_what_is_over_is_not_planned(waiting: Waiting) -> None:
    """The window of a change that is over cannot be planned any more."""
    waiting.world.do(ANN, review.decline, waiting.key)
    with pytest.raises(IllegalTransition):
        waiting.plan(at(1), at(2))


# --- what was approved is not what is to be deployed ---


def another_label(record: Deployment) -> Deployment:
    """Deploy another version."""
    return replace(record, label="1.1")


def another_commit(record: Deployment) -> Deployment:
    """Deploy other commits."""
    return replace(record, associations=Associations(commits=(Commit(repository_id="r1", hash="fff"),)))


def another_target(record: Deployment) -> Deployment:
    """Deploy to what has another name now."""
    return replace(record, environment=replace(record.environment, display_name="Europe"))


def another_description(record: Deployment) -> Deployment:
    """Say something else of what is deployed."""
    return replace(record, description="And the database as well")


@pytest.mark.parametrize("change", [another_label, another_commit, another_target, another_description])
def test_an_approval_goes_stale(waiting: Waiting, change: Callable[[Deployment], Deployment]) -> None:
    """What changes after approval is approved again before it may go; the shut gate is announced."""
    waiting.approve()
    waiting.world.submit(waiting.app, change(record(waiting.app, 2)))
    assert waiting.verdict == (AWAITING, ["approvals_incomplete"])
    assert [status for status, _ in told(waiting.world.jobs())] == ["awaiting", "allowed", "awaiting"]
    waiting.approve(BOB)
    assert waiting.verdict == (ALLOWED, ["approved"])
    assert waiting.world.actions(waiting.key) == ["change.approved", "change.approved"]


def test_what_nobody_judges_does_not_matter(waiting: Waiting) -> None:
    """An update that changes nothing of what was approved leaves the gate open, and is announced to nobody."""
    waiting.approve()
    waiting.world.submit(waiting.app, replace(record(waiting.app, 2), duration=5, last_updated=at(1)))
    assert waiting.verdict == (ALLOWED, ["approved"])
    assert len(waiting.world.jobs()) == 2


def test_going_back_to_what_was_approved(waiting: Waiting) -> None:
    """An approval is bound to contents, not to an update: the same contents again are still approved."""
    waiting.approve()
    waiting.world.submit(waiting.app, another_label(record(waiting.app, 2)))
    waiting.world.submit(waiting.app, record(waiting.app, 3))
    assert waiting.verdict == (ALLOWED, ["approved"])


# --- moving by hand ---


def test_on_hold(waiting: Waiting) -> None:
    """An approved change that is put on hold before its window says so, and goes on when somebody moves it on."""
    waiting.plan(at(1), at(2))
    waiting.approve()
    waiting.move(Transition.PEND)
    assert waiting.verdict == (AWAITING, ["window_not_open", "waiting_for_implementation"])
    waiting.world.now = at(1)
    waiting.world.wake()
    assert waiting.verdict == (AWAITING, ["waiting_for_implementation"])
    waiting.move(Transition.READY_FOR_IMPLEMENTATION)
    assert waiting.verdict == (ALLOWED, ["approved"])


@pytest.mark.parametrize(
    ("steps", "status"),
    [
        ([Transition.CANCEL], "change_closed"),
        ([Transition.CANCEL, Transition.CLOSE], "change_closed"),
        ([Transition.DECLINE], "change_declined"),
        ([Transition.DECLINE, Transition.CLOSE], "change_closed"),
        ([Transition.APPROVE, Transition.COMPLETE], "change_closed"),
        ([Transition.APPROVE, Transition.FAIL], "change_closed"),
    ],
    ids=lambda value: value if isinstance(value, str) else " ".join(value),
)
def test_a_change_that_is_over_shuts_its_gate(waiting: Waiting, steps: list[Transition], status: str) -> None:
    """However a change comes to its end by hand, the deployment that waits for it is prevented."""
    waiting.move(*steps)
    assert waiting.verdict == (PREVENTED, [status])


@pytest.mark.parametrize("key", ["chg-{}", "CHG-{}"])
def test_a_key_may_be_written_small(waiting: Waiting, key: str) -> None:
    """Whatever the case of the key that is typed, it is the gate of that change which shuts."""
    waiting.approve()
    waiting.world.do(MANAGER, review.transition, key.format(waiting.change.number), Transition.COMPLETE)
    assert waiting.verdict == (PREVENTED, ["change_closed"])


def test_a_key_has_no_other_name(waiting: Waiting) -> None:
    """A key with leading zeros is nobody's: no change moves under a name by which its gate is not found."""
    waiting.approve()
    with pytest.raises(Unknown):
        waiting.world.do(MANAGER, review.transition, f"CHG-0{waiting.change.number}", Transition.COMPLETE)
    assert waiting.verdict == (ALLOWED, ["approved"])
