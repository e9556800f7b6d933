"""Types of changes and who must approve them: the catalogue, emergencies, the board; and services that nobody knows."""

from datetime import date, timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from mitregate.core.catalogue import Template
from mitregate.core.changes import ChangeType, Status, Transition
from mitregate.core.control import Matrix, UnknownServices
from mitregate.core.deployments import Associations, State
from mitregate.core.errors import Forbidden
from mitregate.core.gates import Gate, GatingStatus
from mitregate.core.people import Principal
from mitregate.core.reach import Reach
from mitregate.core.risk import Risk
from mitregate.core.rulebook import FreezeRule, Hours, Rulebook
from mitregate.core.services import Service
from mitregate.core.times import Times
from mitregate.core.workflow import Workflow
from mitregate.flows import review, rules
from tests.core.making import HOUR, NOW, at
from tests.flows.shared import Shared
from tests.flows.world import ANN, MANAGER, codes, person, record

AWAITING, ALLOWED, INVALID = GatingStatus.AWAITING, GatingStatus.ALLOWED, GatingStatus.INVALID
BOB = person("bob")
SERVICES = (
    Service(id="db", tier=1, aliases=("database",)),
    Service(id="shop", tier=3, depends_on=("db",)),
    Service(id="blog", tier=4),
)


def ask(shared: Shared, number: int = 1, app: Principal | None = None, *services: str, **others: Any) -> Gate:
    """Submit a deployment that concerns *services*, of a version of its own; give its gate."""
    app = app or shared.app
    made = replace(record(app, number=number), associations=Associations(services=services))
    shared.world.submit(app, replace(made, **others))
    return shared.world.gate(app, number)


def wanting(kind: str) -> dict[str, Any]:
    """Want a type of change."""
    return {"properties": {"changeType": kind}}


# --- what is asked for ---

USUAL = Template(name="usual", reach=Reach(projects=("Shop",)))


@pytest.mark.parametrize(
    ("asked", "is_listed", "kind", "remark"),
    [
        ("", False, ChangeType.NORMAL, None),
        ("", True, ChangeType.STANDARD, None),
        (" Normal ", True, ChangeType.NORMAL, None),
        ("EMERGENCY", True, ChangeType.EMERGENCY, None),
        ("standard", True, ChangeType.STANDARD, None),
        ("standard", False, ChangeType.NORMAL, "A standard change was asked for, but none of the catalogue"),
        ("urgent\n", False, ChangeType.NORMAL, "There is no type of change 'urgent'; this is a normal one."),
        ("urgent", True, ChangeType.STANDARD, None),
    ],
)
def test_a_type_is_asked_for(shared: Shared, asked: str, is_listed: bool, kind: ChangeType, remark: str | None) -> None:
    """A deployment says which type it wants; what it cannot have is a normal change, which says why."""
    shared.rule(Rulebook(standard=(USUAL,) if is_listed else ()))
    gate = ask(shared, **wanting(asked))
    assert shared.world.change(gate.change_key).type is kind
    assert gate.verdict.status is (ALLOWED if kind is ChangeType.STANDARD else AWAITING)
    remarks = shared.world.remarks(gate.change_key)
    assert any(one.startswith(remark) for one in remarks) if remark else "type of change" not in "".join(remarks)


# --- standard changes ---


@pytest.mark.parametrize(
    ("limits", "why"),
    [
        ({"highest_risk": Risk.LOW}, "the risk is medium, and at most low is approved beforehand"),
        ({"until": date(2024, 5, 5)}, "it was approved until 2024-05-05"),
        ({"reach": Reach(projects=("Blog",))}, None),
    ],
)
def test_a_limit_makes_a_change_normal(shared: Shared, limits: dict[str, Any], why: str | None) -> None:
    """Beyond a limit of the catalogue nothing is approved beforehand, and the change says which it was."""
    shared.rule(Rulebook(standard=(replace(USUAL, **limits),)))
    gate = ask(shared)
    assert (shared.world.change(gate.change_key).type, gate.verdict.status) == (ChangeType.NORMAL, AWAITING)
    remarks = shared.world.remarks(gate.change_key)
    assert remarks == ([f"Not a standard change by 'usual': {why}."] if why else [])


@pytest.mark.parametrize("day", [date(2024, 5, 6), date(2024, 5, 7)])
def test_a_limit_includes_its_last_day(shared: Shared, day: date) -> None:
    """What is approved until a day is so on that day."""
    shared.rule(Rulebook(standard=(replace(USUAL, until=day),)))
    assert ask(shared).verdict.status is ALLOWED


def test_so_many_a_day(shared: Shared) -> None:
    """So many a day are approved beforehand, by the calendar of the template's zone, whatever became of them."""
    shared.rule(Rulebook(standard=(replace(USUAL, each_day=2, zone="Asia/Tokyo"),)))
    assert [ask(shared, number).verdict.status for number in (1, 2, 3)] == [ALLOWED, ALLOWED, AWAITING]
    shared.world.submit(shared.app, record(shared.app, 5, State.SUCCESSFUL))
    assert ask(shared, 4).verdict.status is AWAITING
    shared.world.now = NOW + 3 * HOUR - timedelta(microseconds=1)
    assert ask(shared, 5).verdict.status is AWAITING
    shared.world.now = NOW + 3 * HOUR  # midnight in Tokyo
    assert ask(shared, 6).verdict.status is ALLOWED


def test_a_standard_change_is_for_what_it_was_opened_for(shared: Shared) -> None:
    """Who names the number of a standard change is not approved beforehand by it; nor who shares it and changes."""
    shared.rule(Rulebook(standard=(replace(USUAL, each_day=1),)))
    first = ask(shared)
    named = ask(shared, 2, properties={"changeRequest": first.change_key or ""})
    again = ask(shared, 3, label="1.0")
    assert [gate.verdict.status for gate in (first, named, again)] == [ALLOWED, AWAITING, ALLOWED]
    ask(shared, 3, update_sequence_number=2, label="6.6")
    shared.world.wake()
    assert [shared.world.gate(shared.app, number).verdict.status for number in (1, 3)] == [ALLOWED, AWAITING]


@pytest.mark.parametrize("standard", [(), (replace(USUAL, reach=Reach(projects=("Blog",))),)])
def test_the_catalogue_changes_its_mind(shared: Shared, standard: tuple[Template, ...]) -> None:
    """What the catalogue does not approve any more shuts, and opens when somebody approves it."""
    shared.rule(Rulebook(standard=(USUAL,)))
    ask(shared)
    shared.rule(Rulebook(standard=standard))
    shared.world.wake()
    assert shared.statuses() == [AWAITING]
    shared.approve()
    assert shared.statuses() == [ALLOWED]


def test_a_joined_risk_ends_what_was_approved_beforehand(shared: Shared) -> None:
    """A deployment of something critical that joins a standard change takes from it what lower risks had."""
    shared.rule(Rulebook(standard=(USUAL,), services=SERVICES))
    ask(shared, 1, None, "shop", label="1.0")
    ask(shared, 2, None, "db", label="1.0")
    shared.world.wake()
    assert shared.statuses() == [AWAITING, AWAITING]
    assert shared.world.change("CHG-1").risk is Risk.HIGH


# --- emergencies ---


def test_an_emergency_needs_who_may_override(shared: Shared) -> None:
    """An emergency is approved by whoever may override, once, past hours and freezes that spare it; else refused."""
    spans = Times(start=at(-1), end=at(1))
    hours = (Hours(name="night", when=Times(start=at(9), end=at(10))),)
    shared.rule(Rulebook(hours=hours, freezes=(FreezeRule(name="calm", when=spans),)))
    ask(shared, **wanting("emergency"))
    with pytest.raises(Forbidden, match="override"):
        shared.approve(ANN)
    shared.approve(MANAGER)
    assert (shared.statuses(), shared.status()) == ([ALLOWED], Status.IMPLEMENTING)
    strict = FreezeRule(name="strict", when=spans, spares_emergencies=False)
    shared.world.do(MANAGER, rules.add_freeze, strict)
    shared.world.wake()
    assert codes(shared.world.gate(shared.app)) == ["frozen"]


# --- the board ---


def test_the_board_is_asked_for_what_is_risky(shared: Shared) -> None:
    """From a risk on two people approve, the second for the board; one alone never does, however often."""
    shared.rule(Rulebook(workflow=Workflow(cab_from=Risk.HIGH), services=SERVICES))
    ask(shared, 1, None, "database")
    shared.approve(ANN)
    assert (shared.statuses(), shared.status()) == ([AWAITING], Status.AWAITING_CAB)
    with pytest.raises(Forbidden, match="one person counts once"):
        shared.approve(ANN)
    assert shared.statuses() == [AWAITING]
    shared.approve(BOB)
    assert (shared.statuses(), shared.status()) == ([ALLOWED], Status.IMPLEMENTING)


def test_the_board_can_decline(shared: Shared) -> None:
    """What the board declines is prevented, whoever approved before."""
    shared.rule(Rulebook(workflow=Workflow(cab_from=Risk.LOW)))
    ask(shared)
    shared.approve(ANN)
    shared.world.do(BOB, review.decline, "CHG-1")
    assert (codes(shared.world.gate(shared.app)), shared.status()) == (["change_declined"], Status.DECLINED)


@pytest.mark.parametrize("step", [Transition.EMERGENCY_OVERRIDE, Transition.APPROVE])
def test_nobody_walks_past_the_board(shared: Shared, step: Transition) -> None:
    """By hand a change can be moved anywhere its workflow leads, and nothing opens before a second person approved."""
    shared.rule(Rulebook(workflow=Workflow(cab_from=Risk.LOW, plans_by_itself=False)))
    ask(shared)
    for one in (step, Transition.READY_FOR_IMPLEMENTATION, Transition.START):
        if one is not Transition.READY_FOR_IMPLEMENTATION or step is Transition.APPROVE:
            shared.world.do(MANAGER, review.transition, "CHG-1", one)
    assert (shared.status(), codes(shared.world.gate(shared.app))) == (Status.IMPLEMENTING, ["approvals_incomplete"])
    shared.approve(ANN)
    assert shared.statuses() == [ALLOWED]


# --- services that nobody knows ---


def test_an_unknown_service_waits_for_the_rules(shared: Shared) -> None:
    """Where they are refused, unknown services make a gate invalid, approved or not, until the rules know them."""
    strict = Rulebook(control=Matrix(unknown_services=UnknownServices.REFUSE), services=SERVICES)
    shared.rule(strict)
    gate = ask(shared, 1, None, "shop", "ghost", " ")
    assert (gate.verdict.status, codes(gate)) == (INVALID, ["unknown_service"])
    assert gate.verdict.reasons[0].message == "The deployment names services that are not known here: 'ghost'."
    shared.approve()
    assert shared.statuses() == [INVALID]
    shared.rule(replace(strict, services=(*SERVICES, Service(id="ghost", tier=4))))
    shared.world.wake()
    assert shared.statuses() == [ALLOWED]
    shared.rule(strict)
    shared.world.wake()
    assert shared.statuses() == [INVALID]
