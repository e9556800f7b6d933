import pytest
from msgspec.structs import replace

from mitregate.core.errors import Malformed, Stale
from mitregate.core.gates import GatingStatus
from mitregate.core.reach import Reach
from mitregate.core.rulebook import FreezeRule, Rulebook
from mitregate.core.times import Times
from mitregate.flows import rules
from mitregate.flows.foresee import PAGE, foresee
from tests.core.making import at
from tests.flows.waiting import Waiting
from tests.flows.world import ADMIN, ANN, World, record

FREEZE = FreezeRule(name="year end", when=Times(start=at(-1), end=at(2)))


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
