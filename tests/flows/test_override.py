"""Freezes overridden for one deployment, and who may do what with rules."""

from collections.abc import Callable

import pytest

from mitregate.core.control import Demand, Matrix, Rule
from mitregate.core.deployments import State
from mitregate.core.errors import Forbidden, IllegalTransition, Malformed, Unknown
from mitregate.core.gates import GatingStatus
from mitregate.core.people import Principal, Role
from mitregate.core.rulebook import FreezeRule, Rulebook
from mitregate.core.times import Times
from mitregate.flows import rules
from mitregate.flows.foresee import foresee
from tests.core.making import NOW, at
from tests.flows.waiting import Waiting
from tests.flows.world import ADMIN, ANN, MANAGER, NOBODY, World, codes, person, record

HELD = (GatingStatus.AWAITING, ["frozen"])
OPEN = (GatingStatus.ALLOWED, ["approved"])

FREEZE = FreezeRule(name="year end", when=Times(start=at(-1), end=at(48)))
DAILY = FreezeRule(name="noon", when=Times(start=at(-1), length="2h", rule="FREQ=DAILY"))


def override(waiting: Waiting, reason: str = "The site is down.") -> None:
    """Let a change manager override the freezes that hold."""
    waiting.world.do(MANAGER, rules.override, waiting.world.gate(waiting.app).id, reason)


def test_a_freeze_can_be_overridden_for_one_deployment(waiting: Waiting) -> None:
    """An override opens the gate at once, for its deployment alone, and says who, which and why wherever one looks."""
    waiting.approve()
    waiting.world.submit(waiting.app, record(waiting.app, number=2))
    waiting.world.do(MANAGER, rules.add_freeze, FREEZE)
    override(waiting, " The site is down. ")
    waiting.world.wake()
    gate = waiting.world.gate(waiting.app)
    assert waiting.verdict == OPEN
    assert "frozen" in codes(waiting.world.gate(waiting.app, 2))
    assert gate.override is not None
    assert (gate.override.actor, gate.override.freezes, gate.override.at) == ("mia", ("year end",), NOW)
    assert gate.override.reason == "The site is down."
    assert "gate.overridden" in waiting.world.actions(gate.id)
    assert "mia overrode year end: The site is down." in waiting.world.remarks(waiting.key)


def test_an_override_does_not_approve(waiting: Waiting) -> None:
    """An override takes the freeze away and nothing else: what is not approved waits on."""
    waiting.world.do(MANAGER, rules.add_freeze, FREEZE)
    override(waiting)
    assert waiting.verdict == (GatingStatus.AWAITING, ["waiting_for_approval"])
    waiting.approve()
    assert waiting.verdict == OPEN


def test_a_later_freeze_holds_again(waiting: Waiting) -> None:
    """What was not there when the override was given is not overridden; a second override takes both away."""
    waiting.approve()
    waiting.world.do(MANAGER, rules.add_freeze, DAILY)
    override(waiting)
    assert waiting.verdict == OPEN
    waiting.world.do(MANAGER, rules.add_freeze, FREEZE)
    waiting.world.wake()
    assert waiting.verdict == HELD
    override(waiting)
    assert waiting.verdict == OPEN


def test_a_freeze_that_comes_again_holds_again(waiting: Waiting) -> None:
    """An override is for the span that holds: when the same freeze comes again, it holds."""
    waiting.approve()
    waiting.world.do(MANAGER, rules.add_freeze, DAILY)
    override(waiting)
    waiting.world.now = at(23)
    waiting.world.wake()
    assert waiting.verdict == HELD
    assert "'noon'" in waiting.world.gate(waiting.app).verdict.reasons[0].message


@pytest.mark.parametrize("reason", ["", "  ", "x" * 1001])
def test_an_override_needs_a_reason(waiting: Waiting, reason: str) -> None:
    """Without a reason of a bearable length nothing is overridden."""
    waiting.approve()
    waiting.world.do(MANAGER, rules.add_freeze, FREEZE)
    with pytest.raises(Malformed, match="needs a reason"):
        override(waiting, reason)
    assert waiting.world.gate(waiting.app).override is None


def test_there_must_be_something_to_override(waiting: Waiting) -> None:
    """What no freeze holds, what has started, and what is not there cannot be overridden."""
    with pytest.raises(IllegalTransition, match="No freeze holds"):
        override(waiting)
    gate = waiting.world.gate(waiting.app)
    waiting.world.do(MANAGER, rules.add_freeze, FREEZE)
    waiting.world.submit(waiting.app, record(waiting.app, 2, State.IN_PROGRESS))
    with pytest.raises(IllegalTransition, match="does not wait any more"):
        waiting.world.do(MANAGER, rules.override, gate.id, "Why not")
    with pytest.raises(Unknown, match="no gate 'ghost'"):
        waiting.world.do(MANAGER, rules.override, "ghost", "Why not")


def test_what_is_not_controlled_needs_no_override(world: World) -> None:
    """A gate that lets pass is not held by a freeze, so there is nothing to override."""
    matrix = Matrix(projects=(Rule(control=Demand.NEVER),))
    world.do(ADMIN, rules.replace_all, Rulebook(control=matrix, freezes=(FREEZE,)))
    app = world.app()
    world.submit(app, record(app))
    assert codes(world.gate(app)) == ["not_change_controlled"]
    with pytest.raises(IllegalTransition, match="No freeze holds"):
        world.do(MANAGER, rules.override, world.gate(app).id, "Why not")


ATTEMPTS: dict[str, Callable[[World, Principal, str], object]] = {
    "replace": lambda world, who, _: world.do(who, rules.replace_all, Rulebook()),
    "plan": lambda world, who, _: world.do(who, foresee, Rulebook()),
    "freeze": lambda world, who, _: world.do(who, rules.add_freeze, FREEZE),
    "end": lambda world, who, _: world.do(who, rules.remove_freeze, "x"),
    "override": lambda world, who, gate_id: world.do(who, rules.override, gate_id, "Why not"),
}


@pytest.mark.parametrize("attempt", ATTEMPTS)
@pytest.mark.parametrize("who", [ANN, NOBODY, person("otto", Role.OPERATOR)], ids=lambda who: who.name)
def test_rules_need_permission(waiting: Waiting, who: Principal, attempt: str) -> None:
    """Approvers, operators and strangers change no rules, plan none, and override no freeze."""
    gate_id = waiting.world.gate(waiting.app).id
    with pytest.raises(Forbidden):
        ATTEMPTS[attempt](waiting.world, who, gate_id)


def test_a_change_manager_does_not_rewrite_the_rules(world: World) -> None:
    """Change managers freeze and override; the rulebook as a whole is an administrator's."""
    with pytest.raises(Forbidden, match="administer"):
        world.do(MANAGER, rules.replace_all, Rulebook())


@pytest.mark.parametrize("read", ["revision", "history", "freezes"])
def test_strangers_read_no_rules(world: World, read: str) -> None:
    """Who may not view sees no rules, not even what they were."""
    reads: dict[str, Callable[[], object]] = {
        "revision": lambda: world.read(rules.revision, None, NOBODY),
        "history": lambda: world.read(rules.history, 1, None, NOBODY),
        "freezes": lambda: world.read(rules.freezes, NOW, NOBODY),
    }
    with pytest.raises(Forbidden):
        reads[read]()
