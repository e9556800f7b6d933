"""Simulations: what is said of a deployment that is not there yet is what comes of it, and nothing is written."""

from datetime import timedelta

import pytest
from msgspec.structs import replace

from mitregate.core.calendar import Window
from mitregate.core.conflicts import Conflicts
from mitregate.core.control import Control, Demand, Matrix, Rule
from mitregate.core.deployments import (
    Commit,
)
from mitregate.core.errors import Forbidden, Malformed, Unknown
from mitregate.core.matching import How
from mitregate.core.rulebook import Rulebook
from mitregate.core.services import Service
from mitregate.core.waiting import Waiting
from mitregate.flows import review, rules
from mitregate.flows.review import Draft
from mitregate.flows.simulate import NEAR, NOBODYS
from tests.core.making import at
from tests.flows.simulating import FREEZE, SKETCH, TITLE, real, simulated
from tests.flows.world import ADMIN, ANN, MANAGER, NOBODY, World


def test_a_change_that_would_be_opened_is_told(world: World) -> None:
    """Of a deployment that would get a new change it is told what that would be, and that there is none yet."""
    world.app()
    told = simulated(world, SKETCH)
    assert told.headline.startswith("shop 2 → prod would wait: The change request CHG-new waits for approval")
    assert told.relation is not None
    assert (told.relation.key, told.relation.how, told.relation.passed) == ("CHG-new", How.CREATED, "")
    assert told.change is not None
    assert (told.change.title, told.change.requested_by, told.change.is_imagined) == (TITLE, "", True)
    assert told.named.state is None
    assert (told.story, told.supersedes) == ((), ())


def test_what_is_not_gated_is_told(world: World) -> None:
    """Of a deployment that would get no gate, or be let pass, it is told by which rules."""
    world.app()
    told = simulated(world, replace(SKETCH, asks_for_gating=False, services=("ghost",)))
    assert told.headline == "shop 2 → prod would not be gated."
    assert (told.gate, told.change, told.unknown_services) == (None, None, ())
    spared = Matrix(runbooks=(Rule(control=Demand.NEVER),))
    world.do(ADMIN, rules.replace_all, Rulebook(control=spared, services=(Service(id="x", tier=1),)))
    told = simulated(world, replace(SKETCH, is_runbook=True, services=("ghost",)))
    assert told.headline.startswith("shop 2 → prod would be allowed at once")
    assert "by the runbook's rule '*: never'" in told.ruling.why
    assert (told.ruling.control, told.bounds, told.unknown_services) == (Control.NOT_REQUIRED, None, ("ghost",))


def test_another_instant_may_be_looked_at(world: World) -> None:
    """At another instant other freezes hold, and the wait ends at another time."""
    world.app()
    book = Rulebook(freezes=(FREEZE,), waiting=(Waiting(name="all", expires_after="1d"),))
    world.do(ADMIN, rules.replace_all, book)
    now, then = simulated(world, SKETCH), simulated(world, SKETCH, later=timedelta(hours=3))
    for told, names, ends in ((now, ["year end"], at(24)), (then, [], at(27))):
        assert told.gate is not None
        assert told.bounds is not None
        assert [freeze.name for freeze, _ in told.bounds.frozen] == names
        assert told.gate.verdict.ends_at == ends


@pytest.mark.parametrize("sign", [-1, 1])
def test_the_instant_lies_within_ten_years(world: World, sign: int) -> None:
    """What is ten years away or ago can be looked at, and nothing beyond: what comes again is computed until then."""
    world.app()
    assert simulated(world, SKETCH, later=sign * NEAR).gate is not None
    with pytest.raises(Malformed, match="more than ten years away") as refused:
        simulated(world, SKETCH, later=sign * (NEAR + timedelta(microseconds=1)))
    assert refused.value.advice() == "Give a nearer one."


def test_a_window_may_be_supposed(world: World) -> None:
    """With a window that its change would be planned for, openings and conflicts are told as they would be then."""
    book = Rulebook(
        conflicts=Conflicts(more_approvals=1), services=(Service(id="checkout", tier=1),), freezes=(FREEZE,)
    )
    world.do(ADMIN, rules.replace_all, book)
    world.app()
    span = Window(start=at(1), end=at(3))
    world.do(MANAGER, review.prepare, Draft(title="Move", services=("checkout",), window=span))
    sketch = replace(SKETCH, services=("checkout",))
    told = simulated(world, sketch)
    assert told.change is not None
    assert (told.change.conflicts, told.change.window) == ((), Window())
    told = simulated(world, replace(sketch, window=Window(start=at(2), end=at(4))))
    assert told.change is not None
    assert told.change.tally is not None
    assert [(one.key, one.is_earlier) for one in told.change.conflicts] == [("CHG-1", True)]
    assert (told.change.tally.needed, told.change.window) == (2, Window(start=at(2), end=at(4)))
    assert told.when[0].startswith("At 2024-05-06 14:00:00 UTC at the earliest")
    moved = simulated(world, replace(sketch, change="CHG-1", window=Window(start=at(5), end=at(6))))
    assert moved.change is not None
    assert (moved.change.key, moved.change.window) == ("CHG-1", Window(start=at(5), end=at(6)))


def test_whose_place_it_would_take_is_told(world: World) -> None:
    """Where a newer deployment takes the place of those that wait, these are told; what is allowed keeps its place."""
    app = world.app()
    world.do(ADMIN, rules.replace_all, Rulebook(waiting=(Waiting(name="all", supersede=True),)))
    world.submit(app, real(app, replace(SKETCH, version="1"), 1))
    assert simulated(world, SKETCH).supersedes == ("shop 1, number 1 of pipe",)
    assert simulated(world, replace(SKETCH, environment_id="elsewhere")).supersedes == ()
    world.do(ANN, review.approve, "CHG-1")
    assert simulated(world, SKETCH).supersedes == ()


def test_an_earlier_deployment_lends_its_change(world: World) -> None:
    """A deployment of the same version to the same environment would share the change, approved or not."""
    app = world.app()
    world.submit(app, real(app, SKETCH, 1))
    world.do(ANN, review.approve, "CHG-1")
    told = simulated(world, SKETCH)
    assert told.relation is not None
    assert (told.relation.key, told.relation.how) == ("CHG-1", How.REDEPLOYED)
    assert told.headline.startswith("shop 2 → prod would be allowed at once")
    # Not the commits that were approved.
    other = simulated(world, replace(SKETCH, commits=(Commit(repository_id="r", hash="f00"),)))
    assert other.change is not None
    assert other.change.tally is not None
    assert other.change.tally.stale == 1


def test_an_app_does_not_learn_what_another_one_deploys(world: World) -> None:
    """Who names the number of another app's change is told that there is none; its own app is told of it."""
    theirs, own = world.app("theirs"), world.app("own")
    world.submit(theirs, real(theirs, replace(SKETCH, project="secret", services=("vault",))))
    assert simulated(world, replace(SKETCH, app="own", change="CHG-1"), own).change is None
    told = simulated(world, replace(SKETCH, app="theirs", change="CHG-1"), theirs).change
    assert told is not None
    assert "secret" in told.title
    assert "vault" in told.services


def test_whose_deployment_it_would_be(world: World) -> None:
    """The only app there is is meant if none is named; of several, none, which is told."""
    app = world.app()
    anybodys = replace(SKETCH, app="")
    assert simulated(world, anybodys).named.key.app_id == app.app_id
    world.app("other")
    told = simulated(world, anybodys)
    assert told.relation is not None
    assert (told.named.key.app_id, told.relation.passed) == ("", NOBODYS)
    assert simulated(world, replace(SKETCH, app=app.app_id or "")).named.key.app_id == app.app_id
    with pytest.raises(Unknown, match="There is no app 'nobody'"):
        simulated(world, replace(SKETCH, app="nobody"))


def test_who_may_simulate(world: World) -> None:
    """Whoever may view, and an app for itself, which is not told what others have changed."""
    app, other = world.app(), world.app("other")
    assert simulated(world, replace(SKETCH, app=""), app).named.key.app_id == app.app_id
    with pytest.raises(Unknown):
        simulated(world, SKETCH, other)
    with pytest.raises(Forbidden):
        simulated(world, SKETCH, NOBODY)
    with pytest.raises(Forbidden):
        simulated(world, SKETCH, replace(app, scopes=frozenset()))
    world.do(MANAGER, review.prepare, Draft(title=TITLE))
    world.do(ANN, review.approve, "CHG-1")
    told = simulated(world, SKETCH, app)
    assert told.change is not None
    assert (told.change.key, told.change.given, told.change.requested_by) == ("CHG-1", (), "")


def test_the_environment_may_have_another_id(world: World) -> None:
    """A name that is not the id is told as the name, and found by the id."""
    app = world.app()
    sketch = replace(SKETCH, environment="Production", environment_id="prod-1")
    deployment = real(app, sketch)
    assert (deployment.environment.id, deployment.environment.display_name) == ("prod-1", "Production")
    world.submit(app, deployment)
    told = simulated(world, sketch)
    assert told.relation is not None
    assert (told.named.said, told.relation.how) == ("shop 2 → Production", How.REDEPLOYED)
