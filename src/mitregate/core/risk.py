"""Risk: how much ceremony a change deserves, from what it concerns, where it goes, and how it went there before.

The table is ours; Jira documents none (domain.md §4). It reads: the tier of the most critical service, by the type of
the environment. A bad history makes it one step worse.

    | environment  | tier 1 | tier 2 | tier 3 | tier 4 |
    |--------------|--------|--------|--------|--------|
    | production   | high   | medium | low    | low    |
    | unmapped     | high   | medium | low    | low    |
    | staging      | medium | low    | low    | low    |
    | testing      | low    | low    | low    | low    |
    | development  | low    | low    | low    | low    |
"""

from collections.abc import Sequence
from enum import StrEnum

from msgspec import Struct

from mitregate.core.deployments import EnvironmentType, State
from mitregate.core.services import Found


class Risk(StrEnum):
    """How risky a change is, in Jira's words."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"

    def is_at_least(self, other: "Risk") -> bool:
        """Tell whether it is as high as *other*, or higher."""
        return _ORDER.index(self) >= _ORDER.index(other)


_ORDER = tuple(Risk)

ASSUMED_TIER = 2
"""The tier of what names no service that is known."""

REMEMBERED = 20
"""Outcomes of a project in an environment that are remembered, the newest ones."""

FEWEST = 2
"""Failures below which history is not called bad, however few outcomes there are."""

BAD = 4
"""History is bad if one in so many deployments failed, or more."""

_SERIOUS = (Risk.HIGH, Risk.MEDIUM, Risk.LOW, Risk.LOW)
_HARMLESS = (Risk.LOW,) * 4

TABLE: dict[EnvironmentType, tuple[Risk, Risk, Risk, Risk]] = {
    EnvironmentType.PRODUCTION: _SERIOUS,
    EnvironmentType.UNMAPPED: _SERIOUS,
    EnvironmentType.STAGING: (Risk.MEDIUM, Risk.LOW, Risk.LOW, Risk.LOW),
    EnvironmentType.TESTING: _HARMLESS,
    EnvironmentType.DEVELOPMENT: _HARMLESS,
}
"""The risk by type of environment, for tiers 1 to 4."""

FAILURES = frozenset({State.FAILED, State.ROLLED_BACK})
COUNTED = FAILURES | {State.SUCCESSFUL}
"""Outcomes that make history; what was cancelled says nothing."""


class Assessment(Struct, frozen=True, kw_only=True):
    """A risk, and why it is that, in a sentence."""

    risk: Risk
    why: str


def assess(services: Found, environment: EnvironmentType, history: Sequence[State]) -> Assessment:
    """Assess the risk of a deployment.

    Args:
        services: what it concerns; without a known service it counts as one of tier 2.
        environment: the type of the environment that it goes to.
        history: how the deployments of that project to that environment ended, newest last.
    """
    tier = services.tier or ASSUMED_TIER
    risk = TABLE[environment][tier - 1]
    named = f"tier {tier}" if services.tier else f"no known service, counted as tier {tier}"
    why = f"{environment.value} environment, {named}"
    counted = [state for state in history[-REMEMBERED:] if state in COUNTED]
    failed = sum(state in FAILURES for state in counted)
    if failed >= FEWEST and failed * BAD >= len(counted):
        risk = _ORDER[min(_ORDER.index(risk) + 1, len(_ORDER) - 1)]
        why += f"; one step more, as {failed} of the last {len(counted)} deployments there failed"
    return Assessment(risk=risk, why=why)


def higher(one: Risk, other: Risk) -> Risk:
    """Give the higher of two risks."""
    return one if one.is_at_least(other) else other
