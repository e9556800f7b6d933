"""Promise 2 through the flows: whatever goes wrong inside, a verdict stays as it was, and nothing half-done is kept."""

import itertools
from collections.abc import Callable
from typing import Any

import pytest

from mitregate.core.changes import Transition
from mitregate.core.deployments import State
from mitregate.core.errors import StoreError
from mitregate.core.gates import GatingStatus
from mitregate.core.people import Principal
from mitregate.core.queries import AuditQuery, ChangeQuery
from mitregate.flows import review, settle, withdraw
from mitregate.flows.act import BY_ITSELF, Act, begin
from mitregate.flows.submit import submit
from mitregate.ports import UnitOfWork
from tests.core.making import MICROSECOND, at
from tests.flows.waiting import Waiting
from tests.flows.world import ADMIN, ALL, ANN, MANAGER, World, record


class Brittle:
    """A unit of work, or a part of one, that breaks at a given call and says nothing to any later one."""

    def __init__(self, real: Any, calls: "itertools.count[int]", breaks_at: int, error: type[Exception]) -> None:
        """Wrap *real*; all parts of one unit of work share the counter *calls*."""
        self._real, self._calls, self._breaks_at, self._error = real, calls, breaks_at, error

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._real, name)
        if not callable(found):
            return Brittle(found, self._calls, self._breaks_at, self._error)

        def call(*args: Any, **kwargs: Any) -> Any:
            if next(self._calls) >= self._breaks_at:
                raise self._error("It broke.")
            return found(*args, **kwargs)

        return call


def everything(world: World) -> tuple[object, ...]:
    """Read all that is kept, to compare."""
    gates, changes = world.gates(), world.read(lambda uow: uow.changes.page(ChangeQuery(limit=ALL)))
    return (
        gates,
        world.read(lambda uow: [uow.deployments.get(gate.key) for gate in gates]),
        changes,
        [world.remarks(change.key) for change in changes],
        world.jobs(),
        world.read(lambda uow: uow.audit.page(AuditQuery(limit=ALL))),
    )


Story = Callable[[Waiting], tuple[Principal, Callable[[Act], object]]]
"""What was, and then who does what."""


def it_is_submitted_again(waiting: Waiting) -> tuple[Principal, Callable[[Act], object]]:
    """Another version, after approval."""
    waiting.approve()
    return waiting.app, lambda act: submit(act, [record(waiting.app, 2, label="2.0")])


def another_one_is_submitted(waiting: Waiting) -> tuple[Principal, Callable[[Act], object]]:
    """One more deployment."""
    return waiting.app, lambda act: submit(act, [record(waiting.app, number=2)])


def it_starts(waiting: Waiting) -> tuple[Principal, Callable[[Act], object]]:
    """The start of what is allowed."""
    waiting.approve()
    return waiting.app, lambda act: submit(act, [record(waiting.app, 2, State.IN_PROGRESS)])


def it_ends(waiting: Waiting) -> tuple[Principal, Callable[[Act], object]]:
    """An end without a start."""
    waiting.approve()
    return waiting.app, lambda act: submit(act, [record(waiting.app, 2, State.FAILED)])


def it_is_approved(waiting: Waiting) -> tuple[Principal, Callable[[Act], object]]:
    """An approval that opens the gate."""
    return ANN, lambda act: review.approve(act, waiting.key, "Fine.")


def it_is_declined(waiting: Waiting) -> tuple[Principal, Callable[[Act], object]]:
    """A decline."""
    return ANN, lambda act: review.decline(act, waiting.key, "No.")


def it_is_planned(waiting: Waiting) -> tuple[Principal, Callable[[Act], object]]:
    """Another window, after approval."""
    waiting.approve()
    return MANAGER, lambda act: review.plan(act, waiting.key, at(1), None)


def it_is_closed_by_hand(waiting: Waiting) -> tuple[Principal, Callable[[Act], object]]:
    """The end of an open change."""
    waiting.approve()
    return MANAGER, lambda act: review.transition(act, waiting.key, Transition.COMPLETE, "Done.")


def its_window_opens(waiting: Waiting) -> tuple[Principal, Callable[[Act], object]]:
    """The planned start of an approved change."""
    waiting.plan(at(1), at(2))
    waiting.approve()
    waiting.world.now = at(1)
    return BY_ITSELF, settle.wake_due


def its_window_closes(waiting: Waiting) -> tuple[Principal, Callable[[Act], object]]:
    """The planned end of an open change."""
    waiting.plan(at(-1), at(2))
    waiting.approve()
    waiting.world.now = at(2) + MICROSECOND
    return BY_ITSELF, settle.wake_due


def it_is_deleted(waiting: Waiting) -> tuple[Principal, Callable[[Act], object]]:
    """The deletion of what is allowed."""
    waiting.approve()
    return waiting.app, lambda act: withdraw.delete(act, record(waiting.app).key)


def its_app_is_removed(waiting: Waiting) -> tuple[Principal, Callable[[Act], object]]:
    """The removal of an app with all it submitted."""
    waiting.approve()
    return ADMIN, lambda act: withdraw.remove_app(act, waiting.app.app_id or "")


STORIES: list[Story] = [
    it_is_submitted_again,
    another_one_is_submitted,
    it_starts,
    it_ends,
    it_is_approved,
    it_is_declined,
    it_is_planned,
    it_is_closed_by_hand,
    its_window_opens,
    its_window_closes,
    it_is_deleted,
    its_app_is_removed,
]


def breaks(
    world: World, principal: Principal, flow: Callable[[Act], object], at_call: int, error: type[Exception]
) -> bool:
    """Run a flow whose store breaks at a call; say whether the flow got that far and the error came out."""

    def broken(uow: UnitOfWork) -> None:
        brittle: Any = Brittle(uow, itertools.count(), at_call, error)
        flow(begin(world.ports, brittle, principal))

    try:
        world.transact(broken)
    except error:
        return True
    return False


@pytest.mark.parametrize("error", [StoreError, ValueError])
@pytest.mark.parametrize("story", STORIES)
def test_a_failure_at_any_call_changes_nothing(waiting: Waiting, story: Story, error: type[Exception]) -> None:
    """Whichever call to the store fails, the error comes out and all is as before: no gate opens, no job is written."""
    world = waiting.world
    principal, flow = story(waiting)
    before = everything(world)
    at_call = 0
    while breaks(world, principal, flow, at_call, error):
        assert everything(world) == before
        at_call += 1
    assert at_call > 3
    assert everything(world) != before


def test_a_failure_does_not_stop_the_next_try(waiting: Waiting) -> None:
    """After a failure the same request goes through as if nothing had been."""
    assert breaks(waiting.world, ANN, lambda act: review.approve(act, waiting.key), 6, StoreError)
    waiting.approve()
    assert waiting.verdict == (GatingStatus.ALLOWED, ["approved"])
