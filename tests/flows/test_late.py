"""Verdicts that a receiver takes in late, after its deployment has started or asked anew."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from mitregate.core.deployments import State
from mitregate.core.jobs import Outcome, Result
from mitregate.flows import deliver, withdraw
from mitregate.flows.act import BY_ITSELF
from tests.flows.waiting import Waiting
from tests.flows.world import record

SENT = Outcome(result=Result.DONE, detail="HTTP 204", status=204)
NINE = timedelta(seconds=9)


def started(waiting: Waiting) -> None:
    """Start."""
    waiting.world.submit(waiting.app, record(waiting.app, 2, State.IN_PROGRESS))


def started_over(waiting: Waiting) -> None:
    """Start, and ask anew under the same key."""
    started(waiting)
    waiting.world.submit(waiting.app, record(waiting.app, 3))


def deleted_and_submitted_again(waiting: Waiting) -> None:
    """Delete the deployment, and ask anew under the same key."""
    waiting.world.do(waiting.app, withdraw.delete, record(waiting.app).key)
    waiting.world.submit(waiting.app, record(waiting.app))


@pytest.mark.parametrize("anew", [started_over, deleted_and_submitted_again])
def test_a_late_verdict_is_not_the_last_word(waiting: Waiting, anew: Callable[[Waiting], None]) -> None:
    """A receiver that takes in an `allowed` after the deployment asked anew is told again how it stands now."""
    world = waiting.world
    world.deliver(world.claim()[0])
    waiting.approve()
    (late,) = world.claim()
    anew(waiting)
    world.deliver(world.claim()[0])
    assert not world.do(BY_ITSELF, deliver.finish, late, SENT, world.now, NINE)
    world.deliver(world.claim()[0])
    assert [told.status.value for _, told, _ in world.postman.told][-2:] == ["awaiting", "awaiting"]
    assert world.claim() == []


def test_a_late_verdict_on_what_has_started_says_no_more(waiting: Waiting) -> None:
    """A receiver that starts before it answers, as it should, is told nothing further."""
    world = waiting.world
    world.deliver(world.claim()[0])
    waiting.approve()
    (late,) = world.claim()
    started(waiting)
    assert not world.do(BY_ITSELF, deliver.finish, late, SENT, world.now, NINE)
    assert world.claim() == []
