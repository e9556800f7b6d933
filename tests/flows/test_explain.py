"""Explanations of deployments that are there: gated or not, waiting, over, or gone."""

from datetime import timedelta

import pytest
from msgspec.structs import replace

from mitregate.core.calendar import Window
from mitregate.core.changes import ChangeType
from mitregate.core.conflicts import Conflicts
from mitregate.core.control import Control
from mitregate.core.deployments import Associations, State
from mitregate.core.errors import Forbidden, Malformed, Unknown
from mitregate.core.gates import GatingStatus, ReasonCode
from mitregate.core.matching import NUMBER, TYPE, How
from mitregate.core.risk import Risk
from mitregate.core.rulebook import FreezeRule, Hours, Rulebook
from mitregate.core.services import Service
from mitregate.core.times import Times
from mitregate.core.waiting import Waiting as WaitingRule
from mitregate.core.workflow import Workflow
from mitregate.flows import ask, review, rules, withdraw
from mitregate.flows.review import Draft
from tests.core.making import at
from tests.flows.explaining import explained, found, said
from tests.flows.waiting import Waiting
from tests.flows.world import ADMIN, MANAGER, NOBODY, World, codes, person, record

BEN = person("ben")
FREEZE = FreezeRule(name="year end", when=Times(start=at(-1), end=at(2)), reason="Accounts")


# --- what waits ---


def test_what_waits_is_explained(waiting: Waiting) -> None:
    """Of a deployment that waits it is told by which rules, for which change and how found, why, and until when."""
    told = found(waiting.world, record(waiting.app))
    assert told.headline == (
        f"{told.named.said} waits: The change request CHG-1 waits for approval; its status is 'Peer review / change "
        "manager approval'."
    )
    assert (told.ruling.control, told.ruling.grounds.revision, told.ruling.in_force) == (Control.REQUIRED, 0, 0)
    assert told.relation is not None
    assert (told.relation.key, told.relation.how, told.relation.passed) == ("CHG-1", How.CREATED, "")
    assert told.change is not None
    assert (told.change.key, told.change.type, told.change.requested_by) == ("CHG-1", ChangeType.NORMAL, "jenkins")
    assert "no known service, counted as tier 2" in told.change.risk_why
    assert told.change.tally is not None
    assert (told.change.tally.met, told.change.tally.needed) == (0, 1)
    assert [need.why for need in told.change.needs] == ["a normal change needs the approval of one person"]
    assert told.when == ("As soon as what it waits for is done.",)
    assert told.gate is not None
    assert [reason.remedy for reason in told.gate.verdict.reasons] == ["An approver must approve CHG-1."]
    assert told.named.state is State.PENDING
    assert [actor for actor, _ in said(told)] == ["jenkins"]


def test_who_approved_and_what_is_stale_is_told(waiting: Waiting) -> None:
    """Approvals are told with who gave them and when, and which of them hold no more."""
    waiting.approve()
    told = found(waiting.world, record(waiting.app))
    assert told.change is not None
    assert [(one.actor, one.counts, one.at) for one in told.change.given] == [("ann", True, waiting.world.now)]
    assert told.when == ("It may start now.",)
    waiting.plan(at(1), at(2))
    told = found(waiting.world, record(waiting.app))
    assert told.change is not None
    assert told.change.tally is not None
    assert [one.counts for one in told.change.given] == [False]
    assert (told.change.tally.met, told.change.tally.stale) == (0, 1)
    assert told.change.window == Window(start=at(1), end=at(2))
    assert told.when[0].startswith("At 2024-05-06 13:00:00 UTC at the earliest, if")


def test_why_so_many_approvals_are_needed_is_told(world: World) -> None:
    """Where the CAB is asked, and an earlier change conflicts, each says how many more it asks for."""
    book = Rulebook(
        workflow=Workflow(cab_from=Risk.LOW),
        conflicts=Conflicts(more_approvals=2),
        services=(Service(id="checkout", tier=1),),
    )
    world.do(ADMIN, rules.replace_all, book)
    span = Window(start=at(1), end=at(3))
    world.do(MANAGER, review.prepare, Draft(title="Move", services=("checkout",), window=span))
    app = world.app()
    deployment = replace(record(app), associations=Associations(services=("checkout", "ghost")))
    world.submit(app, deployment)
    key = world.gate(app).change_key or ""
    world.do(MANAGER, review.plan, key, at(2), at(4))
    told = found(world, deployment)
    assert told.change is not None
    assert told.change.tally is not None
    assert (told.change.tally.needed, [need.count for need in told.change.needs]) == (4, [1, 1, 2])
    assert "from low on the CAB is asked" in told.change.needs[1].why
    assert [(one.key, one.is_earlier) for one in told.change.conflicts] == [("CHG-1", True)]
    assert told.unknown_services == ("ghost",)
    told = found(world, deployment, app)
    assert told.change is not None
    assert (told.change.conflicts, told.change.requested_by) == ((), "")


def test_freezes_and_hours_and_the_end_of_the_wait_are_told(waiting: Waiting) -> None:
    """Freezes and hours that bear on it are told, now and next, and when it ends if nobody decides."""
    world = waiting.world
    book = Rulebook(
        freezes=(FREEZE, FreezeRule(name="next", when=Times(start=at(5), end=at(6)))),
        hours=(Hours(name="night", when=Times(start=at(3), length="1h", rule="FREQ=DAILY")),),
        waiting=(WaitingRule(name="all", expires_after="1d"),),
    )
    world.do(ADMIN, rules.replace_all, book)
    world.wake()
    told = found(world, record(waiting.app))
    assert told.bounds is not None
    assert [(freeze.name, span.end) for freeze, span in told.bounds.frozen] == [("year end", at(2))]
    assert told.bounds.coming is not None
    assert told.bounds.coming[0].name == "next"
    assert (told.bounds.hours, told.bounds.is_within_hours, told.bounds.turns_at) == (("night",), False, at(3))
    assert told.when == (
        "At 2024-05-06 15:00:00 UTC at the earliest, if what it waits for is done by then.",
        "If nobody decides, it is prevented at 2024-05-07 12:00:00 UTC.",
    )
    assert (told.ruling.grounds.revision, told.ruling.in_force) == (0, 1)
    assert ("root", "The rules came to revision 1, which says otherwise about it.") in said(told)
    assert ("", "The rules came to revision 1, which says otherwise about it.") in said(
        found(world, record(waiting.app), waiting.app)
    )


def test_only_rules_that_bear_on_it_are_told(waiting: Waiting) -> None:
    """Of the revisions since it was opened those are told that say otherwise about it, and none from after its end."""
    world = waiting.world
    for book in (
        Rulebook(titles={"*": "{project} {version} {environment}"}),
        Rulebook(freezes=(FREEZE,)),
        Rulebook(freezes=(FREEZE,), titles={"*": "{project} {version} {environment}"}),
        Rulebook(),
    ):
        world.wait(timedelta(minutes=1))
        world.do(ADMIN, rules.replace_all, book)
    world.wait(timedelta(minutes=1))
    world.submit(waiting.app, record(waiting.app, 2, State.CANCELLED))
    world.wait(timedelta(minutes=1))
    world.do(ADMIN, rules.replace_all, Rulebook(freezes=(FREEZE,)))
    told = [what for _, what in said(found(world, record(waiting.app))) if what.startswith("The rules")]
    assert told == [f"The rules came to revision {number}, which says otherwise about it." for number in (2, 4)]


@pytest.mark.parametrize(
    ("properties", "how", "is_there"),
    [({NUMBER: "CHG-1"}, How.SUPPLIED, True), ({NUMBER: "CHG-77"}, How.MISSING, False)],
)
def test_a_change_that_is_named_is_told(world: World, properties: dict[str, str], how: How, is_there: bool) -> None:
    """A change that the deployment names is told as such, also if there is none."""
    world.do(MANAGER, review.prepare, Draft(title="Move"))
    app = world.app()
    world.submit(app, replace(record(app), properties=properties))
    told = found(world, record(app))
    assert told.relation is not None
    assert (told.relation.key, told.relation.how) == (properties[NUMBER], how)
    assert (told.change is not None) == is_there


def test_why_it_is_no_standard_change_is_told(world: World) -> None:
    """What was asked for and not given is told with why."""
    app = world.app()
    world.submit(app, replace(record(app), properties={TYPE: "standard"}))
    told = found(world, record(app))
    assert told.relation is not None
    assert told.relation.passed == (
        "A standard change was asked for, but none of the catalogue is for this deployment."
    )


# --- finding it ---


def test_the_same_ids_of_two_apps_must_be_told_apart(world: World) -> None:
    """A person must name the app where several have such a deployment, by id or name; an app means its own."""
    one, two = world.app("one"), world.app("two")
    for app in (one, two):
        world.submit(app, record(app))
    with pytest.raises(Malformed, match=r"Several apps have a deployment 1 of .*: one, two\.") as raised:
        found(world, record(one))
    assert raised.value.advice() == "Name the app, by its id or its name; or give the id of the gate."
    for name in ("two", two.app_id or ""):
        assert found(world, record(one), app=name).named.key.app_id == two.app_id
    assert found(world, record(one), one).named.key.app_id == one.app_id
    with pytest.raises(Unknown, match="There is no deployment 1 of"):
        found(world, record(one), one, "two")


def test_what_is_not_there_is_not_explained(waiting: Waiting) -> None:
    """Of a deployment that nobody submitted it is told that it is not there; one of another app is not there either."""
    world = waiting.world
    with pytest.raises(Unknown) as raised:
        found(world, record(waiting.app, number=9))
    assert raised.value.advice().startswith("Was it submitted under these ids?")
    other = world.app("other")
    with pytest.raises(Unknown):
        found(world, record(waiting.app), other)
    with pytest.raises(Unknown):
        world.read(ask.gate, world.gate(waiting.app).id, other)
    with pytest.raises(Forbidden):
        found(world, record(waiting.app), NOBODY)
    with pytest.raises(Forbidden):
        found(world, record(waiting.app), replace(waiting.app, scopes=frozenset()))


def test_one_that_came_again_without_a_gate_is_not_gated(waiting: Waiting) -> None:
    """A deployment that was deleted and came again without asking is not explained by its former gate."""
    world = waiting.world
    world.do(waiting.app, withdraw.delete, record(waiting.app).key)
    world.submit(waiting.app, replace(record(waiting.app), asks_for_gating=False))
    assert found(world, record(waiting.app)).gate is None


def test_an_app_is_not_told_who_decided(waiting: Waiting) -> None:
    """An app is told of its own deployment, but not who decided on its change, or with which words."""
    world = waiting.world
    world.do(BEN, review.approve, waiting.key, "For Ben's eyes")
    told = found(world, record(waiting.app), waiting.app)
    assert told.change is not None
    assert told.change.tally is not None
    assert (told.change.tally.met, told.change.given) == (1, ())
    assert ("", "CHG-1 was approved (Approve).") in said(told)
    assert "Ben" not in repr(told)
    assert "ben" not in repr(told.story)


def test_a_wait_that_ended_is_explained(waiting: Waiting) -> None:
    """What was ended by itself says so, for good."""
    world = waiting.world
    world.do(ADMIN, rules.replace_all, Rulebook(waiting=(WaitingRule(name="all", expires_after="1h"),)))
    world.wait(timedelta(hours=2))
    world.wake()
    told = found(world, record(waiting.app))
    assert told.gate is not None
    assert (told.gate.verdict.status, codes(told.gate)) == (GatingStatus.PREVENTED, [ReasonCode.EXPIRED])
    assert told.when == ("Never: this does not change any more.",)
    assert told.bounds is None


def test_an_override_is_told(waiting: Waiting) -> None:
    """Leave to pass a freeze is told with who gave it and why, and the freeze bears on it no more."""
    world = waiting.world
    waiting.approve()
    world.do(ADMIN, rules.replace_all, Rulebook(freezes=(FREEZE,)))
    world.wake()
    gate = world.do(MANAGER, rules.override, world.gate(waiting.app).id, "The site is down.")
    told = explained(world, gate)
    assert told.gate is not None
    assert told.gate.override is not None
    assert told.bounds is not None
    assert told.bounds.frozen == ()
    assert ("mia", "It was let pass in spite of year end: The site is down.") in said(told)


def test_the_rights_of_an_app_that_is_removed_end(world: World) -> None:
    """Apps are found by name only as long as they are there."""
    app = world.app("gone")
    world.submit(app, record(app))
    world.do(ADMIN, withdraw.remove_app, app.app_id or "")
    with pytest.raises(Unknown):
        found(world, record(app), app="gone")
    assert found(world, record(app), app=app.app_id or "").named.key.app_id == app.app_id
