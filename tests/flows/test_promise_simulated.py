"""What a simulation says of a deployment that is not there yet is what comes of it."""

from functools import partial

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Struct
from msgspec.structs import replace

from mitregate.core.calendar import Window
from mitregate.core.catalogue import Template
from mitregate.core.changes import ChangeType
from mitregate.core.conflicts import Conflicts
from mitregate.core.control import Control, Demand, Matrix, Rule
from mitregate.core.deployments import (
    Commit,
    Deployment,
    DeploymentKey,
    EnvironmentType,
    State,
)
from mitregate.core.explanations import Explanation
from mitregate.core.gates import Gate
from mitregate.core.matching import How
from mitregate.core.people import Principal
from mitregate.core.reach import Reach
from mitregate.core.risk import Risk
from mitregate.core.rulebook import Hours, Rulebook
from mitregate.core.services import Service
from mitregate.core.times import Times
from mitregate.core.waiting import Waiting
from mitregate.core.workflow import Workflow
from mitregate.flows import review, rules
from mitregate.flows.review import Draft
from mitregate.flows.simulate import Sketch
from mitregate.ports import UnitOfWork
from tests.core.making import at
from tests.flows.conftest import MakeWorld
from tests.flows.simulating import FREEZE, TITLE, everything, real, simulated
from tests.flows.world import ADMIN, MANAGER, World, codes


class Sight(Struct, frozen=True, kw_only=True):
    """What is compared of what was foreseen and what came."""

    control: Control | None
    how: How | None = None
    kind: ChangeType | None = None
    template: str = ""
    risk: Risk | None = None
    title: str = ""
    needed: int | None = None
    status: str = ""
    codes: tuple[str, ...] = ()
    opens: bool = False
    ends: bool = False


def foreseen(told: Explanation) -> Sight:
    """Take from a simulation what is compared."""
    gate, change = told.gate, told.change
    return Sight(
        control=told.ruling.control,
        how=told.relation.how if told.relation is not None else None,
        kind=change.type if change is not None else None,
        template=change.template if change is not None else "",
        risk=change.risk if change is not None else None,
        title=change.title if change is not None else "",
        needed=change.tally.needed if change is not None and change.tally is not None else None,
        status=gate.verdict.status.value if gate is not None else "",
        codes=tuple(codes(gate)) if gate is not None else (),
        opens=gate is not None and gate.verdict.opens_at is not None,
        ends=gate is not None and gate.verdict.ends_at is not None,
    )


def came(world: World, deployment: Deployment) -> Sight:
    """Look at what came of a deployment that was submitted."""
    gate = world.read(lambda uow: uow.gates.of(deployment.key))
    if gate is None:
        return Sight(control=None)
    key = gate.related_to
    change = world.read(lambda uow: world.ports.changes.profile(uow, key, deployment)) if key is not None else None
    return Sight(
        control=gate.control,
        how=gate.found,
        kind=change.type if change is not None else None,
        template=change.template if change is not None else "",
        risk=change.risk if change is not None else None,
        title=change.title if change is not None else "",
        needed=change.tally.needed if change is not None and change.tally is not None else None,
        status=gate.verdict.status.value,
        codes=tuple(codes(gate)),
        opens=gate.verdict.opens_at is not None,
        ends=gate.verdict.ends_at is not None,
    )


demands = st.sampled_from(Demand)
matrices = st.builds(
    Matrix,
    projects=demands.map(lambda demand: (Rule(name="shop", control=demand),)) | st.just(()),
    runbooks=demands.map(lambda demand: (Rule(name="shop", control=demand),)) | st.just(()),
    environments=demands.map(lambda demand: (Rule(type=EnvironmentType.PRODUCTION, control=demand),)) | st.just(()),
    unknown_services=st.sampled_from([Matrix().unknown_services, *type(Matrix().unknown_services)]),
)
books = st.builds(
    Rulebook,
    control=matrices | st.just(Matrix()),
    workflow=st.builds(
        Workflow,
        cab_from=st.none() | st.sampled_from(Risk),
        starts_by_itself=st.booleans(),
        plans_by_itself=st.booleans(),
    ),
    standard=st.lists(
        st.builds(
            Template,
            name=st.sampled_from(["small", "big"]),
            reach=st.just(Reach(projects=("shop",))),
            highest_risk=st.sampled_from(Risk),
            each_day=st.none() | st.just(1),
        ),
        max_size=2,
        unique_by=lambda template: template.name,
    ).map(tuple),
    waiting=st.sampled_from([(), (Waiting(name="all", expires_after="1d", remind_before=("1h",), supersede=True),)]),
    conflicts=st.builds(Conflicts, more_approvals=st.integers(0, 2)),
    services=st.sampled_from([(), (Service(id="checkout", tier=1), Service(id="mail", tier=3))]),
    freezes=st.sampled_from([(), (FREEZE,), (replace(FREEZE, spares_emergencies=False),)]),
    hours=st.sampled_from([(), (Hours(name="night", when=Times(start=at(3), length="1h", rule="FREQ=DAILY")),)]),
)
sketches = st.builds(
    Sketch,
    project=st.just("shop"),
    environment=st.just("prod"),
    type=st.sampled_from(EnvironmentType),
    version=st.sampled_from(["2", "3", "3"]),
    services=st.sampled_from([(), ("checkout",), ("mail", "ghost")]),
    commits=st.sampled_from([(), (Commit(repository_id="r", hash="5e"),)]),
    is_runbook=st.booleans(),
    asks_for_gating=st.sampled_from([True, True, False]),
    app=st.just("jenkins"),
    change=st.sampled_from(["", "", "", "", "", "CHG-1", "chg-2", "CHG-99"]),
    kind=st.none() | st.sampled_from(ChangeType),
)
pasts = st.lists(
    st.tuples(
        sketches, st.booleans(), st.sampled_from([State.PENDING, State.IN_PROGRESS, State.FAILED, State.CANCELLED])
    ),
    max_size=3,
)


def gate_of(key: DeploymentKey, uow: UnitOfWork) -> Gate | None:
    """Read the gate of a deployment."""
    return uow.gates.of(key)


def live(world: World, app: Principal, past: list[tuple[Sketch, bool, State]]) -> None:
    """Let deployments come, be approved, and go, beside a change that was prepared by hand."""
    world.do(
        MANAGER, review.prepare, Draft(title=TITLE, services=("checkout",), window=Window(start=at(-2), end=at(9)))
    )
    for number, (sketch, is_approved, state) in enumerate(past, start=1):
        deployment = real(app, sketch, number)
        world.submit(app, deployment)
        gate = world.read(partial(gate_of, deployment.key))
        if is_approved and gate is not None and gate.is_waiting and "waiting_for_approval" in codes(gate):
            world.do(ADMIN, review.approve, gate.related_to or "")
        if state is not State.PENDING:
            world.submit(app, replace(deployment, update_sequence_number=2, state=state))


@settings(max_examples=150)
@given(book=books, past=pasts, sketch=sketches)
def test_what_is_simulated_is_what_comes(
    make_world: MakeWorld, book: Rulebook, past: list[tuple[Sketch, bool, State]], sketch: Sketch
) -> None:
    """Whatever the rules and what went before, a simulation foretells what comes of it, and writes nothing."""
    world = make_world()
    try:
        world.do(ADMIN, rules.replace_all, book)
        app = world.app()
        live(world, app, past)
        before = everything(world)
        told = simulated(world, sketch)
        assert everything(world) == before
        deployment = real(app, sketch)
        world.submit(app, deployment)
        assert foreseen(told) == came(world, deployment)
    finally:
        world.close()
