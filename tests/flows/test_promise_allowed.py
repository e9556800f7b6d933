"""Promise 1 through the flows: what people, tools and time do, in any order, never leaves an `allowed` unjustified.

The machine keeps its own notes of what was submitted, planned and approved, made from what it did and not from what is
stored. After every step each `allowed` must follow from the notes alone; and so must every `allowed` that is sent.
"""

from collections.abc import Callable
from datetime import datetime, timedelta

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test
from msgspec import Struct
from msgspec.structs import replace

from mitregate.core.changes import Status, Transition
from mitregate.core.deployments import Commit, Deployment, DeploymentKey, State
from mitregate.core.errors import Refused
from mitregate.core.gates import Gate, GatingStatus, Stage
from mitregate.core.people import Principal
from mitregate.core.queries import GateQuery
from mitregate.core.rulebook import FreezeRule
from mitregate.core.times import Times
from mitregate.flows import ask, review, rules, withdraw
from tests.core.making import HOUR, MICROSECOND, with_commits
from tests.flows.conftest import MakeWorld
from tests.flows.world import ANN, MANAGER, World, person, record

Edge = datetime | None

NUMBERS = st.sampled_from([1, 1, 1, 2])
PEOPLE = st.sampled_from([ANN, person("bob"), MANAGER])
CONTENTS = st.tuples(
    st.sampled_from(["1.0", "1.0", "1.1"]), st.sampled_from([(), (), (Commit(repository_id="r", hash="abc"),)])
)
STATES = st.sampled_from([*[State.PENDING] * 6, *State])
ORDER = {
    state: 0 if state in {State.PENDING, State.UNKNOWN} else 1 if state is State.IN_PROGRESS else 2 for state in State
}
STEPS = st.sampled_from([*Transition, Transition.EMERGENCY_OVERRIDE, Transition.START])
SPANS = st.sampled_from([MICROSECOND, HOUR / 2, HOUR, HOUR, 3 * HOUR])
EDGES = st.none() | st.integers(-3, 3)


class Seen(Struct, frozen=True, kw_only=True):
    """What is before an approver's eyes."""

    deployment: Deployment
    window: tuple[Edge, Edge]


class Notes:
    """What happened, as somebody beside the gate would have written it down."""

    def __init__(self) -> None:
        """Begin with an empty page."""
        self.deployments: dict[DeploymentKey, Deployment] = {}
        self.windows: dict[str, tuple[Edge, Edge]] = {}
        self.approvals: dict[str, list[Seen]] = {}
        self.freezes: dict[str, tuple[Edge, Edge]] = {}
        self.overridden: dict[str, dict[str, datetime]] = {}

    def sight(self, key: DeploymentKey, change: str) -> Seen:
        """Say what an approver of a change would see now."""
        return Seen(deployment=self.deployments[key], window=self.windows.get(change, (None, None)))


def same(one: Seen, other: Seen) -> bool:
    """Tell whether an approver would say that both are the same thing to approve."""
    parts = [
        (seen.deployment.key, seen.deployment.label, seen.deployment.associations, seen.window) for seen in (one, other)
    ]
    return parts[0] == parts[1]


class Acts(RuleBasedStateMachine):
    """What several apps, people and the worker do."""

    make_world: MakeWorld
    opened = 0

    def __init__(self) -> None:
        """Begin with two apps that use the same ids."""
        super().__init__()
        self.world: World = self.make_world()
        self.apps = [self.world.app("one"), self.world.app("other")]
        self.notes = Notes()
        self.updates = 10

    # --- tools ---

    @rule(app=st.integers(0, 1), number=NUMBERS, state=STATES, contents=CONTENTS, asks=st.booleans())
    def submit(self, app: int, number: int, state: State, contents: tuple[str, tuple[Commit, ...]], asks: bool) -> None:
        """An app submits a newer update."""
        self.updates += 1
        label, commits = contents
        made = with_commits(record(self.apps[app], self.updates, state, number=number, label=label), *commits)
        made = replace(made, asks_for_gating=state is State.PENDING and (asks or number == 1))
        self.world.submit(self.apps[app], made)
        self.notes.deployments[made.key] = made

    @rule(app=st.integers(0, 1), number=NUMBERS, state=STATES, age=st.integers(0, 9))
    def submit_late(self, app: int, number: int, state: State, age: int) -> None:
        """An app submits what was overtaken, or repeats itself."""
        made = record(self.apps[app], 10 - age, state, number=number, label="0.9")
        self.world.submit(self.apps[app], made)
        self.notes.deployments.setdefault(made.key, made)
        noted = self.notes.deployments[made.key]
        if (noted.update_sequence_number, ORDER[noted.state]) < (made.update_sequence_number, ORDER[state]):
            self.notes.deployments[made.key] = made

    @rule(app=st.integers(0, 1), number=NUMBERS)
    def delete(self, app: int, number: int) -> None:
        """An app deletes a deployment, perhaps one that is not there."""
        key = record(self.apps[app], number=number).key
        self.world.do(self.apps[app], withdraw.delete, key)
        self.notes.deployments.pop(key, None)

    # --- people ---

    @precondition(lambda self: self.changes)
    @rule(data=st.data(), who=PEOPLE)
    def approve(self, data: st.DataObject, who: Principal) -> None:
        """Somebody approves a change."""
        key = data.draw(st.sampled_from(self.changes))
        sights = self.sights(key)
        if self.try_to(who, review.approve, key):
            self.notes.approvals.setdefault(key, []).extend(sights)

    @precondition(lambda self: self.changes)
    @rule(data=st.data(), who=PEOPLE, step=STEPS)
    def move(self, data: st.DataObject, who: Principal, step: Transition) -> None:
        """Somebody moves a change by hand, or decides on it that way."""
        key = data.draw(st.sampled_from(self.changes))
        sights = self.sights(key)
        is_approval = step in {Transition.APPROVE, Transition.EMERGENCY_OVERRIDE}
        if self.try_to(who, review.transition, key, step) and is_approval:
            self.notes.approvals.setdefault(key, []).extend(sights)

    @precondition(lambda self: self.changes)
    @rule(data=st.data(), start=EDGES, end=EDGES, is_small=st.booleans())
    def plan(self, data: st.DataObject, start: int | None, end: int | None, is_small: bool) -> None:
        """Somebody plans a window around now, or tries one that ends before it starts."""
        key = data.draw(st.sampled_from(self.changes))
        first = self.world.now + start * HOUR if start is not None else None
        last = self.world.now + end * HOUR if end is not None else None
        if self.try_to(MANAGER, review.plan, key.lower() if is_small else key, first, last):
            self.notes.windows[key] = first, last

    @rule(start=st.integers(-2, 2), end=st.none() | st.integers(0, 3), is_open=st.booleans())
    def freeze(self, start: int, end: int | None, is_open: bool) -> None:
        """Somebody freezes everything around now, or for good."""
        self.updates += 1
        name = f"freeze {self.updates}"
        first = None if is_open and end is not None else self.world.now + start * HOUR
        last = self.world.now + end * HOUR if end is not None else None
        freeze = FreezeRule(name=name, when=Times(start=first, end=last))
        if self.try_to(MANAGER, rules.add_freeze, freeze):
            self.notes.freezes[name] = first, last

    @precondition(lambda self: self.notes.freezes)
    @rule(data=st.data())
    def thaw(self, data: st.DataObject) -> None:
        """Somebody ends a freeze."""
        name = data.draw(st.sampled_from(sorted(self.notes.freezes)))
        self.world.do(MANAGER, rules.remove_freeze, name)
        del self.notes.freezes[name]

    @precondition(lambda self: self.notes.freezes and self.changes)
    @rule(data=st.data())
    def override(self, data: st.DataObject) -> None:
        """Somebody overrides the freezes that hold a gate."""
        gate_id = data.draw(st.sampled_from([gate.id for gate in self.world.gates()]))
        holding = self.holding()
        if self.try_to(MANAGER, rules.override, gate_id, "Why not"):
            noted = self.notes.overridden.setdefault(gate_id, {})
            noted.update(dict.fromkeys(holding, self.world.now))

    # --- the worker, and time ---

    @rule(span=SPANS)
    def wait(self, span: timedelta) -> None:
        """Time passes, and nobody notices."""
        self.world.wait(span)

    @rule()
    def wake(self) -> None:
        """The worker looks at the clock; then nothing that is over is kept as allowed."""
        self.world.wake()
        assert [gate for gate in self.allowed() if ask.is_overdue(gate, self.world.now)] == []

    @rule(status=st.sampled_from([204, 204, 204, 503, 410]))
    def deliver(self, status: int) -> None:
        """The worker delivers what is due; what it sends as allowed is so at this moment."""
        while claims := self.world.claim():
            for claimed in claims:
                before = len(self.world.postman.told)
                self.world.deliver(claimed, status)
                if any(told.status is GatingStatus.ALLOWED for _, told, _ in self.world.postman.told[before:]):
                    (gate,) = [gate for gate in self.world.gates() if gate.id == claimed.job.gate_id]
                    self.check(gate)

    # --- what must hold ---

    @invariant()
    def every_allowed_is_justified(self) -> None:
        """Each `allowed` that is good now follows from the notes; one that is over is known to be overdue."""
        for gate in self.allowed():
            type(self).opened += 1
            good_until = gate.verdict.good_until
            if good_until is not None and self.world.now > good_until:
                assert ask.is_overdue(gate, self.world.now)
            elif not ask.is_overdue(gate, self.world.now):
                self.check(gate)

    @invariant()
    def apps_see_their_own(self) -> None:
        """Promise 5: no app sees a gate of the other one."""
        for app in self.apps:
            assert {gate.key.app_id for gate in self.world.read(ask.gates, GateQuery(), app)} <= {app.app_id}

    def check(self, gate: Gate) -> None:
        """Check in the words of the promise that a gate may be open now."""
        key = gate.change_key or ""
        start, end = self.notes.windows.get(key, (None, None))
        assert gate.stage is Stage.HELD
        assert self.world.change(key).status is Status.IMPLEMENTING
        assert start is None or start <= self.world.now
        assert end is None or self.world.now <= end
        assert set(self.holding()) <= set(self.notes.overridden.get(gate.id, {}))
        now = self.notes.sight(gate.key, key)
        assert any(same(seen, now) for seen in self.notes.approvals.get(key, []))

    # --- looking around ---

    def holding(self) -> list[str]:
        """The freezes that hold now, by the notes."""
        now = self.world.now
        return [
            name
            for name, (start, end) in self.notes.freezes.items()
            if (start is None or start <= now) and (end is None or now <= end)
        ]

    @property
    def changes(self) -> list[str]:
        """The keys of all changes."""
        return sorted({gate.change_key for gate in self.world.gates() if gate.change_key is not None})

    def allowed(self) -> list[Gate]:
        """The gates that wait and are allowed."""
        gates = self.world.gates()
        return [gate for gate in gates if gate.stage is Stage.HELD and gate.verdict.status is GatingStatus.ALLOWED]

    def sights(self, key: str) -> list[Seen]:
        """What somebody who looks at a change sees of the deployments that wait for it."""
        held = [gate for gate in self.world.gates() if gate.change_key == key and gate.stage is Stage.HELD]
        return [self.notes.sight(gate.key, key) for gate in held]

    def try_to(self, who: Principal, flow: Callable[..., object], *args: object) -> bool:
        """Let somebody try something that may be refused; say whether it was done."""
        try:
            self.world.do(who, flow, *args)
        except Refused:
            return False
        return True


def test_nothing_is_allowed_without_reason(make_world: MakeWorld) -> None:
    """Whatever is done in whatever order, every `allowed` that is kept or sent was approved as it is, and in time."""
    worlds: list[World] = []

    def another_world() -> World:
        while worlds:
            worlds.pop().close()
        worlds.append(make_world())
        return worlds[0]

    class Run(Acts):
        make_world = staticmethod(another_world)
        opened = 0

    checks = [HealthCheck.too_slow]
    run_state_machine_as_test(
        Run, settings=settings(max_examples=40, stateful_step_count=30, deadline=None, suppress_health_check=checks)
    )
    worlds.pop().close()
    assert Run.opened > 0
