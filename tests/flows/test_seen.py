"""Nobody decides on what they have not seen, and nothing stays open for what is over."""

from collections.abc import Callable

import pytest
from msgspec.structs import replace

from mitregate.core.changes import Status, Transition
from mitregate.core.deployments import State
from mitregate.core.errors import Forbidden, IllegalTransition, Stale
from mitregate.core.gates import GatingStatus, Stage
from mitregate.core.people import Permission, Principal, Role
from mitregate.flows import ask, deliver, review
from tests.flows.waiting import Waiting
from tests.flows.world import ANN, World, person, record, told

AWAITING = GatingStatus.AWAITING
OPERATOR = person("olga", Role.OPERATOR)


def test_the_change_says_what_is_deployed_by_now(waiting: Waiting) -> None:
    """What is submitted anew is what the change tells the approver; that it differs is remarked on."""
    waiting.world.submit(waiting.app, replace(record(waiting.app, 2), label="1.1"))
    view = waiting.world.read(ask.change, waiting.key, ANN, waiting.world.ports.changes)
    assert "version 1.1 " in view.change.title
    assert [comment.body for comment in view.comments] == [
        "The deployment was submitted anew, and describes itself otherwise."
    ]


@pytest.mark.parametrize("decide", [review.approve, review.decline])
def test_what_was_not_seen_is_not_decided(waiting: Waiting, decide: Callable[..., object]) -> None:
    """A decision that names what was seen is refused when that has changed, and taken when it is seen as it is."""
    seen = waiting.world.read(ask.change, waiting.key, ANN, waiting.world.ports.changes).digest
    waiting.world.submit(waiting.app, replace(record(waiting.app, 2), label="1.1"))
    with pytest.raises(Stale, match="changed after"):
        waiting.world.do(ANN, decide, waiting.key, "", seen)
    assert waiting.verdict == (AWAITING, ["waiting_for_approval"])
    waiting.world.do(
        ANN,
        decide,
        waiting.key,
        "",
        waiting.world.read(ask.change, waiting.key, ANN, waiting.world.ports.changes).digest,
    )
    assert waiting.verdict[0] is not AWAITING


def test_an_override_is_a_decision_too(waiting: Waiting) -> None:
    """Whoever may plan but not decide cannot override."""
    planner = Principal(name="pat", permissions=frozenset({Permission.VIEW, Permission.PLAN}))
    with pytest.raises(Forbidden, match="decide"):
        waiting.world.do(planner, review.transition, waiting.key, Transition.EMERGENCY_OVERRIDE)
    assert waiting.verdict == (AWAITING, ["waiting_for_approval"])


@pytest.mark.parametrize("state", [State.CANCELLED, State.FAILED, State.SUCCESSFUL])
def test_what_was_declined_stays_declined(waiting: Waiting, state: State) -> None:
    """How a declined deployment ends does not move its change any more."""
    waiting.world.do(ANN, review.decline, waiting.key)
    waiting.world.submit(waiting.app, record(waiting.app, 2, state))
    assert waiting.change.status is Status.DECLINED


@pytest.mark.parametrize("state", [State.FAILED, State.ROLLED_BACK, State.SUCCESSFUL, State.CANCELLED])
@pytest.mark.parametrize("step", [None, Transition.PEND, Transition.READY_FOR_CAB])
def test_no_change_stays_open_for_what_is_over(waiting: Waiting, state: State, step: Transition | None) -> None:
    """However a deployment ends, and wherever its unapproved change stood, that is closed for good."""
    world = waiting.world
    if step is not None:
        world.transact(
            lambda uow: uow.changes.keep(replace(uow.changes.get(1) or waiting.change, status=Status.PLANNING))
        )
        waiting.move(step)
    world.submit(waiting.app, record(waiting.app, 2, state))
    expected = Status.DECLINED if step is Transition.READY_FOR_CAB else Status.CANCELED
    assert waiting.change.status is expected


def test_who_starts_over_leaves_no_change_behind(waiting: Waiting) -> None:
    """A deployment that had started and starts over ends its old gate, and fails the change that had let it go."""
    world = waiting.world
    waiting.approve()
    world.submit(waiting.app, record(waiting.app, 2, State.IN_PROGRESS))
    old = world.gate(waiting.app)
    world.submit(waiting.app, record(waiting.app, 3))
    assert [gate.stage for gate in world.gates()] == [Stage.FINISHED, Stage.HELD]
    assert waiting.change.status is Status.FAILED
    assert world.actions(old.id)[-1] == "gate.finished"


def test_what_is_overtaken_is_not_retried(world: World) -> None:
    """A dead delivery is not told again once the receiver knows of a newer status: the order is kept."""
    waiting = Waiting(world)
    world.deliver(world.claim()[0], 410)
    waiting.approve()
    world.deliver(world.claim()[0])
    assert told(world.jobs()) == [("awaiting", "dead"), ("allowed", "done")]
    with pytest.raises(IllegalTransition, match="overtaken"):
        world.do(OPERATOR, deliver.retry, world.jobs()[0].id)
