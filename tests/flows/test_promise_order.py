"""Promise 4 through the flows: the same messages, in any order and with any duplicates, lead to the same verdict.

As far as it is true: what is stored is always the newest message. While a deployment is pending, its gate, what that
gate says and why are the same in every order, approvals kept in theirs. Where a deployment has begun or ended, no order
leaves a gate that waits; but one that heard of the start first has none at all, for there was nothing left to hold.
"""

from collections.abc import Iterator, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from mitregate.core.deployments import FINAL_STATES, Deployment, State
from mitregate.core.errors import IllegalTransition
from mitregate.core.gates import GatingStatus, Stage
from mitregate.core.people import Principal, Scope
from mitregate.flows import admit, review
from mitregate.flows.act import begin
from mitregate.flows.submit import submit
from mitregate.ports import UnitOfWork
from tests.flows.conftest import MakeWorld
from tests.flows.world import ADMIN, ANN, World, codes, principal_of, record

PENDING_ONLY = st.just(State.PENDING)
ANY_STATE = st.sampled_from(State)
BEGUN_OR_ENDED = set(State) - {State.PENDING, State.UNKNOWN}

NOBODY_YET = Principal(name="shape", app_id="")


def messages(states: st.SearchStrategy[State], asks: st.SearchStrategy[bool]) -> st.SearchStrategy[list[Deployment]]:
    """Make messages of one deployment, in the order of their update sequence numbers."""
    label = st.sampled_from(["1.0", "1.1", None])
    contents = st.lists(st.tuples(states, label, asks), min_size=1, max_size=5)
    return contents.map(
        lambda drawn: [
            replace(record(NOBODY_YET, number, state, label=label), asks_for_gating=wish and state is State.PENDING)
            for number, (state, label, wish) in enumerate(drawn, start=1)
        ]
    )


@st.composite
def shuffled(draw: st.DrawFn, history: Sequence[Deployment]) -> list[Deployment]:
    """Put messages into any order, some of them more than once."""
    more = draw(st.lists(st.sampled_from(history), max_size=3))
    return draw(st.permutations([*history, *more]))


@pytest.fixture(scope="module")
def shared(make_world: MakeWorld) -> Iterator[World]:
    """One world for all examples, each of which brings apps of its own."""
    made = make_world()
    yield made
    made.close()


Step = Deployment | Principal
"""A message of the app, or an approval by a person."""


class Told:
    """What came of a sequence of messages and approvals of one app."""

    def __init__(self, world: World, uow: UnitOfWork, app: Principal, steps: Sequence[Step]) -> None:
        """Let the steps happen, each as a use case of its own."""
        key = record(app).key
        for step in steps:
            if isinstance(step, Deployment):
                submit(begin(world.ports, uow, app), [replace(step, key=key)])
            elif (gate := uow.gates.of(key)) is not None:
                self._approve(world, uow, step, gate.change_key or "")
        gate = uow.gates.of(key)
        self.stored = uow.deployments.get(key)
        self.stage = gate.stage if gate is not None else None
        self.status = gate.verdict.status if gate is not None else None
        self.codes = codes(gate) if gate is not None else None
        self.version = gate.version if gate is not None else None

    @property
    def gate(self) -> tuple[object, ...]:
        """What is to be the same in every order."""
        return self.stage, self.status, self.codes, self.version

    def _approve(self, world: World, uow: UnitOfWork, who: Principal, key: str) -> None:
        try:
            review.approve(begin(world.ports, uow, who), key)
        except IllegalTransition:
            return  # approved already


def tell(world: World, *sequences: Sequence[Step]) -> list[Told]:
    """Let several sequences happen, each to an app of its own."""

    def flow(uow: UnitOfWork) -> list[Told]:
        return [Told(world, uow, add_app(world, uow), steps) for steps in sequences]

    return world.transact(flow)


def add_app(world: World, uow: UnitOfWork) -> Principal:
    """Add an app, in a transaction that goes on."""
    made = admit.add_app(begin(world.ports, uow, ADMIN), world.ports.new_id(), frozenset(Scope), None)
    return principal_of(made.app)


@settings(max_examples=60)
@given(st.data())
def test_pending_messages_come_in_any_order(shared: World, data: st.DataObject) -> None:
    """While a deployment is pending, neither order nor duplicates of its messages change its gate or what is stored."""
    history = data.draw(messages(PENDING_ONLY, st.booleans()))
    straight, other = tell(shared, history, data.draw(shuffled(history)))
    assert (other.gate, other.stored is not None) == (straight.gate, True)
    assert (straight.stage is Stage.HELD) == any(message.asks_for_gating for message in history)
    assert_newest(straight, history)
    assert_newest(other, history)


@settings(max_examples=60)
@given(st.data())
def test_messages_of_any_kind_come_in_any_order(shared: World, data: st.DataObject) -> None:
    """Where every pending message asks to be gated, order decides neither what waits nor what is stored."""
    history = data.draw(messages(ANY_STATE, st.just(True)))
    straight, other = tell(shared, history, data.draw(shuffled(history)))
    assert_newest(straight, history)
    assert_newest(other, history)
    if history[-1].state is State.PENDING:
        assert other.gate == straight.gate
        assert other.stage is Stage.HELD
    elif history[-1].state in BEGUN_OR_ENDED:
        assert Stage.HELD not in {straight.stage, other.stage}
    assert GatingStatus.ALLOWED not in {straight.status, other.status}


@settings(max_examples=60)
@given(st.data())
def test_messages_of_one_second_come_in_any_order(shared: World, data: st.DataObject) -> None:
    """Of messages with one number, order decides neither whether the deployment has begun nor whether it has ended."""
    history = [replace(message, update_sequence_number=7) for message in data.draw(messages(ANY_STATE, st.just(True)))]
    straight, other = tell(shared, history, data.draw(shuffled(history)))
    states = {message.state for message in history}
    for one in (straight, other):
        assert one.stored is not None
        assert (one.stored.state in FINAL_STATES) == bool(states & FINAL_STATES)
        assert (one.stored.state in BEGUN_OR_ENDED) == bool(states & BEGUN_OR_ENDED)
        assert one.stage is not Stage.HELD or not states & BEGUN_OR_ENDED
        assert one.status is not GatingStatus.ALLOWED


@settings(max_examples=60)
@given(st.data())
def test_duplicates_do_not_undo_approvals(shared: World, data: st.DataObject) -> None:
    """With approvals between them in their order, messages may come in any order and again at any later time."""
    history = data.draw(messages(PENDING_ONLY, st.just(True)))
    cut = data.draw(st.integers(1, len(history)))
    earlier, later = history[:cut], history[cut:]
    is_approved_twice = data.draw(st.booleans())
    end: list[Step] = [ANN] if is_approved_twice else []
    again = data.draw(st.lists(st.sampled_from(earlier), max_size=2))
    other: list[Step] = [
        *data.draw(shuffled(earlier)),
        ANN,
        *(data.draw(shuffled([*later, *again])) if later or again else []),
        *end,
        *data.draw(shuffled(history)),
    ]
    straight, mixed = tell(shared, [*earlier, ANN, *later, *end], other)
    assert mixed.gate == straight.gate
    same = history[-1].version == history[cut - 1].version
    assert (straight.status is GatingStatus.ALLOWED) == (is_approved_twice or same)


def assert_newest(told: Told, history: Sequence[Deployment]) -> None:
    """Check that the newest message is what is stored."""
    assert told.stored is not None
    assert replace(told.stored, key=history[-1].key) == history[-1]
