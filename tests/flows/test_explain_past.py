"""Explanations of deployments that are over, gone, or were never gated."""

from datetime import timedelta

from msgspec.structs import replace

from mitregate.core.control import Control, Demand, Matrix, Rule
from mitregate.core.deployments import State
from mitregate.core.matching import NUMBER
from mitregate.core.rulebook import FreezeRule, Rulebook
from mitregate.core.times import Times
from mitregate.flows import review, rules, withdraw
from mitregate.flows.review import Draft
from tests.core.making import at
from tests.flows.explaining import explained, found, said
from tests.flows.waiting import Waiting
from tests.flows.world import ADMIN, MANAGER, World, person, record

BEN = person("ben")
FREEZE = FreezeRule(name="year end", when=Times(start=at(-1), end=at(2)), reason="Accounts")


# --- what is over ---


def test_what_is_over_tells_why_it_was_allowed(waiting: Waiting) -> None:
    """Of what has ended the story tells why it was allowed, who approved it, that it was told, and how it ended."""
    world = waiting.world
    world.wait(timedelta(minutes=1))
    waiting.approve()
    for claimed in world.claim():
        world.deliver(claimed)
    for claimed in world.claim():
        world.deliver(claimed)
    world.wait(timedelta(minutes=1))
    world.submit(waiting.app, record(waiting.app, 2, State.IN_PROGRESS))
    assert found(world, record(waiting.app)).headline.endswith(
        "has started, allowed: The change request CHG-1 is approved and its window is open."
    )
    world.wait(timedelta(minutes=1))
    world.submit(waiting.app, record(waiting.app, 3, State.SUCCESSFUL))
    world.do(ADMIN, review.comment_on, waiting.key, "Later")
    told = found(world, record(waiting.app))
    assert "is over (successful); it started allowed: " in told.headline
    assert [what for _, what in said(told)] == [
        (
            "Its gate was opened, awaiting: waiting for approval; CHG-1 stood in 'Peer review / change manager "
            "approval', with 0 of 1 approvals."
        ),
        "CHG-1 was approved (Approve).",
        "It became allowed: approved; CHG-1 stood in 'Implementing', with 1 of 1 approvals.",
        "Its app was told that it is awaiting.",
        "Its app was told that it is allowed.",
        "It started, as it was allowed to.",
        "It ended: successful.",
    ]
    assert told.when == ("Nothing is decided any more.",)
    assert told.bounds is None
    assert told.change is not None
    assert (told.change.status, told.change.tally, told.change.needs) == ("Resolved", None, ())
    assert [one.counts for one in told.change.given] == [True]


def test_what_is_done_to_a_change_later_is_no_part_of_the_story(waiting: Waiting) -> None:
    """What happens to a change after a deployment has ended is not told of that deployment."""
    world = waiting.world
    world.do(MANAGER, review.prepare, Draft(title="Move"))
    world.submit(waiting.app, replace(record(waiting.app, number=2), properties={NUMBER: "CHG-2"}))
    world.submit(waiting.app, record(waiting.app, 2, State.CANCELLED, number=2))
    world.wait(timedelta(minutes=1))
    world.do(MANAGER, review.plan, "CHG-2", at(1), at(2))
    told = found(world, record(waiting.app, number=2))
    assert "ended before it started (cancelled)" in told.headline
    assert not any("planned" in what for _, what in said(told))


def test_a_deployment_that_is_gone_is_explained(waiting: Waiting) -> None:
    """Of a deployment that was deleted the gate tells what is known yet."""
    world = waiting.world
    waiting.approve()
    world.do(waiting.app, withdraw.delete, record(waiting.app).key)
    told = found(world, record(waiting.app))
    assert "was withdrawn; before that it was allowed" in told.headline
    assert told.named.state is None
    assert told.change is not None
    assert [(one.actor, one.counts) for one in told.change.given] == [("ann", False)]
    assert said(told)[-1][1] == "It was withdrawn, as its deployment was deleted."
    world.do(ADMIN, withdraw.remove_app, waiting.app.app_id or "")
    assert found(world, record(waiting.app)).headline == told.headline


def test_an_earlier_gate_tells_its_own_story(waiting: Waiting) -> None:
    """A gate whose place another one took for the same deployment is explained as it was."""
    world = waiting.world
    waiting.approve()
    world.submit(waiting.app, record(waiting.app, 2, State.IN_PROGRESS))
    world.submit(waiting.app, record(waiting.app, 3))
    first, second = world.gates()
    told = explained(world, first)
    assert "is over (cancelled); it started allowed" in told.headline
    assert told.named.state is None
    now = found(world, record(waiting.app))
    assert now.gate is not None
    assert (now.gate.id, now.named.state) == (second.id, State.PENDING)


# --- what is not gated ---


def test_what_needs_no_change_is_explained(world: World) -> None:
    """Of a gate that lets pass it is told which side spares it; nothing bears on it."""
    matrix = Matrix(environments=(Rule(control=Demand.NEVER),))
    world.do(ADMIN, rules.replace_all, Rulebook(control=matrix, freezes=(FREEZE,)))
    app = world.app()
    world.submit(app, record(app))
    told = found(world, record(app))
    assert told.ruling.control is Control.NOT_REQUIRED
    assert "by the environment's rule '*: never'" in told.ruling.why
    assert (told.relation, told.change, told.bounds, told.when) == (None, None, None, ("It may start now.",))


def test_what_is_not_gated_is_explained_by_the_rules_of_then(world: World) -> None:
    """A deployment without a gate is explained by the rules that were in force when its last update came."""
    app = world.app()
    unasked = replace(record(app), asks_for_gating=False)
    world.submit(app, unasked)
    world.wait(timedelta(hours=1))
    always = Matrix(projects=(Rule(control=Demand.ALWAYS),), environments=(Rule(control=Demand.ALWAYS),))
    world.do(ADMIN, rules.replace_all, Rulebook(control=always))
    told = found(world, unasked)
    assert told.headline.endswith("is not gated.")
    assert (told.ruling.control, told.ruling.grounds.revision, told.ruling.in_force) == (None, 0, 1)
    assert told.ruling.why.startswith("It does not ask to be gated, and only where both")
    assert (told.gate, told.story) == (None, ())
    world.submit(app, record(app, 2, State.IN_PROGRESS))
    told = found(world, unasked)
    assert told.ruling.grounds.revision == 1
    assert "Its last update says 'in_progress'" in told.ruling.why
