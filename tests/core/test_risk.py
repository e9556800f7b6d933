from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mitregate.core.deployments import EnvironmentType, State
from mitregate.core.risk import COUNTED, FAILURES, TABLE, Risk, assess, higher
from mitregate.core.services import Found, Service

LOW, MEDIUM, HIGH, CRITICAL = Risk
PRODUCTION = EnvironmentType.PRODUCTION
WELL, FAILED, BACK, CANCELLED = State.SUCCESSFUL, State.FAILED, State.ROLLED_BACK, State.CANCELLED

ROWS = """
production  | high   | medium | low | low
unmapped    | high   | medium | low | low
staging     | medium | low    | low | low
testing     | low    | low    | low | low
development | low    | low    | low | low
"""
CELLS = [
    (EnvironmentType(cells[0]), tier, Risk(cells[tier]))
    for cells in ([cell.strip() for cell in line.split("|")] for line in ROWS.strip().splitlines())
    for tier in range(1, 5)
]


def of_tier(*tiers: int) -> Found:
    """Make services that were found, one of each tier."""
    return Found(known=tuple(Service(id=f"s{tier}", tier=tier) for tier in tiers))


@pytest.mark.parametrize(("environment", "tier", "risk"), CELLS)
def test_the_risk_is_that_of_the_table(environment: EnvironmentType, tier: int, risk: Risk) -> None:
    """Without a history the risk is what the table says for the environment and the tier, and it says which."""
    assessment = assess(of_tier(tier), environment, ())
    assert assessment.risk is risk
    assert assessment.why == f"{environment.value} environment, tier {tier}"


def test_the_table_is_whole() -> None:
    """Every type of environment has a row, and the rows above are all of them."""
    assert set(TABLE) == set(EnvironmentType) == {environment for environment, _, _ in CELLS}


def test_the_most_critical_service_counts() -> None:
    """Of several services the one of the lowest tier decides."""
    assert assess(of_tier(4, 1, 3), PRODUCTION, ()).risk is HIGH


@pytest.mark.parametrize("services", [Found(), Found(unknown=("ghost",))], ids=["none", "unknown"])
def test_without_a_known_service_it_is_tier_2(services: Found) -> None:
    """What names no known service counts as one of tier 2, and that is said."""
    assessment = assess(services, PRODUCTION, ())
    assert assessment.risk is MEDIUM
    assert assessment.why == "production environment, no known service, counted as tier 2"


@pytest.mark.parametrize(
    ("history", "is_bad"),
    [
        pytest.param([], False, id="none"),
        pytest.param([FAILED], False, id="one failure"),
        pytest.param([FAILED, FAILED], True, id="two failures"),
        pytest.param([FAILED, BACK], True, id="one rolled back"),
        pytest.param([WELL] * 6 + [FAILED] * 2, True, id="two of eight"),
        pytest.param([WELL] * 7 + [FAILED] * 2, False, id="two of nine"),
        pytest.param([CANCELLED] * 7 + [FAILED] * 2, True, id="cancelled do not count"),
        pytest.param([FAILED] + [CANCELLED] * 9, False, id="cancelled are no failures"),
        pytest.param([State.UNKNOWN, State.PENDING, State.IN_PROGRESS] * 3, False, id="not ended"),
        pytest.param([FAILED] * 5 + [WELL] * 15, True, id="five of twenty"),
        pytest.param([WELL] + [FAILED] * 5 + [WELL] * 15, True, id="five of the last twenty"),
        pytest.param([FAILED] * 5 + [WELL] * 16, False, id="one of them is forgotten"),
        pytest.param([FAILED] * 20 + [WELL] * 20, False, id="all of them are forgotten"),
    ],
)
def test_a_bad_history_is_one_step_more(history: list[State], is_bad: bool) -> None:
    """Two failures, that are a quarter of the last twenty or more, raise the risk by one step."""
    assert assess(of_tier(3), PRODUCTION, history).risk is (MEDIUM if is_bad else LOW)
    assert assess(of_tier(1), PRODUCTION, history).risk is (CRITICAL if is_bad else HIGH)


def test_a_bad_history_is_told() -> None:
    """How many failed of how many is said, of those that count."""
    why = assess(of_tier(1), EnvironmentType.STAGING, [CANCELLED, WELL, FAILED, BACK]).why
    assert why == "staging environment, tier 1; one step more, as 2 of the last 3 deployments there failed"


histories = st.lists(st.sampled_from(State), max_size=45)


@given(histories, st.integers(0, 44), st.sampled_from(EnvironmentType), st.integers(1, 4))
def test_the_risk_never_falls_with_a_worse_history(
    history: list[State], place: int, environment: EnvironmentType, tier: int
) -> None:
    """One more failure, or one where a deployment went well, never lowers the risk."""
    before = assess(of_tier(tier), environment, history).risk
    assert assess(of_tier(tier), environment, [*history, FAILED]).risk.is_at_least(before)
    if place < len(history) and history[place] is WELL:
        worse = [*history[:place], BACK, *history[place + 1 :]]
        assert assess(of_tier(tier), environment, worse).risk.is_at_least(before)


@given(histories, st.sampled_from(EnvironmentType), st.integers(1, 3))
def test_the_risk_never_falls_with_a_more_critical_service(
    history: list[State], environment: EnvironmentType, tier: int
) -> None:
    """A lower tier is never less risky, and no environment more so than production."""
    one, other = (assess(of_tier(number), environment, history).risk for number in (tier, tier + 1))
    assert one.is_at_least(other)
    assert assess(of_tier(tier), PRODUCTION, history).risk.is_at_least(one)


@pytest.mark.parametrize(("one", "other"), list(product(Risk, Risk)))
def test_risks_are_in_order(one: Risk, other: Risk) -> None:
    """Low, medium, high, critical: each is as high as itself and those before it."""
    order = ["low", "medium", "high", "critical"]
    is_higher = order.index(one) >= order.index(other)
    assert one.is_at_least(other) is is_higher
    assert higher(one, other) is higher(other, one) is (one if is_higher else other)


def test_what_makes_history() -> None:
    """Failed and rolled back are failures; with those that went well they are what counts."""
    assert {FAILED, BACK} == FAILURES
    assert {FAILED, BACK, WELL} == COUNTED
