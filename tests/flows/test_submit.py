import pytest
from msgspec.structs import replace

from mitregate.core.changes import Status
from mitregate.core.deployments import FINAL_STATES, Associations, State
from mitregate.core.errors import Unknown
from mitregate.core.gates import GatingStatus, Stage
from mitregate.flows import ask, review, settle
from mitregate.flows.act import BY_ITSELF
from tests.core.making import HOUR, NOW
from tests.flows.world import ANN, MANAGER, World, codes, record, told

AWAITING, ALLOWED, PREVENTED = GatingStatus.AWAITING, GatingStatus.ALLOWED, GatingStatus.PREVENTED


def test_a_deployment_waits_for_its_change(world: World) -> None:
    """What is submitted for gating waits at once, with a change opened for it, and the app is told so."""
    app = world.app()
    world.submit(app, record(app))
    gate = world.gate(app)
    assert (gate.verdict.status, codes(gate), gate.since) == (AWAITING, ["waiting_for_approval"], NOW)
    assert (gate.project, gate.version, gate.environment) == ("Shop", "1.0", "Production")
    change = world.change(gate.change_key)
    assert (change.title, change.status) == ('Jenkins: Deploy "Shop" version 1.0 to "Production"', Status.PEER_REVIEW)
    assert change.requested_by == "jenkins"
    assert told(world.jobs()) == [("awaiting", "open")]
    assert world.actions(gate.id) == ["gate.opened"]


def test_what_does_not_ask_is_not_gated(world: World) -> None:
    """A deployment without the command is kept, has no gate, and asking for its gate says so."""
    app = world.app()
    silent = replace(record(app), asks_for_gating=False)
    world.submit(app, silent)
    assert world.read(ask.deployment, silent.key) == silent
    with pytest.raises(Unknown, match="not gated"):
        world.gate(app)
    assert world.jobs() == []


def test_who_has_no_callback_is_not_called(world: World) -> None:
    """An app without a callback has a gate like any other, and no delivery."""
    app = world.app(callback_url=None)
    world.submit(app, record(app))
    assert world.gate(app).verdict.status is AWAITING
    assert world.jobs() == []


@pytest.mark.parametrize(("update", "state"), [(4, State.IN_PROGRESS), (5, State.PENDING), (5, State.UNKNOWN)])
def test_older_updates_are_ignored(world: World, update: int, state: State) -> None:
    """An update that is not newer than what is stored changes nothing, whatever it says."""
    app = world.app()
    world.submit(app, record(app, 5))
    gate, jobs = world.gate(app), world.jobs()
    world.submit(app, record(app, update, state, label="9.9"))
    assert world.read(ask.deployment, gate.key) == record(app, 5)
    assert (world.gate(app), world.jobs()) == (gate, jobs)


def test_a_second_may_hold_a_whole_deployment(world: World) -> None:
    """A deployment that begins and ends under one update number, as Jenkins counts, completes its change."""
    app = world.app()
    world.submit(app, record(app, 5))
    world.do(ANN, review.approve, world.gate(app).change_key or "")
    for state in (State.IN_PROGRESS, State.SUCCESSFUL):
        world.submit(app, record(app, 5, state))
    gate = world.gate(app)
    assert (gate.stage, world.change(gate.change_key).status) == (Stage.FINISHED, Status.RESOLVED)


@pytest.mark.parametrize("ended", [State.IN_PROGRESS, State.SUCCESSFUL, State.CANCELLED])
def test_an_equal_number_undoes_nothing(world: World, ended: State) -> None:
    """What comes again under the number of a start or an end neither waits anew nor takes anything back."""
    app = world.app()
    for state in (State.PENDING, ended):
        world.submit(app, record(app, 5, state))
    gate, jobs = world.gate(app), world.jobs()
    for state in State:
        if state is not ended and not (ended is State.IN_PROGRESS and state in FINAL_STATES):
            world.submit(app, record(app, 5, state, label="9.9"))
    assert world.read(ask.deployment, gate.key) == record(app, 5, ended)
    assert (world.gates(), world.jobs()) == ([gate], jobs)


def test_an_overtaken_wish_is_granted(world: World) -> None:
    """Whether a deployment is gated does not depend on which of two pending updates came first."""
    app = world.app()
    newer = replace(record(app, 2, label="1.1"), asks_for_gating=False)
    world.submit(app, newer)
    world.submit(app, record(app, 1))
    gate = world.gate(app)
    assert (gate.verdict.status, gate.version, codes(gate)) == (AWAITING, "1.1", ["waiting_for_approval"])
    assert world.read(ask.deployment, gate.key) == newer


def test_an_overtaken_wish_cannot_stop_what_runs(world: World) -> None:
    """A wish to be gated that arrives after the start opens no gate."""
    app = world.app()
    world.submit(app, record(app, 2, State.IN_PROGRESS))
    world.submit(app, record(app, 1))
    assert world.gates() == []


def test_a_gate_tells_what_waits_now(world: World) -> None:
    """A newer pending update is described by the gate that is already there."""
    app = world.app()
    world.submit(app, record(app))
    before = world.gate(app)
    world.submit(app, replace(record(app, 2, label="1.1"), url="https://ci.example.com/2"))
    gate = world.gate(app)
    assert (gate.id, gate.version, gate.url) == (before.id, "1.1", "https://ci.example.com/2")
    assert (gate.change_key, gate.since) == (before.change_key, before.since)
    assert told(world.jobs()) == [("awaiting", "open")]


def test_the_same_ids_of_two_apps_are_two_deployments(world: World) -> None:
    """Promise 5: what one app submits, no other app can see, change or start."""
    one, other = world.app("one"), world.app("other")
    world.submit(one, record(one))
    with pytest.raises(Unknown):
        world.gate(other)
    with pytest.raises(Unknown):
        world.read(ask.deployment, record(other).key)
    gate = world.gate(one)
    with pytest.raises(Unknown):
        world.read(ask.gate, gate.id, other)
    world.submit(other, record(other))
    world.submit(other, record(other, 2, State.IN_PROGRESS))
    assert world.gate(one) == gate
    assert world.gate(other).stage is Stage.STARTED


@pytest.mark.parametrize(
    ("state", "status"),
    [
        (State.SUCCESSFUL, Status.RESOLVED),
        (State.FAILED, Status.FAILED),
        (State.ROLLED_BACK, Status.FAILED),
        (State.CANCELLED, Status.FAILED),
    ],
)
def test_how_it_ends_is_told_to_the_change(world: World, state: State, status: Status) -> None:
    """The end of a deployment that had begun moves its change, and says so on it."""
    app = world.app()
    world.submit(app, record(app))
    key = world.gate(app).change_key or ""
    world.do(ANN, review.approve, key)
    world.submit(app, record(app, 2, State.IN_PROGRESS))
    assert world.change(key).status is Status.IMPLEMENTING
    world.submit(app, record(app, 3, state))
    gate = world.gate(app)
    assert (gate.stage, gate.verdict.status, world.change(key).status) == (Stage.FINISHED, ALLOWED, status)
    assert world.remarks(key)[-2:] == [
        "The deployment started.",
        f"The deployment ended: {state.value}. Moved from Implementing to {status.value}.",
    ]
    assert world.actions(gate.id) == ["gate.opened", "gate.decided", "gate.started", "gate.finished"]


def test_a_start_consumes_the_gate(world: World) -> None:
    """Once a deployment has started, deliveries that are still open are withdrawn and nothing is announced any more."""
    app = world.app()
    world.submit(app, record(app))
    key = world.gate(app).change_key or ""
    world.do(ANN, review.approve, key)
    assert told(world.jobs()) == [("awaiting", "open"), ("allowed", "open")]
    world.submit(app, record(app, 2, State.IN_PROGRESS))
    gate = world.gate(app)
    world.submit(app, record(app, 3, State.IN_PROGRESS))
    world.wait(100 * HOUR)
    assert world.wake() == 0
    assert told(world.jobs()) == [("awaiting", "withdrawn"), ("allowed", "withdrawn")]
    assert (world.gate(app), gate.stage, gate.verdict.status) == (gate, Stage.STARTED, ALLOWED)


def test_what_has_started_is_not_decided_again(world: World) -> None:
    """A gate that is consumed keeps its verdict past the end of its window, whoever wakes it."""
    app = world.app()
    world.submit(app, record(app))
    key = world.gate(app).change_key or ""
    world.do(MANAGER, review.plan, key, None, NOW + HOUR)
    world.do(ANN, review.approve, key)
    world.submit(app, record(app, 2, State.IN_PROGRESS))
    gate = world.gate(app)
    world.wait(2 * HOUR)
    assert world.do(BY_ITSELF, settle.wake, gate) == gate
    assert (world.gate(app), gate.verdict.status) == (gate, ALLOWED)


def test_a_start_without_permission_is_recorded(world: World) -> None:
    """A deployment that starts although it was not allowed to is on record, in the log and on the change."""
    app = world.app()
    world.submit(app, record(app))
    key = world.gate(app).change_key
    world.submit(app, record(app, 2, State.IN_PROGRESS))
    gate = world.gate(app)
    assert (gate.stage, gate.verdict.status) == (Stage.STARTED, AWAITING)
    assert "gate.started_unallowed" in world.actions(gate.id)
    assert "gate.started" not in world.actions(gate.id)
    assert world.remarks(key)[-1] == "The deployment started WITHOUT being allowed to."


def test_a_start_of_something_else_is_not_allowed(world: World) -> None:
    """What starts with other commits than were approved counts as started without permission."""
    app = world.app()
    world.submit(app, record(app))
    world.do(ANN, review.approve, world.gate(app).change_key or "")
    world.submit(app, replace(record(app, 2, State.IN_PROGRESS), associations=Associations()))
    gate = world.gate(app)
    assert (gate.verdict.status, codes(gate)) == (AWAITING, ["approvals_incomplete"])
    assert world.actions(gate.id)[-1] == "gate.started_unallowed"


def test_cancelled_before_the_start(world: World) -> None:
    """A deployment given up while it waits cancels its change."""
    app = world.app()
    world.submit(app, record(app))
    key = world.gate(app).change_key
    world.submit(app, record(app, 2, State.CANCELLED))
    gate = world.gate(app)
    assert (gate.stage, gate.verdict.status, world.change(key).status) == (Stage.FINISHED, AWAITING, Status.CANCELED)
    assert told(world.jobs()) == [("awaiting", "withdrawn")]
    assert world.actions(gate.id) == ["gate.opened", "gate.finished"]


def test_an_unknown_state_changes_nothing(world: World) -> None:
    """A tool that does not know how its deployment stands leaves the gate as it is."""
    app = world.app()
    world.submit(app, record(app))
    gate = world.gate(app)
    world.submit(app, record(app, 2, State.UNKNOWN))
    assert world.gate(app) == gate


@pytest.mark.parametrize("last", [State.IN_PROGRESS, State.SUCCESSFUL, State.CANCELLED])
@pytest.mark.parametrize("asks", [True, False])
def test_who_starts_over_waits_again(world: World, last: State, asks: bool) -> None:
    """Pending again, a deployment gets a new gate with a new change; what was allowed then is not allowed now."""
    app = world.app()
    world.submit(app, record(app))
    old = world.gate(app)
    world.do(ANN, review.approve, old.change_key or "")
    world.submit(app, record(app, 2, last))
    world.submit(app, replace(record(app, 3), asks_for_gating=asks))
    gate = world.gate(app)
    assert gate.id != old.id
    assert gate.change_key != old.change_key
    assert (gate.verdict.status, gate.stage) == (AWAITING, Stage.HELD)
    assert told(world.jobs())[-1] == ("awaiting", "open")


def test_several_at_once(world: World) -> None:
    """One submission carries several deployments, even several updates of one."""
    app = world.app()
    world.submit(app, record(app), record(app, number=2), record(app, 2, State.IN_PROGRESS, number=2))
    assert [gate.stage for gate in world.gates()] == [Stage.HELD, Stage.STARTED]
    assert len({gate.change_key for gate in world.gates()}) == 2
