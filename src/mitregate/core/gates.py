"""Gates: where one deployment waits, and the verdict on it (domain.md §6).

`decide` is pure, total, and recomputed from nothing but its arguments; a verdict is never accumulated. It first looks
up the class of the change's status and the position of its window in `BASE`, then adds everything else that holds the
gate shut. Only the combination *proceed* and *open*, with nothing that holds, gives `allowed`; whatever is not known,
missing or broken gives something else.
"""

from datetime import datetime
from enum import StrEnum

from msgspec import Struct

from mitregate.core.calendar import TICK, Calendar, earliest_opening
from mitregate.core.control import Control
from mitregate.core.deployments import DeploymentKey, EnvironmentType
from mitregate.core.holds import holds, shut_for_good
from mitregate.core.verdicts import BASE, GatingStatus, Reason, ReasonCode, Standing, Verdict, spell

__all__ = [
    "BASE",
    "PASS",
    "PENDING",
    "Gate",
    "GatingStatus",
    "Override",
    "Reason",
    "ReasonCode",
    "Stage",
    "Standing",
    "Verdict",
    "decide",
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


class Gate(Struct, frozen=True, kw_only=True):
    """Where one deployment waits; holds its change and its verdict.

    `since` is when the gating status was reached. What describes the deployment is kept here as well, so that a gate
    can still be explained when the deployment has been deleted. `contested` names two jobs that
    both claim to be behind this gate: nobody can tell any more whom a verdict would reach.
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
    contested: str | None = None
    override: Override | None = None
    created_at: datetime
    revision: int = 1


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


def decide(gate: Gate, change: Standing | None, calendar: Calendar, now: datetime) -> Verdict:
    """Decide on *gate* at *now* (domain.md §6).

    Args:
        gate: the gate; its own verdict so far plays no part.
        change: how its change stands, or None if the change cannot be found.
        calendar: the freezes that cover the gate.
        now: the instant to decide for.

    Returns:
        The verdict, with all its reasons and the instant at which to decide again.
    """
    if gate.contested is not None:
        return _collides(gate, gate.contested)
    if gate.control is Control.NOT_REQUIRED or gate.change_key is None:
        return PASS if gate.control is Control.NOT_REQUIRED else PENDING
    if change is None:
        return _change_is_missing(gate.change_key)
    status, _ = BASE[change.status_class, change.window.position(now)]
    reasons = tuple(holds(change, calendar, now))
    if status is GatingStatus.ALLOWED and not reasons:
        return _allowed(change, calendar, now)
    if status in {GatingStatus.ALLOWED, GatingStatus.AWAITING}:
        return Verdict(
            status=GatingStatus.AWAITING,
            reasons=reasons,
            wake_at=_next_edge(change, calendar, now),
            opens_at=earliest_opening(change.window, calendar, now),
        )
    return Verdict(status=status, reasons=(shut_for_good(change, now),))


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


def _change_is_missing(key: str) -> Verdict:
    return Verdict(
        status=GatingStatus.INVALID,
        reasons=(
            Reason(
                code=ReasonCode.MISCONFIGURED,
                message=f"The change request {key} cannot be found.",
                remedy="An operator must restore it, or the deployment must be submitted anew.",
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
