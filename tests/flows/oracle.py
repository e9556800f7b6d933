"""An oracle beside the gate: what may be allowed, in the words of domain.md, from notes of what everybody did.

It decides nothing by the product's own functions. Of a change it takes the status, the type and the risk as they are
kept; approvals, windows, freezes, hours and rules it knows from those who gave them.
"""

from datetime import datetime

from msgspec import Struct

from mitregate.core.changes import Change, ChangeType, Status
from mitregate.core.deployments import Deployment, DeploymentKey
from mitregate.core.gates import Gate, GatingStatus, Stage

Edge = datetime | None
Span = tuple[Edge, Edge]

TIERS = {"db": 1, "shop": 3}
NEEDS = {"shop": {"db"}}
"""The services that the rules know, with their tiers, and what they depend on."""

RISKS = ("low", "medium", "high", "critical")
IN_PRODUCTION = {1: "high", 2: "medium", 3: "low", 4: "low"}
OVERRIDERS = {"mia"}


class Sight(Struct, frozen=True, kw_only=True):
    """What an approver judges: all that is deployed, where to and when, or what a plan says by itself."""

    app: str = ""
    where: tuple[str, str, str] = ("", "", "")
    what: tuple[object, ...] = ()
    description: str
    window: Span


class Given(Struct, frozen=True, kw_only=True):
    """An approval: by whom, and all that this person saw."""

    actor: str
    sights: frozenset[Sight]


class Policy(Struct, frozen=True, kw_only=True):
    """The rules that hold, as far as they can shut a gate."""

    cab_from: str | None = None
    template: bool = False
    refuses_unknown: bool = False
    more_approvals: int = 0
    hours: Span | None = None


class Oracle:
    """What happened, as somebody beside the gate wrote it down."""

    def __init__(self) -> None:
        """Begin with an empty page."""
        self.deployments: dict[DeploymentKey, Deployment] = {}
        self.windows: dict[str, Span] = {}
        self.approvals: dict[str, list[Given]] = {}
        self.freezes: dict[str, tuple[Span, bool]] = {}
        self.overridden: dict[str, set[str]] = {}
        self.policy = Policy()

    # --- what people see ---

    def sight(self, key: DeploymentKey, change: Change) -> Sight:
        """Say what an approver of *change* sees of a deployment now."""
        made = self.deployments[key]
        return Sight(
            app=key.app_id,
            where=(key.environment_id, made.environment.display_name, made.environment.type.value),
            what=(made.pipeline.display_name, made.label, frozenset(made.associations.commits)),
            description=change.description,
            window=self.window(change.key),
        )

    def plan(self, change: Change) -> Sight:
        """Say what an approver sees of a change that was prepared by hand, before there is a deployment."""
        return Sight(what=(change.title,), description=change.description, window=self.window(change.key))

    def shown(self, change: Change, waiting: list[Gate]) -> frozenset[Sight]:
        """Say all that an approver of *change* sees, with the gates that wait for it."""
        seen = {self.sight(gate.key, change) for gate in waiting}
        return frozenset(seen | {self.plan(change)} if not change.app_id else seen)

    def window(self, key: str) -> Span:
        """Say when a change is planned."""
        return self.windows.get(key, (None, None))

    def holding(self, now: datetime, *, is_emergency: bool = False) -> set[str]:
        """Name the freezes that hold now."""
        return {
            name for name, (span, spares) in self.freezes.items() if holds(span, now) and not (is_emergency and spares)
        }

    # --- what may be ---

    def objection(self, gate: Gate, change: Change, others: list[Change], now: datetime) -> str:
        """Say what speaks against *gate* being allowed now; nothing if it may be (domain.md §8, promise 1)."""
        is_emergency = change.type is ChangeType.EMERGENCY
        deployment = self.deployments[gate.key]
        unknown = {one for one in deployment.associations.services if one not in TIERS}
        held = self.holding(now, is_emergency=is_emergency) - self.overridden.get(gate.id, set())
        needed = self.needed(deployment, change, others)
        given = self.approvers(deployment, change)
        hours = self.policy.hours
        objections = {
            "it does not wait": gate.stage is not Stage.HELD or gate.ended is not None or gate.contested is not None,
            "its change is not under way": change.status is not Status.IMPLEMENTING,
            "its window is shut": not holds(self.window(change.key), now),
            f"frozen by {held}": bool(held),
            "outside of the hours": hours is not None and not is_emergency and not holds(hours, now),
            f"{unknown} are not known": bool(unknown) and self.policy.refuses_unknown,
            f"{len(given)} of {needed} approve of this": len(given) < needed,
            "its risk is played down": RISKS.index(change.risk) < RISKS.index(risk_of(deployment)),
        }
        return ", ".join(said for said, is_so in objections.items() if is_so)

    def approvers(self, deployment: Deployment, change: Change) -> set[str]:
        """Name those who approved exactly what is to be deployed, and may."""
        accepted = {self.sight(deployment.key, change)}
        if not change.app_id and change.title == title_of(deployment):
            accepted.add(self.plan(change))
        found = {given.actor for given in self.approvals.get(change.key, []) if accepted & given.sights}
        return found & OVERRIDERS if change.type is ChangeType.EMERGENCY else found

    def needed(self, deployment: Deployment, change: Change, others: list[Change]) -> int:
        """Say how many must approve."""
        if change.type is ChangeType.EMERGENCY:
            return 1
        is_opened_for_it = self.policy.template and change.title == title_of(deployment)
        is_standard = change.type is ChangeType.STANDARD and is_opened_for_it and change.risk in {"low", "medium"}
        asks_cab = (
            self.policy.cab_from is not None
            and change.type is ChangeType.NORMAL
            and RISKS.index(change.risk) >= RISKS.index(self.policy.cab_from)
        )
        earlier = any(self.conflict(change, other) for other in others if other.number < change.number)
        return (not is_standard) + asks_cab + (self.policy.more_approvals if earlier else 0)

    def conflict(self, one: Change, other: Change) -> bool:
        """Tell whether two changes, the *other* one open, would touch the same thing at the same time."""
        ours, theirs = self.window(one.key), self.window(other.key)
        if (None, None) in {ours, theirs} or not other.is_open:
            return False
        touch = any(
            a == b or b in NEEDS.get(a, ()) or a in NEEDS.get(b, ()) for a in one.services for b in other.services
        )
        return touch and _begins_by(ours, theirs) and _begins_by(theirs, ours)


def holds(span: Span, now: datetime) -> bool:
    """Tell whether *now* lies in a span, inclusive at both edges."""
    start, end = span
    return (start is None or start <= now) and (end is None or now <= end)


def title_of(deployment: Deployment) -> str:
    """Write the title that Octopus would give to the change of a deployment."""
    place = deployment.environment.display_name
    return f'Jenkins: Deploy "{deployment.pipeline.display_name}" version {deployment.label} to "{place}"'


def risk_of(deployment: Deployment) -> str:
    """Look up how risky a deployment to production is, history apart."""
    tiers = [TIERS[one] for one in deployment.associations.services if one in TIERS]
    return IN_PRODUCTION[min(tiers, default=2)]


def is_open_for(gate: Gate) -> bool:
    """Tell whether what is kept of *gate* lets its deployment start."""
    return gate.stage is Stage.HELD and gate.verdict.status is GatingStatus.ALLOWED


def _begins_by(one: Span, other: Span) -> bool:
    return one[0] is None or other[1] is None or one[0] <= other[1]
