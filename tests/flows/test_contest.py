"""Two jobs of one Jenkins whose names have one hash: whatever comes in whatever order, neither passes as the other."""

from collections.abc import Iterator

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from msgspec import Struct
from msgspec.structs import replace

from mitregate.core.changes import Status
from mitregate.core.deployments import Deployment, Pipeline, State
from mitregate.core.errors import Refused, Unknown
from mitregate.core.gates import Gate, GatingStatus, Stage
from mitregate.core.people import Principal
from mitregate.flows import ask, jenkins, review
from mitregate.flows.act import begin
from mitregate.flows.submit import submit
from mitregate.ports import UnitOfWork
from tests.fakes.jenkins_plugin import hash_of
from tests.flows.conftest import MakeWorld
from tests.flows.world import ADMIN, ANN, World, codes, principal_of, record

AWAITING, ALLOWED, INVALID = GatingStatus.AWAITING, GatingStatus.ALLOWED, GatingStatus.INVALID
ONE, OTHER = "harbour/Aa", "harbour/BB"


def server(world: World, name: str = "jenkins") -> Principal:
    """Add a Jenkins server."""
    return principal_of(world.do(ADMIN, jenkins.add_server, name).app)


def told(app: Principal, job: str, update: int = 1, state: State = State.PENDING) -> Deployment:
    """Make what a build tells of itself; every job here has the same id, and every build the same number."""
    pipeline = Pipeline(id=str(hash_of(ONE)), display_name=job, url=f"https://jenkins.example/job/{job}/")
    made = record(app, update, state)
    return replace(made, key=replace(made.key, pipeline_id=pipeline.id), pipeline=pipeline)


def gate_of(world: World, app: Principal) -> Gate:
    """Read the gate that a build of either job is shown."""
    return world.read(ask.gate_of, told(app, ONE).key)


def test_the_names_collide() -> None:
    """The plugin cannot tell these two jobs apart: Java's hash of both names is the same."""
    assert hash_of(ONE) == hash_of(OTHER) == -1304697844
    assert (hash_of(""), hash_of("a"), hash_of("Ü-🚀")) == (0, 97, 8370292)


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("update", [1, 5, 9])
def test_what_waits_is_contested(world: World, state: State, update: int) -> None:
    """Whatever another job sends while one waits, and under whatever number, that gate allows nobody any more."""
    app = server(world)
    world.submit(app, told(app, ONE, 5))
    gate = gate_of(world, app)
    world.do(ANN, review.approve, gate.change_key or "")
    assert gate_of(world, app).verdict.status is ALLOWED
    world.submit(app, told(app, OTHER, update, state))
    shut = gate_of(world, app)
    assert (shut.id, shut.stage, shut.verdict.status, codes(shut)) == (gate.id, Stage.HELD, INVALID, ["key_collision"])
    assert shut.verdict.reasons[0].message == (
        "The jobs 'harbour/Aa' and 'harbour/BB' share the pipeline id '-1304697844', and both have sent build 1 for "
        "this environment: an approval of one would let the other pass."
    )
    assert world.actions(gate.id) == ["gate.opened", "gate.decided", "gate.contested", "gate.decided"]
    assert world.remarks(gate.change_key)[-1] == (
        "The jobs 'harbour/Aa' and 'harbour/BB' cannot be told apart: neither will be allowed by this change."
    )
    assert world.read(ask.deployment, gate.key).pipeline.display_name == ONE


def test_no_approval_opens_what_is_contested(world: World) -> None:
    """An approval given afterwards opens nothing, and a repeated update neither; the change stays where it stands."""
    app = server(world)
    world.submit(app, told(app, ONE), told(app, OTHER))
    gate = gate_of(world, app)
    world.do(ANN, review.approve, gate.change_key or "")
    for job, update in ((ONE, 2), (OTHER, 3), (ONE, 4)):
        world.submit(app, told(app, job, update))
    after = gate_of(world, app)
    assert (after.id, after.verdict.status, codes(after)) == (gate.id, INVALID, ["key_collision"])
    assert world.change(gate.change_key).status is Status.PLANNING
    assert world.actions(gate.id).count("gate.contested") == 1


@pytest.mark.parametrize("state", State)
def test_another_job_ends_nothing(world: World, state: State) -> None:
    """What another job tells of itself neither starts nor finishes the deployment that is under way."""
    app = server(world)
    world.submit(app, told(app, ONE))
    world.do(ANN, review.approve, gate_of(world, app).change_key or "")
    world.submit(app, told(app, ONE, 2, State.IN_PROGRESS))
    world.submit(app, told(app, OTHER, 3, state))
    gate = gate_of(world, app)
    assert (gate.stage, gate.verdict.status, codes(gate)) == (Stage.STARTED, INVALID, ["key_collision"])
    assert world.change(gate.change_key).status is Status.IMPLEMENTING
    world.submit(app, told(app, ONE, 4, State.SUCCESSFUL))
    ended = gate_of(world, app)
    assert (ended.stage, world.change(gate.change_key).status) == (Stage.FINISHED, Status.RESOLVED)
    assert ended.verdict.status is INVALID


def test_what_starts_all_the_same_is_recorded(world: World) -> None:
    """A build that starts although its gate is contested has started without being allowed to."""
    app = server(world)
    world.submit(app, told(app, ONE), told(app, OTHER), told(app, ONE, 2, State.IN_PROGRESS))
    gate = gate_of(world, app)
    assert (gate.stage, world.actions(gate.id)[-1]) == (Stage.STARTED, "gate.started_unallowed")


def test_a_number_once_contested_is_never_allowed(world: World) -> None:
    """Whoever starts over under a number that was contested gets a gate that is contested from its first instant."""
    app = server(world)
    world.submit(app, told(app, ONE), told(app, OTHER), told(app, ONE, 2, State.SUCCESSFUL))
    for job, update in ((OTHER, 3), (OTHER, 4), (ONE, 5)):
        world.submit(app, told(app, job, update))
        gate = gate_of(world, app)
        assert (gate.stage, gate.verdict.status, codes(gate)) == (Stage.HELD, INVALID, ["key_collision"])
        world.submit(app, told(app, job, update, State.CANCELLED))


def test_after_the_end_another_job_has_the_number(world: World) -> None:
    """When the build of one job is over, that of another one opens a gate of its own, under whatever update number."""
    app = server(world)
    world.submit(app, told(app, ONE, 5))
    first = gate_of(world, app)
    world.do(ANN, review.approve, first.change_key or "")
    world.submit(app, told(app, ONE, 6, State.SUCCESSFUL), told(app, OTHER, 2))
    second = gate_of(world, app)
    assert (second.project, second.verdict.status, second.contested) == (OTHER, AWAITING, None)
    assert second.change_key != first.change_key
    world.do(ANN, review.approve, second.change_key or "")
    assert gate_of(world, app).verdict.status is ALLOWED


def test_an_approval_does_not_outlive_its_job(world: World) -> None:
    """A job that did not ask to be gated is not shown what another one was allowed before it."""
    app = server(world)
    world.submit(app, told(app, ONE))
    first = gate_of(world, app)
    world.do(ANN, review.approve, first.change_key or "")
    world.submit(app, told(app, ONE, 2, State.SUCCESSFUL), told(app, OTHER, 3, State.IN_PROGRESS))
    with pytest.raises(Unknown, match="not gated"):
        gate_of(world, app)
    assert world.actions(first.id)[-2:] == ["gate.finished", "gate.withdrawn"]
    world.submit(app, replace(told(app, OTHER, 4), asks_for_gating=False))
    assert len(world.gates()) == 1


def test_another_address_is_another_job(world: World) -> None:
    """Jobs of one name on two Jenkins that were given one secret are told apart by their addresses, which are named."""
    app = server(world)
    mine = told(app, ONE)
    moved = replace(mine, pipeline=replace(mine.pipeline, url="https://ci.example/job/Aa/"))
    world.submit(app, mine, moved)
    gate = gate_of(world, app)
    assert gate.contested == (
        "'harbour/Aa' at https://jenkins.example/job/harbour/Aa/ and 'harbour/Aa' at https://ci.example/job/Aa/"
    )
    assert gate.verdict.status is INVALID


def test_other_tools_may_rename(world: World) -> None:
    """Where the id is not made of the name, a new name is a new name: the approval goes stale, nothing is contested."""
    app = world.app()
    world.submit(app, told(app, ONE))
    world.do(ANN, review.approve, gate_of(world, app).change_key or "")
    world.submit(app, told(app, OTHER, 2))
    gate = gate_of(world, app)
    assert (gate.verdict.status, codes(gate), gate.project) == (AWAITING, ["approvals_incomplete"], OTHER)


def test_the_app_is_told(world: World) -> None:
    """An app with a callback is told that its gate is invalid now."""
    made = world.do(ADMIN, jenkins.add_server, "jenkins", "https://ci.example.com/hook")
    app = principal_of(made.app)
    world.submit(app, told(app, ONE), told(app, OTHER))
    while claims := world.claim():
        world.deliver(claims[0])
    assert [announced.status for _, announced, _ in world.postman.told] == [AWAITING, INVALID]


# --- any order ---


class Move(Struct, frozen=True):
    """A job tells a state, under a number that says nothing of the other job's; or somebody approves."""

    job: str
    state: State | None
    step: int = 1


JOBS = st.sampled_from([ONE, OTHER])
STATES = st.sampled_from([*[State.PENDING] * 4, *[State.IN_PROGRESS] * 2, *[State.SUCCESSFUL] * 2, *State])
APPROVAL = Move("", None)
MOVES = st.builds(Move, JOBS, STATES, st.integers(1, 12)) | st.just(APPROVAL)

AFTER_THE_START = [Move(ONE, State.PENDING), APPROVAL, Move(ONE, State.IN_PROGRESS), Move(OTHER, State.PENDING)]
STARTED_OVER = [
    Move(ONE, State.PENDING),
    Move(OTHER, State.PENDING),
    Move(ONE, State.SUCCESSFUL),
    Move(ONE, State.PENDING),
    APPROVAL,
]


class Colliding:
    """Two jobs that share a key, and what each of them may believe of itself."""

    def __init__(self, world: World, uow: UnitOfWork) -> None:
        self.world = world
        self.uow = uow
        made = jenkins.add_server(begin(world.ports, uow, ADMIN), world.ports.new_id())
        self.app = principal_of(made.app)
        self.waits: dict[str, bool] = {ONE: False, OTHER: False}
        self.last = ""
        self.newest = {ONE: 0, OTHER: 0}
        self.allowed = 0

    def make(self, move: Move) -> None:
        """Let something happen, then let both jobs ask."""
        if move.state is None:
            self._approve()
        else:
            self._send(move.job, move.state, move.step)
        self._ask()

    def _send(self, job: str, state: State, step: int) -> None:
        before = self.uow.gates.of(told(self.app, ONE).key)
        # A job's own updates come with rising numbers; those of the other one may lie before or after them.
        self.newest[job] += step
        submit(begin(self.world.ports, self.uow, self.app), [told(self.app, job, self.newest[job], state)])
        self.last = job
        if state is not State.UNKNOWN:
            self.waits[job] = state is State.PENDING
        after = self.uow.gates.of(told(self.app, ONE).key)
        if before is not None and before.project != job and before.stage in {Stage.HELD, Stage.STARTED}:
            assert after is not None
            assert (after.id, after.stage) == (before.id, before.stage)

    def _approve(self) -> None:
        gate = self.uow.gates.of(told(self.app, ONE).key)
        if gate is None or gate.change_key is None:
            return
        try:
            review.approve(begin(self.world.ports, self.uow, ANN), gate.change_key)
        except Refused:
            return  # approved already, or over

    def _ask(self) -> None:
        """A job that waits, or that spoke last, is allowed only by an approval of its own change."""
        gate = self.uow.gates.of(told(self.app, ONE).key)
        if gate is None or gate.stage is Stage.WITHDRAWN or gate.verdict.status is not ALLOWED:
            return
        self.allowed += 1
        askers = {job for job in (ONE, OTHER) if self.waits[job]} | {self.last}
        assert askers == {gate.project}
        assert gate.contested is None
        change = self.uow.changes.get(int((gate.change_key or "").partition("-")[2]))
        assert change is not None
        assert f'Deploy "{gate.project}"' in change.title


@pytest.fixture(scope="module")
def shared(make_world: MakeWorld) -> Iterator[World]:
    """One world for all examples, each of which brings a server of its own."""
    made = make_world()
    yield made
    made.close()


def test_nobody_passes_as_somebody_else(shared: World) -> None:
    """However two colliding jobs and approvals interleave, neither is let pass, started or ended as the other."""
    allowed = 0

    @settings(max_examples=200, deadline=None)
    @given(st.lists(MOVES, min_size=6, max_size=16))
    @example(AFTER_THE_START)
    @example(STARTED_OVER)
    def play(moves: list[Move]) -> None:
        nonlocal allowed

        def flow(uow: UnitOfWork) -> int:
            jobs = Colliding(shared, uow)
            for move in moves:
                jobs.make(move)
            return jobs.allowed

        allowed += shared.transact(flow)

    play()
    assert allowed > 0
