"""Which change a deployment waits for: every rule of domain.md §3, which of them wins, and that it is for ever."""

from collections.abc import Callable
from typing import Any

import pytest
from msgspec.structs import replace

from mitregate.core.changes import Status, Transition
from mitregate.core.deployments import Associations, Deployment, State
from mitregate.core.gates import Gate, GatingStatus, Stage
from mitregate.core.matching import NUMBERS, How
from mitregate.core.people import Principal
from mitregate.core.rulebook import Rulebook
from mitregate.flows import review, rules, withdraw
from mitregate.flows.review import Draft
from tests.flows.world import ADMIN, ANN, MANAGER, World, codes, record

AWAITING, ALLOWED = GatingStatus.AWAITING, GatingStatus.ALLOWED
PREVENTED, INVALID = GatingStatus.PREVENTED, GatingStatus.INVALID
TITLE = 'Jenkins: Deploy "Shop" version 1.0 to "Production"'


class Found:
    """A world with two apps, in which deployments come to their changes."""

    def __init__(self, world: World) -> None:
        """Begin with nothing submitted."""
        self.world = world
        self.app, self.other = world.app("one"), world.app("other")

    def ask(self, number: int, app: Principal | None = None, update: int = 1, **others: Any) -> Gate:
        """Submit deployment *number*, of version 1.0 if nothing else is said; give its gate."""
        app = app or self.app
        label = others.pop("label", "1.0")
        issues = others.pop("issues", None)
        made = record(app, update, number=number, label=label)
        if issues is not None:
            made = replace(made, associations=Associations(issues=issues))
        self.world.submit(app, replace(made, **others))
        return self.world.gate(app, number)

    def names(self, number: int, change: str, **others: Any) -> Gate:
        """Submit a deployment that names its change."""
        return self.ask(number, properties={"changeRequest": change}, **others)

    def prepare(self, title: str = TITLE) -> str:
        """Prepare a change by hand."""
        return self.world.do(MANAGER, review.prepare, Draft(title=title)).key

    def end(self, number: int, state: State = State.SUCCESSFUL, **others: Any) -> None:
        """Report how a deployment ended."""
        self.world.submit(self.app, replace(record(self.app, 9, state, number=number, label="1.0"), **others))


@pytest.fixture
def found(world: World) -> Found:
    """A world for one test."""
    return Found(world)


def elsewhere(app: Principal, number: int) -> Deployment:
    """Make a record that goes to another place of the same name: nothing but its title is the same."""
    made = record(app, number=number, label="1.0")
    return replace(made, key=replace(made.key, environment_id="prod-2"))


# --- 1. a number that is supplied ---


@pytest.mark.parametrize("name", NUMBERS)
@pytest.mark.parametrize("spelt", ["{}", " {} "])
def test_a_number_is_supplied(found: Found, name: str, spelt: str) -> None:
    """A property of any of the names relates the deployment to that change, of another version too, opening none."""
    key = found.ask(1).change_key or ""
    gate = found.ask(2, label="2.0", properties={name: spelt.format(key.lower())})
    assert (gate.change_key, gate.found, gate.verdict.status) == (key, How.SUPPLIED, AWAITING)
    assert len({gate.change_key for gate in found.world.gates()}) == 1


def test_a_number_goes_before_everything_else(found: Found) -> None:
    """A number wins over an associated change, the same deployed before, and the same title."""
    named, other = found.ask(1, label="2.0").change_key or "", found.ask(2).change_key or ""
    gate = found.names(3, named, issues=(other,))
    assert (gate.change_key, gate.found) == (named, How.SUPPLIED)


@pytest.mark.parametrize("step", [Transition.CANCEL, Transition.DECLINE])
def test_a_number_of_what_is_over(found: Found, step: Transition) -> None:
    """A number whose change is over prevents the deployment, and no second change is opened."""
    key = found.ask(1).change_key or ""
    found.world.do(MANAGER, review.transition, key, step)
    gate = found.names(2, key)
    assert (gate.change_key, gate.found, gate.verdict.status) == (key, How.SUPPLIED, PREVENTED)
    assert {gate.change_key for gate in found.world.gates()} == {key}


@pytest.mark.parametrize("number", ["CHG-77", "CHG-0", "CHG-01", "SHOP-1", "77", "no such", "CHG-" + "9" * 30])
def test_a_number_of_nothing(found: Found, number: str) -> None:
    """A number that no change has, or that is not a change's, is invalid and says so; no change is opened."""
    gate = found.names(1, number)
    assert (gate.found, gate.verdict.status, codes(gate)) == (How.MISSING, INVALID, ["misconfigured"])
    (reason,) = gate.verdict.reasons
    named = number.upper()
    assert reason.message == f"The deployment names {named} as its change request, and there is no such change request."
    assert reason.remedy.startswith("Check the number, and submit a new deployment.")
    assert found.world.read(lambda uow: uow.changes.get(1)) is None


def test_a_number_before_its_time(found: Found) -> None:
    """Who names a number that a change gets later has nothing to do with that change: neither opens the other."""
    early = found.names(1, "CHG-1", app=found.other, label="9.9")
    later = found.ask(1)
    assert later.change_key == "CHG-1"
    found.world.do(ADMIN, rules.replace_all, Rulebook(titles={"GitLab": "{project} {version} {environment}"}))
    found.world.do(ANN, review.approve, "CHG-1")
    found.world.wake()
    assert [found.world.gate(app).verdict.status for app in (found.other, found.app)] == [INVALID, ALLOWED]
    found.ask(1, app=found.other, update=2, label="9.9", properties={"changeRequest": "CHG-1"})
    assert found.world.change("CHG-1").title == TITLE
    found.world.submit(found.other, record(found.other, 3, State.FAILED, label="9.9"))
    assert found.world.change("CHG-1").status is Status.IMPLEMENTING
    assert found.world.remarks("CHG-1") == ["Moved from Planning to Implementing."]
    assert early.change_key == "CHG-1"


def test_a_number_of_another_app(found: Found) -> None:
    """A change that was opened for another app is not there for this one, and nothing of it is touched."""
    key = found.ask(1, app=found.other).change_key or ""
    before = found.world.change(key)
    gate = found.names(1, key)
    assert (gate.found, gate.verdict.status, codes(gate)) == (How.MISSING, INVALID, ["misconfigured"])
    assert found.world.change(key) == before


def test_an_associated_key_of_another_app(found: Found) -> None:
    """An associated key of another app's change is passed over."""
    key = found.ask(1, app=found.other).change_key or ""
    gate = found.ask(1, issues=(key,))
    assert (gate.found, gate.change_key == key) == (How.CREATED, False)


# --- an associated issue key ---


def test_an_associated_key_of_an_open_change(found: Found) -> None:
    """An associated issue key that is an open change is the change, before a title is looked for; others are passed."""
    key = found.ask(1, label="2.0").change_key or ""
    found.ask(2)
    gate = found.ask(3, issues=("SHOP-1", "CHG-99", key.lower()))
    assert (gate.change_key, gate.found) == (key, How.ASSOCIATED)


def test_an_associated_key_of_what_is_over(found: Found) -> None:
    """An associated change that is over is passed over, and the title is looked for."""
    closed, open_ = found.ask(1, label="2.0").change_key or "", found.ask(2).change_key
    found.world.do(MANAGER, review.transition, closed, Transition.CANCEL)
    gate = found.ask(3, issues=(closed,))
    assert (gate.change_key, gate.found) == (open_, How.REDEPLOYED)


# --- 2. deployed again ---


def test_the_same_is_deployed_again(found: Found) -> None:
    """The same version to the same environment has the change of before, while that is open, before any title."""
    first = found.ask(1).change_key
    found.ask(1, update=2, label="2.0")
    gate = found.ask(2)
    assert (gate.change_key, gate.found) == (first, How.REDEPLOYED)


@pytest.mark.parametrize("state", [State.SUCCESSFUL, State.FAILED, State.CANCELLED])
def test_what_is_over_is_not_deployed_by_again(found: Found, state: State) -> None:
    """Once its change is over, the same version has a new one, with nothing approved."""
    first = found.ask(1).change_key or ""
    found.world.do(ANN, review.approve, first)
    found.end(1, state)
    gate = found.ask(2)
    assert (gate.found, gate.verdict.status) == (How.CREATED, AWAITING)
    assert gate.change_key != first


# --- 3. the title ---


def test_the_title_exactly(found: Found) -> None:
    """What goes to another place of the same name has the same title, quotes included, and with it the same change."""
    first = found.ask(1)
    found.world.submit(found.app, elsewhere(found.app, 2))
    gate = found.world.gates()[-1]
    assert (gate.change_key, gate.found) == (first.change_key, How.TITLED)
    assert found.world.change(first.change_key).title == TITLE


def otherwise(**others: Any) -> Callable[[Deployment], Deployment]:
    """Make a record differ."""
    return lambda made: replace(made, **others)


@pytest.mark.parametrize(
    "differ",
    [
        otherwise(label="1.0-rc"),
        otherwise(label='1.0"'),
        otherwise(product="GitLab"),
        lambda made: replace(made, pipeline=replace(made.pipeline, display_name="shop")),
        lambda made: replace(made, environment=replace(made.environment, display_name="Production!")),
    ],
    ids=["version", "quote", "product", "project", "environment"],
)
def test_another_title(found: Found, differ: Callable[[Deployment], Deployment]) -> None:
    """Whatever makes the title another one makes it another change: case and quotes count."""
    found.ask(1)
    made = differ(elsewhere(found.app, 2))
    found.world.submit(found.app, made)
    gate = found.world.gates()[-1]
    assert gate.found is How.CREATED


def test_a_title_of_ones_own(found: Found) -> None:
    """Titles by product are what is looked for; another app's change of the same title is another app's."""
    found.world.do(ADMIN, rules.replace_all, Rulebook(titles={"jenkins": "{environment}/{project}@{version}"}))
    first, theirs = found.ask(1), found.ask(1, app=found.other)
    found.world.submit(found.app, elsewhere(found.app, 2))
    assert found.world.change(first.change_key).title == "Production/Shop@1.0"
    assert found.world.gates()[-1].change_key == first.change_key
    assert theirs.found is How.CREATED


def test_a_prepared_change(found: Found) -> None:
    """A change that was prepared is found by its title by every app, the oldest of them, and by its number."""
    key, second = found.prepare(), found.prepare()
    assert [found.ask(1, app=app).change_key for app in (found.app, found.other)] == [key, key]
    assert found.ask(1, app=found.app).found is How.TITLED
    assert found.names(5, second, label="5.0").found is How.SUPPLIED


def test_a_prepared_change_that_was_approved(found: Found) -> None:
    """What was approved before there was a deployment opens for the one of its title, and not for who named it."""
    key = found.prepare()
    found.world.do(ANN, review.approve, key)
    named = found.names(2, key, label="2.0")
    assert (found.ask(1).verdict.status, named.verdict.status) == (ALLOWED, AWAITING)


def test_twins_stay_apart(found: Found) -> None:
    """Who comes to the title of another open change keeps its own, which is not found by it, not even later."""
    first, second = found.ask(1), found.ask(2, label="2.0")
    found.ask(2, update=2)
    assert found.world.change(second.change_key).is_twin
    found.world.submit(found.app, elsewhere(found.app, 3))
    assert found.world.gates()[-1].change_key == first.change_key
    found.world.do(MANAGER, review.transition, first.change_key or "", Transition.CANCEL)
    made = elsewhere(found.app, 4)
    found.world.submit(found.app, replace(made, key=replace(made.key, environment_id="prod-3")))
    assert found.world.gates()[-1].found is How.CREATED


# --- for ever ---


@pytest.mark.parametrize("named", ["CHG-2", "CHG-99", ""])
def test_once_related_only_that_change(found: Found, named: str) -> None:
    """A later update that names another change, or none, changes nothing: the gate keeps its own."""
    first = found.ask(1)
    found.ask(2, label="2.0")
    again = found.names(1, named, update=2, issues=("CHG-2",))
    assert (again.id, again.change_key, again.found) == (first.id, first.change_key, How.CREATED)
    found.world.do(ANN, review.approve, "CHG-2")
    assert found.world.gate(found.app).verdict.status is AWAITING


def test_who_has_ended_says_nothing_more(found: Found) -> None:
    """A deployment that was deleted, and comes again, is related anew."""
    first = found.ask(1)
    found.world.do(found.app, withdraw.delete, record(found.app).key)
    again = found.ask(1)
    assert (again.stage, again.found) == (Stage.HELD, How.CREATED)
    assert again.change_key != first.change_key
