import pytest
from msgspec.structs import replace

from mitregate.core.control import Control, Demand, Matrix, Rule
from mitregate.core.deployments import EnvironmentType
from mitregate.core.errors import Forbidden, Malformed, Stale
from mitregate.core.gates import GatingStatus
from mitregate.core.reach import Reach
from mitregate.core.rulebook import FreezeRule, Hours, Rulebook
from mitregate.core.services import Service
from mitregate.core.times import Times
from mitregate.flows import rules
from mitregate.flows.foresee import PAGE, Sketch, foresee, rule_on
from tests.core.making import NOW, at
from tests.flows.waiting import Waiting
from tests.flows.world import ADMIN, ANN, NOBODY, World, record

FREEZE = FreezeRule(name="year end", when=Times(start=at(-1), end=at(2)))
NIGHT = Hours(name="night", when=Times(start=at(5), length="1h", rule="FREQ=DAILY"))


def test_a_plan_says_what_would_be_held_and_freed(waiting: Waiting) -> None:
    """A plan counts the gates that would be held or freed, and does nothing."""
    waiting.world.submit(waiting.app, record(waiting.app, number=2))
    waiting.approve()
    plan = waiting.world.do(ADMIN, foresee, Rulebook(freezes=(FREEZE,)))
    assert (plan.revision, plan.waiting, plan.held, plan.freed) == (0, 2, 2, 0)
    assert [one.name for one in plan.changed] == ["year end"]
    assert waiting.verdict == (GatingStatus.ALLOWED, ["approved"])
    assert waiting.world.read(rules.revision, None, ANN).revision == 0
    waiting.world.do(ADMIN, rules.replace_all, Rulebook(freezes=(FREEZE,)))
    elsewhere = Rulebook(freezes=(replace(FREEZE, reach=Reach(projects=("x",))),))
    plan = waiting.world.do(ADMIN, foresee, elsewhere)
    assert (plan.waiting, plan.held, plan.freed) == (2, 0, 2)


def test_a_plan_is_refused_as_the_deed_would_be(world: World) -> None:
    """A plan of impossible rules, or from another revision, is refused in the same words."""
    with pytest.raises(Malformed, match="'x' says nothing of when"):
        world.do(ADMIN, foresee, Rulebook(freezes=(FreezeRule(name="x"),)))
    with pytest.raises(Stale, match="not at revision 3, but at 0"):
        world.do(ADMIN, foresee, Rulebook(), 3)


def test_many_gates_are_foreseen_page_by_page(waiting: Waiting, world: World) -> None:
    """A plan looks at all gates that wait, however many pages they fill."""
    for start in range(2, PAGE + 3, 100):
        numbers = range(start, min(start + 100, PAGE + 3))
        world.submit(waiting.app, *(record(waiting.app, number=number) for number in numbers))
    plan = world.do(ADMIN, foresee, Rulebook(freezes=(FREEZE,)))
    assert (plan.waiting, plan.held) == (PAGE + 2, PAGE + 2)


def test_a_sketch_is_ruled_on(world: World) -> None:
    """Of a deployment that is not there yet it is said whether it is gated and by which rules, and what holds it."""
    never = Rule(name="sandbox/*", control=Demand.NEVER)
    production = Rule(type=EnvironmentType.PRODUCTION, control=Demand.ALWAYS)
    book = Rulebook(
        control=Matrix(projects=(never,), environments=(production,)),
        freezes=(FREEZE,),
        hours=(NIGHT,),
        services=(Service(id="checkout", tier=1),),
    )
    world.do(ADMIN, rules.replace_all, book)
    sketch = Sketch(
        project="shop", environment="eu", type=EnvironmentType.PRODUCTION, services=("checkout", "ghost"), version="2"
    )
    ruling = world.read(rule_on, sketch, NOW, ANN)
    assert (ruling.control, ruling.rules) == (Control.REQUIRED, (None, production))
    assert ([freeze.name for freeze, _ in ruling.frozen], ruling.is_within_hours) == (["year end"], False)
    assert (ruling.opens_at, ruling.services.tier, ruling.services.unknown) == (at(5), 1, ("ghost",))
    assert ruling.title == 'Mitregate: Deploy "shop" version 2 to "eu"'
    spared = world.read(rule_on, replace(sketch, project="sandbox/x"), NOW, ANN)
    assert (spared.control, spared.rules[0]) == (Control.NOT_REQUIRED, never)
    run = world.read(rule_on, replace(sketch, project="sandbox/x", is_runbook=True), NOW, ANN)
    assert run.control is Control.REQUIRED
    with pytest.raises(Forbidden):
        world.read(rule_on, sketch, NOW, NOBODY)


@pytest.mark.parametrize("asks", [True, False])
@pytest.mark.parametrize("demand", Demand)
def test_a_sketch_fares_as_the_deployment_does(world: World, demand: Demand, asks: bool) -> None:
    """What is said of a sketch is what becomes of the deployment that it stands for."""
    matrix = Matrix(projects=(Rule(name="shop", control=demand),), environments=(Rule(control=Demand.ALWAYS),))
    world.do(ADMIN, rules.replace_all, Rulebook(control=matrix))
    ruling = world.read(rule_on, Sketch(project="Shop", environment="prod", asks_for_gating=asks), NOW, ANN)
    app = world.app()
    world.submit(app, replace(record(app), asks_for_gating=asks))
    assert [gate.control for gate in world.gates()] == ([ruling.control] if ruling.control else [])
