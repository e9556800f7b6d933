"""Gates: where one deployment waits, and the verdict on it (domain.md §6).

`decide` is pure, total, and recomputed from nothing but its arguments; a verdict is never accumulated. It first looks
up the class of the change's status and the position of its window in `BASE`, then adds everything else that holds the
gate shut. Only the combination *proceed* and *open*, with nothing that holds, gives `allowed`; whatever is not known,
missing or broken gives something else.
"""

import hashlib
from datetime import datetime
from enum import StrEnum

import msgspec
from msgspec import Struct

from mitregate.core.calendar import TICK, Calendar, earliest_opening
from mitregate.core.control import Control
from mitregate.core.deployments import DeploymentKey, EnvironmentType, State
from mitregate.core.holds import holds, shut_for_good
from mitregate.core.matching import How
from mitregate.core.verdicts import BASE, GatingStatus, Reason, ReasonCode, Standing, Terms, Verdict, spell
from mitregate.core.waiting import Patience

__all__ = [
    "BASE",
    "PASS",
    "PENDING",
    "Ended",
    "Gate",
    "GatingStatus",
    "Grounds",
    "Override",
    "Reason",
    "ReasonCode",
    "Stage",
    "Standing",
    "Terms",
    "Verdict",
    "decide",
    "place_of",
    "spell",
]


class Stage(StrEnum):
    """How far a deployment behind a gate has come; only a held one is decided on and announced."""

    HELD = "held"
    STARTED = "started"
    FINISHED = "finished"
    WITHDRAWN = "withdrawn"


class Override(Struct, frozen=True, kw_only=True):
    """Leave to start in spite of certain freezes, as they held when somebody gave it; when they come again they hold.

    `freezes` are their names.
    """

    freezes: tuple[str, ...]
    actor: str
    at: datetime
    reason: str


class Ended(Struct, frozen=True, kw_only=True):
    """A wait that has ended for good, and why: nobody decided in time, or a newer deployment took its place."""

    code: ReasonCode
    at: datetime
    successor: str = ""


class Grounds(Struct, frozen=True, kw_only=True):
    """By which rules a gate was opened: the revision of the rulebook, and the two rules as people read them.

    `passed` says why its change is not what was asked for, or not a standard one, where it was opened for the gate.
    """

    revision: int = 0
    left: str = ""
    right: str = ""
    passed: str = ""


class Gate(Struct, frozen=True, kw_only=True):
    """Where one deployment waits; holds its change and its verdict.

    `since` is when the gating status was reached. What describes the deployment is kept here as well, so that a gate
    can still be explained when the deployment has been deleted. `found` is how its change was found. `contested` names
    two jobs that both claim to be behind this gate: nobody can tell any more whom a verdict would reach. `asked_at` is
    since when somebody is to decide, `reminders` how often that was said again. `outcome` is how its deployment ended.
    """

    id: str
    key: DeploymentKey
    control: Control
    change_key: str | None
    verdict: Verdict
    since: datetime
    stage: Stage = Stage.HELD
    project: str
    version: str
    environment: str
    environment_type: EnvironmentType
    url: str
    found: How | None = None
    grounds: Grounds = Grounds()
    contested: str | None = None
    override: Override | None = None
    asked_at: datetime | None = None
    reminders: int = 0
    ended: Ended | None = None
    outcome: State | None = None
    created_at: datetime
    revision: int = 1

    @property
    def is_waiting(self) -> bool:
        """Whether its deployment can still be allowed."""
        return self.stage is Stage.HELD and self.ended is None and self.found is not How.MISSING

    @property
    def relies(self) -> bool:
        """Whether its deployment can still be allowed, or is under way: then its change is not over."""
        return self.is_waiting or (self.stage is Stage.STARTED and self.found is not How.MISSING)

    @property
    def related_to(self) -> str | None:
        """The key of its change; None if there is none.

        A change that gets the number later, which was not there when a deployment named it, is another one's.
        """
        return self.change_key if self.found is not How.MISSING else None

    @property
    def place(self) -> str:
        """What deployments share that follow each other; see `place_of`."""
        return place_of(self.key, self.project)


def place_of(key: DeploymentKey, project: str) -> str:
    """Name what deployments share that follow each other: their app, project and environment, as a digest."""
    return hashlib.sha256(msgspec.json.encode((key.app_id, project, key.environment_id))).hexdigest()[:32]


PENDING = Verdict(
    status=GatingStatus.AWAITING,
    reasons=(
        Reason(
            code=ReasonCode.CHANGE_PENDING,
            message="The change request has not been opened yet.",
            remedy="It is opened automatically; nothing needs to be done.",
        ),
    ),
)
"""The verdict while no change has been opened."""

PASS = Verdict(
    status=GatingStatus.ALLOWED,
    reasons=(Reason(code=ReasonCode.NOT_CHANGE_CONTROLLED, message="This deployment is not under change control."),),
)
"""The verdict where change control does not apply."""


NO_TERMS = Terms()


def decide(gate: Gate, change: Standing | None, calendar: Calendar, now: datetime, terms: Terms = NO_TERMS) -> Verdict:
    """Decide on *gate* at *now* (domain.md §6).

    Args:
        gate: the gate; its own verdict so far plays no part.
        change: how its change stands, or None if the change cannot be found.
        calendar: the freezes that cover the gate.
        now: the instant to decide for.
        terms: what else the rules say of it.

    Returns:
        The verdict, with all its reasons and the instant at which to decide again.
    """
    fixed = _fixed(gate)
    if fixed is not None:
        return fixed
    if change is None:
        return _change_is_missing(gate)
    status, _ = BASE[change.status_class, change.window.position(now)]
    if terms.faults and status is not GatingStatus.PREVENTED:
        return Verdict(status=GatingStatus.INVALID, reasons=terms.faults)
    reasons = tuple(holds(change, calendar, now))
    if status is GatingStatus.ALLOWED and not reasons:
        return _allowed(change, calendar, now)
    if status in {GatingStatus.ALLOWED, GatingStatus.AWAITING}:
        return _awaiting(change, calendar, now, terms.patience, reasons)
    return Verdict(status=status, reasons=(shut_for_good(change, now),))


def _fixed(gate: Gate) -> Verdict | None:
    """Give the verdict of a gate that does not depend on a change; None if it does."""
    if gate.contested is not None:
        return _collides(gate, gate.contested)
    if gate.ended is not None:
        return _over(gate.ended)
    if gate.control is Control.NOT_REQUIRED:
        return PASS
    return PENDING if gate.change_key is None else None


def _awaiting(
    change: Standing, calendar: Calendar, now: datetime, patience: Patience, reasons: tuple[Reason, ...]
) -> Verdict:
    ends_at = patience.ends_at if change.is_undecided(now) else None
    if ends_at is not None and now >= ends_at:
        return _over(Ended(code=ReasonCode.EXPIRED, at=ends_at))
    moments = (_next_edge(change, calendar, now), ends_at, *(patience.reminders if ends_at is not None else ()))
    return Verdict(
        status=GatingStatus.AWAITING,
        reasons=reasons,
        wake_at=min((moment for moment in moments if moment is not None and moment > now), default=None),
        opens_at=earliest_opening(change.window, calendar, now),
        ends_at=ends_at,
    )


def _over(ended: Ended) -> Verdict:
    remedy = "Submit a new deployment to ask again."
    if ended.code is ReasonCode.SUPERSEDED:
        message = f"A newer deployment took its place: {ended.successor}."
        remedy = "Nothing needs to be done; the newer one goes its own way."
    else:
        message = f"Nobody decided until {spell(ended.at)}, and the rules let no deployment wait longer."
    return Verdict(
        status=GatingStatus.PREVENTED,
        reasons=(Reason(code=ended.code, message=message, remedy=remedy),),
        ends_at=ended.at if ended.code is ReasonCode.EXPIRED else None,
    )


def _allowed(change: Standing, calendar: Calendar, now: datetime) -> Verdict:
    edge = _next_edge(change, calendar, now)
    return Verdict(
        status=GatingStatus.ALLOWED,
        reasons=(
            Reason(
                code=ReasonCode.APPROVED,
                message=f"The change request {change.key} is approved and its window is open.",
            ),
        ),
        wake_at=edge,
        good_until=edge - TICK if edge is not None else None,
    )


def _change_is_missing(gate: Gate) -> Verdict:
    key = gate.change_key
    message = f"The change request {key} cannot be found."
    remedy = "An operator must restore it, or submit a new deployment."
    if gate.found is How.MISSING:
        message = f"The deployment names {key} as its change request, and there is no such change request."
        remedy = "Check the number, and submit a new deployment. For several tools, a change is prepared by hand."
    return Verdict(
        status=GatingStatus.INVALID,
        reasons=(
            Reason(
                code=ReasonCode.MISCONFIGURED,
                message=message,
                remedy=remedy,
            ),
        ),
    )


def _collides(gate: Gate, jobs: str) -> Verdict:
    message = (
        f"The jobs {jobs} share the pipeline id {gate.key.pipeline_id!r}, and both have sent build "
        f"{gate.key.sequence_number} for this environment: an approval of one would let the other pass."
    )
    remedy = "Rename one of the two jobs, then start a new build; this one is never allowed."
    return Verdict(
        status=GatingStatus.INVALID,
        reasons=(Reason(code=ReasonCode.KEY_COLLISION, message=message, remedy=remedy),),
    )


def _next_edge(change: Standing, calendar: Calendar, now: datetime) -> datetime | None:
    edges = (change.window.next_edge(now), calendar.next_edge(now))
    return min((edge for edge in edges if edge is not None), default=None)
