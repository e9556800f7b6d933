"""Change control says whether a deployment is gated (domain.md §2).

Two sides decide, as in Octopus: the project (or the runbook) and the environment. Only where both are change controlled
is an approved change required:

    | project (runbook)  | environment        | a change is |
    |--------------------|--------------------|-------------|
    | change controlled  | change controlled  | required    |
    | not                | change controlled  | not         |
    | change controlled  | not                | not         |
    | not                | not                | not         |

A side without a rule is controlled *when asked*: a deployment that asks to be gated is, one that does not ask is not.
Where both sides say *always*, a deployment is gated without asking.

Source: https://octopus.com/docs/approvals/jira-service-management.
"""

from enum import StrEnum
from fnmatch import fnmatchcase

from msgspec import Struct

from mitregate.core.deployments import Deployment, EnvironmentType, State


class Control(StrEnum):
    """What change control says about a deployment."""

    REQUIRED = "required"
    NOT_REQUIRED = "not_required"


class Demand(StrEnum):
    """Whether a side is change controlled; `always` also for deployments that do not ask to be gated."""

    NEVER = "never"
    WHEN_ASKED = "when_asked"
    ALWAYS = "always"


class Rule(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What one side demands of those whose name fits *name*: exactly, or as a pattern with `*`, `?` and `[…]`.

    Case and spaces around do not count. A rule for environments may name a type in place of a name, or both.
    """

    name: str = "*"
    type: EnvironmentType | None = None
    control: Demand

    def fits(self, name: str, kind: EnvironmentType | None = None) -> bool:
        """Tell whether the rule speaks of *name*, of that type."""
        return (self.type is None or self.type is kind) and is_like(name, self.name)

    @property
    def said(self) -> str:
        """The rule in words."""
        kind = f" ({self.type.value})" if self.type is not None else ""
        return f"{self.name}{kind}: {self.control.value.replace('_', ' ')}"


class UnknownServices(StrEnum):
    """What becomes of a gated deployment that names a service which the rulebook does not know.

    It is told to whoever submits it in any case, as Jira does; `refuse` makes its gate invalid as long as that is so.
    """

    REPORT = "report"
    REFUSE = "refuse"


class Matrix(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who is change controlled; on each side the first rule that fits counts."""

    projects: tuple[Rule, ...] = ()
    runbooks: tuple[Rule, ...] = ()
    environments: tuple[Rule, ...] = ()
    unknown_services: UnknownServices = UnknownServices.REPORT


NOTHING_SAID = Matrix()
"""The default policy, "gate what asks"."""


def is_like(name: str, pattern: str) -> bool:
    """Tell whether *name* is *pattern*, or fits it as a glob; case and spaces around do not count."""
    folded, wanted = name.strip().casefold(), pattern.strip().casefold()
    return folded == wanted or fnmatchcase(folded, wanted)


def control(deployment: Deployment, matrix: Matrix = NOTHING_SAID) -> Control | None:
    """Say whether *deployment* opens a gate, and of which kind.

    Returns:
        `REQUIRED` for a gate that needs an approved change, `NOT_REQUIRED` for a gate that lets pass at once (the asker
        must never wait for ever), None for no gate: only a pending deployment opens one.
    """
    if deployment.state is not State.PENDING:
        return None
    demands = {one.control if one is not None else Demand.WHEN_ASKED for one in rules_for(deployment, matrix)}
    if Demand.NEVER in demands:
        return Control.NOT_REQUIRED if deployment.asks_for_gating else None
    return Control.REQUIRED if deployment.asks_for_gating or demands == {Demand.ALWAYS} else None


def rules_for(deployment: Deployment, matrix: Matrix) -> tuple[Rule | None, Rule | None]:
    """Give the two rules that decide on *deployment*: its project's or runbook's, and its environment's, if any fit."""
    side = matrix.runbooks if deployment.is_runbook else matrix.projects
    environment = deployment.environment
    names = {environment.display_name, environment.id}
    left = next((rule for rule in side if rule.fits(deployment.project)), None)
    right = next(
        (rule for rule in matrix.environments if any(rule.fits(name, environment.type) for name in names)), None
    )
    return left, right
