import pytest
from msgspec.structs import replace

from mitregate.core.changes import Status
from mitregate.core.deployments import State
from mitregate.core.errors import Forbidden, Unknown, Unproven
from mitregate.core.gates import GatingStatus, Stage
from mitregate.core.people import Principal
from mitregate.flows import admit, ask, withdraw
from mitregate.flows.prove import prove
from tests.core.making import HOUR
from tests.flows.waiting import Waiting
from tests.flows.world import ADMIN, MANAGER, World, record, told


def delete(waiting: Waiting) -> None:
    """Delete the deployment that waits."""
    waiting.world.do(waiting.app, withdraw.delete, record(waiting.app).key)


def assert_gone(world: World, app: Principal, number: int = 1) -> None:
    """Check that an app sees neither the deployment nor its gate."""
    with pytest.raises(Unknown):
        world.read(ask.deployment, record(app, number=number).key)
    with pytest.raises(Unknown):
        world.gate(app, number)


@pytest.mark.parametrize("is_approved", [True, False])
def test_deleting_withdraws_the_gate(waiting: Waiting, is_approved: bool) -> None:
    """A deleted deployment is gone for its app; its gate is withdrawn, its change comes to an end, nobody is told."""
    if is_approved:
        waiting.approve()
    delete(waiting)
    (gate,) = waiting.world.gates()
    assert_gone(waiting.world, waiting.app)
    assert gate.stage is Stage.WITHDRAWN
    assert waiting.change.status is (Status.FAILED if is_approved else Status.CANCELED)
    assert {state for _, state in told(waiting.world.jobs())} == {"withdrawn"}
    assert waiting.world.actions(gate.id)[-1] == "gate.withdrawn"
    assert "The deployment was deleted by its app." in waiting.world.remarks(waiting.key)[-1]


def test_deleting_twice_is_deleting_once(waiting: Waiting) -> None:
    """Deleting what is not there does nothing."""
    delete(waiting)
    before = waiting.world.gates(), waiting.change, waiting.world.remarks(waiting.key)
    delete(waiting)
    assert (waiting.world.gates(), waiting.change, waiting.world.remarks(waiting.key)) == before


def test_a_withdrawn_gate_never_wakes(waiting: Waiting) -> None:
    """What was planned before the deletion does not happen after it."""
    waiting.plan(waiting.world.now + HOUR, None)
    waiting.approve()
    delete(waiting)
    waiting.world.wait(2 * HOUR)
    assert waiting.world.wake() == 0
    assert waiting.world.gates()[0].verdict.status is GatingStatus.AWAITING


@pytest.mark.parametrize("asks", [True, False])
def test_what_comes_after_the_deletion_begins_anew(waiting: Waiting, asks: bool) -> None:
    """Submitted again after its deletion, a deployment is as if it had never been: gated anew, or not at all."""
    waiting.approve()
    delete(waiting)
    waiting.world.submit(waiting.app, replace(record(waiting.app), asks_for_gating=asks))
    if asks:
        assert waiting.world.gate(waiting.app).verdict.status is GatingStatus.AWAITING
        assert waiting.world.gate(waiting.app).change_key != waiting.key
    else:
        with pytest.raises(Unknown, match="not gated"):
            waiting.world.gate(waiting.app)


@pytest.mark.parametrize("state", [State.SUCCESSFUL, State.CANCELLED])
def test_an_old_verdict_does_not_outlive_its_deployment(waiting: Waiting, state: State) -> None:
    """What a finished deployment was allowed is not told of a later one with the same identity; its change stays."""
    waiting.approve()
    waiting.world.submit(waiting.app, record(waiting.app, 2, state))
    ended = waiting.change
    delete(waiting)
    assert_gone(waiting.world, waiting.app)
    assert waiting.change == ended
    waiting.world.submit(waiting.app, replace(record(waiting.app), asks_for_gating=False))
    with pytest.raises(Unknown, match="not gated"):
        waiting.world.gate(waiting.app)


def test_progress_after_the_deletion_reaches_no_gate(waiting: Waiting) -> None:
    """A deployment that starts after its deletion does not bring the withdrawn gate back."""
    waiting.approve()
    delete(waiting)
    waiting.world.submit(waiting.app, record(waiting.app, 2, State.IN_PROGRESS))
    waiting.world.submit(waiting.app, record(waiting.app, 3, State.SUCCESSFUL))
    assert [gate.stage for gate in waiting.world.gates()] == [Stage.WITHDRAWN]


def test_deleting_by_properties(world: World) -> None:
    """An app deletes those of its own deployments that carry all properties asked for, and no other app's."""
    one, other = world.app("one"), world.app("other")
    for app in (one, other):
        world.submit(app, record(app))
        world.submit(app, replace(record(app, number=2), properties={"team": "blue", "run": "7"}))
        world.submit(app, replace(record(app, number=3), properties={"team": "red"}))
    assert world.do(one, withdraw.delete_by_properties, {"team": "blue", "run": "8"}) == 0
    assert world.do(one, withdraw.delete_by_properties, {"team": "blue"}) == 2
    assert_gone(world, one, 1)
    assert_gone(world, one, 2)
    assert world.gate(one, 3).stage is Stage.HELD
    assert [world.gate(other, number).stage for number in (1, 2, 3)] == [Stage.HELD] * 3


def test_an_app_is_removed_with_all_it_submitted(world: World) -> None:
    """With an app go its deployments, deliveries and tokens; its gates stay on record, and other apps untouched."""
    made = world.do(ADMIN, admit.add_app, "one", frozenset({*world.app("other").scopes}), "https://one.example.com/")
    one = Principal(name="one", app_id=made.app.id, scopes=made.app.scopes)
    _, token = world.do(one, admit.grant_access, made.app.client_id, made.client_secret)
    world.submit(one, record(one), record(one, number=2))
    world.do(ADMIN, withdraw.remove_app, made.app.id)
    assert_gone(world, one)
    assert {gate.stage for gate in world.gates()} == {Stage.WITHDRAWN}
    assert [job for job in world.jobs() if job.state == "open"] == []
    assert world.actions(made.app.id) == ["app.added", "app.removed"]
    assert [app.name for app in world.read(lambda uow: uow.apps.all())] == ["other"]
    with pytest.raises(Unproven):
        world.read(prove, token.secret, world.now)
    with pytest.raises(Unknown):
        world.do(ADMIN, withdraw.remove_app, made.app.id)


def test_only_administrators_remove_apps(waiting: Waiting) -> None:
    """Whoever does not administer removes no app, least of all the app itself."""
    for who in (MANAGER, waiting.app):
        with pytest.raises(Forbidden):
            waiting.world.do(who, withdraw.remove_app, waiting.app.app_id or "")
    assert waiting.world.gate(waiting.app).stage is Stage.HELD
