"""Promises 1 and 2 over everything that the rules can say, by whatever tools, people, rules, time and failures do.

After every step each `allowed` that is kept or announced must stand before an oracle which was written from domain.md,
and all that wait, and what is told of them, must hang together. `MITREGATE_LONG=1` lets it run for minutes.
"""

import contextlib
import itertools
import os
from collections.abc import Callable
from datetime import timedelta
from typing import Any, ClassVar

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test
from msgspec.structs import replace

from mitregate.core.changes import ChangeType, Transition
from mitregate.core.deployments import Associations, Commit, State
from mitregate.core.errors import Refused, StoreError
from mitregate.core.gates import Stage
from mitregate.core.people import Principal
from mitregate.core.rulebook import FreezeRule
from mitregate.core.times import Times
from mitregate.core.waiting import Waiting
from mitregate.core.workflow import Ending, Outcomes, Workflow
from mitregate.flows import ask, review, rules, settle, withdraw
from mitregate.flows.act import BY_ITSELF, begin
from mitregate.flows.submit import submit
from tests.core.making import HOUR, MICROSECOND
from tests.flows.bystander import Bystander, book_of
from tests.flows.conftest import MakeWorld
from tests.flows.oracle import Policy, is_open_for, title_of
from tests.flows.test_promise_errors import Brittle
from tests.flows.world import ANN, MANAGER, World, person, told

IS_LONG = bool(os.environ.get("MITREGATE_LONG"))
EXAMPLES, STEPS = (1000, 50) if IS_LONG else (60, 30)
PHASES = (Phase.generate,) if IS_LONG else tuple(Phase)
"""A long run says at once what it found; shrinking that takes longer than finding it."""

NUMBERS = st.sampled_from([1, 1, 2, 3])
PEOPLE = st.sampled_from([ANN, person("bob"), MANAGER, MANAGER])
LABELS = st.sampled_from(["1.0", "1.0", "1.0", "1.1"])
COMMITS = st.sampled_from([(), (), (Commit(repository_id="r", hash="abc"),)])
SERVICES = st.sampled_from([(), ("shop",), ("db",), ("shop", "ghost")])
TYPES = st.sampled_from(["", "", "standard", "emergency", "normal", "odd"])
NAMED = st.sampled_from(["none"] * 6 + ["there", "there", "next", "nowhere"])
EDGES = st.none() | st.integers(-2, 2)
SPANS = st.sampled_from([MICROSECOND, HOUR / 2, HOUR, HOUR, 3 * HOUR])
MOVES = st.sampled_from([*Transition, Transition.START, Transition.EMERGENCY_OVERRIDE])


class Machine(Bystander, RuleBasedStateMachine):
    """Two apps, three people, the worker, rules, time, and what can break."""

    make_world: MakeWorld
    opened: ClassVar[set[str]]

    def __init__(self) -> None:
        """Begin with nothing submitted, and rules that know the services."""
        RuleBasedStateMachine.__init__(self)
        Bystander.__init__(self, self.make_world())
        self.related: dict[str, tuple[object, ...]] = {}
        self.govern(Policy(), book_of(Policy(), Workflow(), ()))

    # --- tools ---

    @rule(
        app=st.sampled_from([0, 0, 1]), number=NUMBERS, label=LABELS, commits=COMMITS, services=SERVICES, kind=TYPES,
        named=NAMED, again=st.booleans(), data=st.data(),
    )  # fmt: skip
    def submit(
        self, *, app: int, number: int, label: str, commits: tuple[Commit, ...], services: tuple[str, ...], kind: str,
        named: str, again: bool, data: st.DataObject,
    ) -> None:  # fmt: skip
        """An app asks for gating, perhaps again and described otherwise, perhaps naming a change."""
        made = self.made(app, number, label, again=again)
        keys = [change.key for change in self.changes()]
        key = {"next": f"CHG-{len(keys) + 1}", "nowhere": "CHG-999", "none": ""}.get(named)
        key = key if key is not None else data.draw(st.sampled_from(keys)) if keys else ""
        made = replace(
            made,
            associations=Associations(services=services, commits=commits),
            properties={"changeRequest": key, "changeType": kind},
        )
        self.send(app, made)

    @rule(app=st.sampled_from([0, 0, 1]), number=NUMBERS, again=st.booleans(), state=st.sampled_from(list(State)))
    def progress(self, app: int, number: int, again: bool, state: State) -> None:
        """A deployment reports how it goes, just as it was described."""
        known = self.oracle.deployments.get(self.made(app, number, "", again=again).key)
        if known is not None:
            made = replace(known, update_sequence_number=next(self.counter), state=state, asks_for_gating=False)
            self.send(app, made)

    @rule(app=st.integers(0, 1), number=NUMBERS, again=st.booleans())
    def delete(self, app: int, number: int, again: bool) -> None:
        """An app deletes a deployment, perhaps one that is not there."""
        key = self.made(app, number, "", again=again).key
        self.world.do(self.apps[app], withdraw.delete, key)
        self.oracle.deployments.pop(key, None)

    # --- people ---

    @precondition(lambda self: self.changes())
    @rule(data=st.data(), who=PEOPLE)
    def approve(self, data: st.DataObject, who: Principal) -> None:
        """Somebody approves a change as it is shown."""
        change = data.draw(st.sampled_from(self.changes()))
        shown = self.shown(change)
        view = self.world.read(ask.change, change.key, who, self.world.ports.changes)
        if self.try_to(who, review.approve, change.key, "", view.digest or None):
            self.note(change, who, shown)

    @rule(whom=st.sampled_from([(MANAGER,), (MANAGER, ANN)]))
    def approve_all(self, whom: tuple[Principal, ...]) -> None:
        """Some people approve whatever they can."""
        for change, who in itertools.product(self.changes(), whom):
            shown = self.shown(change)
            if self.try_to(who, review.approve, change.key):
                self.note(change, who, shown)

    @precondition(lambda self: self.changes())
    @rule(data=st.data(), who=PEOPLE, step=MOVES)
    def move(self, data: st.DataObject, who: Principal, step: Transition) -> None:
        """Somebody moves a change by hand, or decides on it that way."""
        change = data.draw(st.sampled_from(self.changes()))
        shown = self.shown(change)
        is_approval = step in {Transition.APPROVE, Transition.EMERGENCY_OVERRIDE}
        if self.try_to(who, review.transition, change.key, step) and is_approval:
            self.note(change, who, shown)

    @precondition(lambda self: self.changes())
    @rule(data=st.data(), start=EDGES, end=EDGES)
    def plan(self, data: st.DataObject, start: int | None, end: int | None) -> None:
        """Somebody plans a window around now, or tries one that ends before it starts."""
        key = data.draw(st.sampled_from(self.changes())).key
        span = self.span(start, end)
        if self.try_to(MANAGER, review.plan, key, *span):
            self.oracle.windows[key] = span

    @precondition(lambda self: self.changes())
    @rule(data=st.data(), kind=st.sampled_from(ChangeType))
    def retype(self, data: st.DataObject, kind: ChangeType) -> None:
        """Somebody makes a change an emergency, or a normal one again."""
        self.try_to(MANAGER, review.retype, data.draw(st.sampled_from(self.changes())).key, kind)

    @rule(label=LABELS, is_emergency=st.booleans(), services=SERVICES, start=EDGES)
    def prepare(self, label: str, is_emergency: bool, services: tuple[str, ...], start: int | None) -> None:
        """Somebody prepares a change by hand, under the title that a deployment would have."""
        title = title_of(self.made(0, 1, label, again=False))
        draft = review.Draft(title=title, description="By hand", is_emergency=is_emergency, services=services)
        if start is not None:
            draft = replace(draft, window=replace(draft.window, start=self.world.now + start * HOUR))
        found = self.world.do(MANAGER, review.prepare, draft)
        self.oracle.windows[found.key] = draft.window.start, None

    @precondition(lambda self: not self.oracle.freezes)
    @rule(start=st.integers(-1, 1), end=st.sampled_from([1, 1, 2, None]), spares=st.booleans())
    def freeze(self, start: int, end: int | None, spares: bool) -> None:
        """Somebody freezes everything around now, or for good."""
        name, span = f"freeze {next(self.counter)}", self.span(start, end)
        made = FreezeRule(name=name, when=Times(start=span[0], end=span[1]), spares_emergencies=spares)
        if self.try_to(MANAGER, rules.add_freeze, made):
            self.oracle.freezes[name] = span, spares

    @precondition(lambda self: self.oracle.freezes)
    @rule(data=st.data())
    def thaw(self, data: st.DataObject) -> None:
        """Somebody ends a freeze."""
        name = data.draw(st.sampled_from(sorted(self.oracle.freezes)))
        self.world.do(MANAGER, rules.remove_freeze, name)
        del self.oracle.freezes[name]

    @precondition(lambda self: self.oracle.freezes and self.world.gates())
    @rule(data=st.data())
    def override(self, data: st.DataObject) -> None:
        """Somebody overrides the freezes that hold a gate."""
        gate = data.draw(st.sampled_from(self.world.gates()))
        if self.try_to(MANAGER, rules.override, gate.id, "Why not"):
            is_emergency = self.world.change(gate.change_key).type is ChangeType.EMERGENCY
            holding = self.oracle.holding(self.world.now, is_emergency=is_emergency)
            self.oracle.overridden.setdefault(gate.id, set()).update(holding)

    @rule(
        policy=st.builds(
            Policy,
            cab_from=st.sampled_from([None, None, "medium", "high"]),
            template=st.booleans(),
            refuses_unknown=st.booleans(),
            more_approvals=st.sampled_from([0, 1]),
        ),
        by_itself=st.tuples(st.sampled_from([True, True, False]), st.sampled_from([True, True, False])),
        failed=st.sampled_from([Ending.FAIL, Ending.LEAVE]),
        expires=st.sampled_from(["", "2h"]),
        supersede=st.booleans(),
        hours=st.sampled_from([None, None, None, (-1, 1), (0, 2), (1, 2)]),
    )
    def amend(
        self, *, policy: Policy, by_itself: tuple[bool, bool], failed: Ending, expires: str, supersede: bool,
        hours: tuple[int, int] | None,
    ) -> None:  # fmt: skip
        """An administrator lets other rules hold."""
        plans, starts = by_itself
        workflow = Workflow(plans_by_itself=plans, starts_by_itself=starts, outcomes=Outcomes(failed=failed))
        before = ("1h",) if expires else ()
        waiting = Waiting(name="all", expires_after=expires, remind_before=before, supersede=supersede)
        policy = replace(policy, hours=self.span(*hours) if hours else None)
        self.govern(policy, book_of(policy, workflow, (waiting,)))

    # --- the worker, time, and what breaks ---

    @rule(span=SPANS)
    def wait(self, span: timedelta) -> None:
        """Time passes, and nobody notices."""
        self.world.wait(span)

    @rule()
    def wake(self) -> None:
        """The worker looks at the clock; then nothing that waits has to wake any more, or is out of date."""
        while self.world.wake():
            pass
        for gate in self.world.gates():
            wake_at = gate.verdict.wake_at
            assert gate.stage is not Stage.HELD or wake_at is None or wake_at > self.world.now

    @precondition(lambda self: self.world.gates())
    @rule(data=st.data())
    def poll(self, data: st.DataObject) -> None:
        """Somebody asks for a gate, which is decided anew before it is shown."""
        gate = data.draw(st.sampled_from(self.world.gates()))
        shown = self.world.do(BY_ITSELF, settle.wake, gate)
        assert not is_open_for(shown) or not self.objection(shown)

    @rule(at_call=st.integers(0, 40), which=st.integers(0, 2), data=st.data())
    def break_off(self, at_call: int, which: int, data: st.DataObject) -> None:
        """The store or the change system fails in the midst of something: all is as it was before."""
        before = self.world.gates(), self.changes(), len(self.world.jobs())
        keys = [change.key for change in before[1]] or ["CHG-1"]
        key = data.draw(st.sampled_from(keys))
        made = self.made(0, 1, "1.2", again=False)
        steps: list[tuple[Principal, Callable[..., object]]] = [
            (self.apps[0], lambda act: submit(act, [made])),
            (MANAGER, lambda act: review.approve(act, key)),
            (BY_ITSELF, settle.wake_due),
        ]
        who, flow = steps[which]

        def broken(uow: Any) -> None:
            calls = itertools.count()
            brittle: Any = Brittle(uow, calls, at_call, StoreError)
            system: Any = Brittle(self.world.ports.changes, calls, at_call, StoreError)
            flow(begin(replace(self.world.ports, changes=system), brittle, who))
            raise StoreError("It broke at the end.")

        with contextlib.suppress(StoreError, Refused):
            self.world.transact(broken)
        assert (self.world.gates(), self.changes(), len(self.world.jobs())) == before

    # --- what must hold ---

    @invariant()
    def every_allowed_may_be(self) -> None:
        """Promise 1: whatever is kept as allowed, and was not to be decided anew by now, may start."""
        for gate in self.world.gates():
            if is_open_for(gate) and not ask.is_overdue(gate, self.world.now):
                type(self).opened.add(gate.found.value if gate.found else "")
                assert not self.objection(gate)

    @invariant()
    def once_related_only_that_change(self) -> None:
        """A gate keeps its change, and how it was found."""
        for gate in self.world.gates():
            now = gate.change_key, gate.found, gate.created_at
            assert self.related.setdefault(gate.id, now) == now

    @invariant()
    def a_title_finds_one(self) -> None:
        """Of one app's open changes one at most is found by a title."""
        found = [(one.app_id, one.title) for one in self.changes() if one.is_open and one.app_id and not one.is_twin]
        assert len(found) == len(set(found))

    @invariant()
    def all_is_told_in_order(self) -> None:
        """Each status that a gate came to is told, once, in order; and what was said last is what is kept."""
        jobs = self.world.jobs()
        for gate in self.world.gates():
            said = [status for status, _ in told(job for job in jobs if job.gate_id == gate.id)]
            assert all(one != other for one, other in itertools.pairwise(said))
            assert said[-1] == gate.verdict.status


def test_nothing_is_allowed_that_may_not_be(make_world: MakeWorld) -> None:
    """Whatever is done in whatever order, what is allowed may start; and changes found in every way come to that."""
    worlds: list[World] = []

    def another_world() -> World:
        while worlds:
            worlds.pop().close()
        worlds.append(make_world())
        return worlds[0]

    class Run(Machine):
        make_world = staticmethod(another_world)
        opened: ClassVar[set[str]] = set()

    checks = [HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large]
    chosen = settings(max_examples=EXAMPLES, stateful_step_count=STEPS, deadline=None, suppress_health_check=checks)
    run_state_machine_as_test(Run, settings=settings(chosen, phases=PHASES))
    worlds.pop().close()
    assert "created" in Run.opened
