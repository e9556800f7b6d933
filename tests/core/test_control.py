import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from mitregate.core.control import Control, Demand, Matrix, Rule, control, is_like, rules_for
from mitregate.core.deployments import Deployment, Environment, EnvironmentType, State
from tests.core.making import deployment

NEVER, ASKED, ALWAYS = Demand
REQUIRED, NOT_REQUIRED = Control
PENDING = State.PENDING


def asking(*, asks: bool = True, state: State = PENDING) -> Deployment:
    """Make a deployment of the project shop to production."""
    made = deployment()
    pipeline = replace(made.pipeline, display_name="shop")
    environment = Environment(id="env-7", display_name="Production EU", type=EnvironmentType.PRODUCTION)
    return replace(made, pipeline=pipeline, environment=environment, state=state, asks_for_gating=asks)


def matrix(left: Demand | None, right: Demand | None) -> Matrix:
    """Make a matrix with at most one rule on each side."""
    return Matrix(
        projects=(Rule(name="shop", control=left),) if left else (),
        environments=(Rule(name="production eu", control=right),) if right else (),
    )


@pytest.mark.parametrize(
    ("project", "environment", "outcome"),
    [
        (ASKED, ASKED, REQUIRED),
        (ALWAYS, ASKED, REQUIRED),
        (ASKED, ALWAYS, REQUIRED),
        (ALWAYS, ALWAYS, REQUIRED),
        (NEVER, ASKED, NOT_REQUIRED),
        (NEVER, ALWAYS, NOT_REQUIRED),
        (ASKED, NEVER, NOT_REQUIRED),
        (ALWAYS, NEVER, NOT_REQUIRED),
        (NEVER, NEVER, NOT_REQUIRED),
        (None, None, REQUIRED),
        (None, NEVER, NOT_REQUIRED),
        (NEVER, None, NOT_REQUIRED),
    ],
)
def test_both_sides_must_be_controlled(project: Demand | None, environment: Demand | None, outcome: Control) -> None:
    """Of deployments that ask, those need a change whose project and environment are both change controlled."""
    assert control(asking(), matrix(project, environment)) is outcome


@given(st.sampled_from([*Demand, None]), st.sampled_from([*Demand, None]))
def test_who_does_not_ask_is_gated_only_where_both_sides_say_always(left: Demand | None, right: Demand | None) -> None:
    """A deployment that does not ask opens a gate only where both sides demand it, and else none at all."""
    expected = REQUIRED if left is right is ALWAYS else None
    assert control(asking(asks=False), matrix(left, right)) is expected


@given(st.sampled_from([state for state in State if state is not PENDING]), st.sampled_from([*Demand, None]))
def test_only_a_pending_deployment_opens_a_gate(state: State, demand: Demand | None) -> None:
    """What has begun or ended cannot be held any more, whatever is demanded."""
    assert control(asking(asks=False, state=state), matrix(demand, demand)) is None


def test_the_first_rule_that_fits_counts() -> None:
    """Of two rules that fit the same name the first one decides."""
    rules = (Rule(name="sh*", control=NEVER), Rule(name="shop", control=ALWAYS))
    assert rules_for(asking(), Matrix(projects=rules))[0] is rules[0]
    assert rules_for(asking(), Matrix(projects=rules[::-1]))[0] is rules[1]


@pytest.mark.parametrize(
    ("rule", "fits"),
    [
        (Rule(type=EnvironmentType.PRODUCTION, control=NEVER), True),
        (Rule(type=EnvironmentType.STAGING, control=NEVER), False),
        (Rule(name="production*", type=EnvironmentType.STAGING, control=NEVER), False),
        (Rule(name="env-7", control=NEVER), True),
        (Rule(name=" PRODUCTION eu ", control=NEVER), True),
        (Rule(name="production", control=NEVER), False),
    ],
)
def test_environments_are_known_by_name_id_and_type(rule: Rule, fits: bool) -> None:
    """A rule for environments fits by name or id and, where it names one, by type."""
    assert (rules_for(asking(), Matrix(environments=(rule,)))[1] is rule) is fits


def test_runbooks_have_rules_of_their_own() -> None:
    """The run of a runbook follows the rules for runbooks, and a deployment those for projects."""
    rules = Matrix(projects=(Rule(control=NEVER),), runbooks=(Rule(name="shop", control=ALWAYS),))
    run = replace(asking(), properties={"runbook": "True"})
    assert (run.is_runbook, asking().is_runbook) == (True, False)
    assert (control(run, rules), control(asking(), rules)) == (REQUIRED, NOT_REQUIRED)


@pytest.mark.parametrize(
    ("name", "pattern", "expected"),
    [
        ("shop", "shop", True),
        ("Shop ", " sHOP", True),
        ("shop", "*", True),
        ("team/shop", "team/*", True),
        ("team/shop", "shop", False),
        ("shop[1]", "shop[1]", True),
        ("shop1", "shop[12]", True),
        ("", "*", True),
        ("stra\u00dfe", "STRASSE", True),
    ],
)
def test_names_and_patterns(name: str, pattern: str, expected: bool) -> None:
    """A pattern fits the name that it spells, even if that looks like a pattern itself, or by its wildcards."""
    assert is_like(name, pattern) is expected
