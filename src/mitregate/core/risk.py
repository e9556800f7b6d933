"""Risk: how much is at stake in a change, by a small table (domain.md §4).

The tier of the most critical service and the type of the environment give the risk; recent failures raise it by one
step. A service that is not known counts as one of tier 2: nothing is known of it, and most services are not critical.
"""

from enum import StrEnum

from msgspec import Struct

from mitregate.core.deployments import EnvironmentType


class Risk(StrEnum):
    """How much is at stake, in Jira's words."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"

    @property
    def rank(self) -> int:
        """How many lower risks there are."""
        return list(Risk).index(self)


UNKNOWN_TIER = 2
"""The tier that a service counts as which is not known."""

TABLE: dict[EnvironmentType, tuple[Risk, Risk, Risk, Risk]] = {
    EnvironmentType.PRODUCTION: (Risk.HIGH, Risk.MEDIUM, Risk.LOW, Risk.LOW),
    EnvironmentType.STAGING: (Risk.MEDIUM, Risk.LOW, Risk.LOW, Risk.LOW),
    EnvironmentType.TESTING: (Risk.LOW, Risk.LOW, Risk.LOW, Risk.LOW),
    EnvironmentType.DEVELOPMENT: (Risk.LOW, Risk.LOW, Risk.LOW, Risk.LOW),
    EnvironmentType.UNMAPPED: (Risk.HIGH, Risk.MEDIUM, Risk.LOW, Risk.LOW),
}
"""The risk by environment type, for tiers 1 to 4; an environment of no known type may be production."""


class History(Struct, frozen=True, kw_only=True):
    """How the latest deployments of a project to an environment ended: how many, and how many of them badly."""

    ended: int = 0
    failed: int = 0

    @property
    def is_bad(self) -> bool:
        """Whether one in four or more failed or was rolled back, of at least two."""
        return self.ended >= 2 and self.failed * 4 >= self.ended


def assess(tier: int | None, environment: EnvironmentType, history: History) -> Risk:
    """Assess the risk of a change.

    Args:
        tier: the tier of its most critical service, 1 to 4; None if none is known.
        environment: the type of the environment.
        history: how the latest deployments there ended.
    """
    base = TABLE[environment][(tier or UNKNOWN_TIER) - 1]
    return list(Risk)[min(base.rank + history.is_bad, Risk.CRITICAL.rank)]
