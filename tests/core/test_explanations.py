"""What bears on a deployment, by its calendar, and which rules say otherwise about it."""

import pytest
from msgspec.structs import replace

from mitregate.core.calendar import Calendar, Freeze, Period
from mitregate.core.catalogue import Template
from mitregate.core.conflicts import Conflicts
from mitregate.core.control import Demand, Matrix, Rule, UnknownServices
from mitregate.core.deployments import DeploymentKey, EnvironmentType
from mitregate.core.explanations import Named, bears_on, bounds_of
from mitregate.core.reach import Reach, Subject
from mitregate.core.rulebook import FreezeRule, Hours, Rulebook
from mitregate.core.services import Group, Service
from mitregate.core.times import Times
from mitregate.core.waiting import Waiting
from mitregate.core.workflow import Workflow
from tests.core.making import NOW, at, window

SUBJECT = Subject(
    project="shop", environments=("prod",), type=EnvironmentType.PRODUCTION, services=frozenset({"checkout"})
)
FREEZE = FreezeRule(name="x", when=Times(start=at(-1), end=at(1)))
ELSEWHERE = Reach(projects=("bank",))


def test_without_freezes_and_hours_nothing_bears_on_it() -> None:
    """An empty calendar says nothing but that now is as good as any other time."""
    found = bounds_of(Calendar(), NOW)
    assert (found.frozen, found.coming, found.hours, found.is_within_hours, found.turns_at) == (
        (),
        None,
        (),
        True,
        None,
    )


def test_freezes_of_now_and_the_next_one_are_told() -> None:
    """All freezes that hold are told, and of those to come the first."""
    now, soon, later = (
        Freeze(name="now", window=window(-1, 1)),
        Freeze(name="soon", window=window(2, 3)),
        Freeze(name="later", window=window(4, None)),
    )
    found = bounds_of(Calendar(freezes=(later, now, soon)), NOW)
    assert found.frozen == ((now, window(-1, 1)),)
    assert found.coming == (soon, window(2, 3))


def test_the_end_and_the_beginning_of_hours_are_told() -> None:
    """Inside of the hours their last instant is told, the last one where several hold; outside when they begin."""
    one, two = Period(name="a", window=window(-1, 1)), Period(name="b", window=window(-1, 2))
    inside = bounds_of(Calendar(hours=(one, two, one)), NOW)
    assert (inside.hours, inside.is_within_hours, inside.turns_at) == (("a", "b"), True, at(2))
    endless = bounds_of(Calendar(hours=(one, Period(name="c", window=window(-1, None)))), NOW)
    assert (endless.is_within_hours, endless.turns_at) == (True, None)
    outside = bounds_of(Calendar(hours=(one, two)), at(-2))
    assert (outside.is_within_hours, outside.turns_at) == (False, at(-1))


@pytest.mark.parametrize(
    "after",
    [
        Rulebook(freezes=(FREEZE,)),
        Rulebook(hours=(Hours(name="x", when=Times(start=at(-1), end=at(1))),)),
        Rulebook(waiting=(Waiting(name="x", expires_after="7d"),)),
        Rulebook(standard=(Template(name="x", reach=Reach(projects=("shop",))),)),
        Rulebook(workflow=Workflow(starts_by_itself=False)),
        Rulebook(conflicts=Conflicts(more_approvals=1)),
        Rulebook(control=Matrix(unknown_services=UnknownServices.REFUSE)),
        Rulebook(services=(Service(id="checkout", tier=1),)),
    ],
)
def test_rules_that_say_otherwise_bear_on_it(after: Rulebook) -> None:
    """What reaches a deployment that waits bears on it, whether it comes or goes."""
    assert bears_on(SUBJECT, Rulebook(), after)
    assert bears_on(SUBJECT, after, Rulebook())
    assert not bears_on(SUBJECT, after, after)


@pytest.mark.parametrize(
    "after",
    [
        Rulebook(freezes=(replace(FREEZE, reach=ELSEWHERE),)),
        Rulebook(waiting=(Waiting(name="x", reach=ELSEWHERE, expires_after="7d"),)),
        Rulebook(standard=(Template(name="x", reach=ELSEWHERE),)),
        Rulebook(groups=(Group(name="x"),)),
        Rulebook(titles={"*": "{project} {version} {environment}"}),
        Rulebook(control=Matrix(projects=(Rule(control=Demand.NEVER),))),
        Rulebook(services=(Service(id="ledger", tier=1),)),
    ],
)
def test_other_rules_do_not(after: Rulebook) -> None:
    """What reaches others only, or counts when a gate is opened alone, does not bear on one that waits."""
    assert not bears_on(SUBJECT, Rulebook(), after)


def test_a_deployment_is_named_in_one_line() -> None:
    """What is deployed where is said in one line, without what is not known."""
    key = DeploymentKey(app_id="", pipeline_id="", environment_id="eu", sequence_number=0)
    named = Named(key=key, project="shop", version="", environment="eu", environment_type=EnvironmentType.UNMAPPED)
    assert named.said == "shop → eu"
    assert replace(named, version="1.0\n").said == "shop 1.0 → eu"
