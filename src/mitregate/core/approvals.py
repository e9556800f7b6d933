"""Approvals: who has decided on a change, and on what exactly (domain.md §5).

An approval is bound to what was seen: the digest of the deployment, its version and commits, the window and the
description. When one of these changes, the approval is stale and is asked for again. For now one approval is enough;
the trees of rules (count, all, any, sequence) and the four-eyes rule belong in `tally`.
"""

import hashlib
from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum

import msgspec
from msgspec import Struct

from mitregate.core.calendar import Window
from mitregate.core.deployments import Deployment

NEEDED = 1
"""Approvals that a change needs."""


class Decision(StrEnum):
    """What an approver decided."""

    APPROVE = "approve"
    DECLINE = "decline"


class Approval(Struct, frozen=True, kw_only=True):
    """One person's decision on a change, bound by *digest* to what that person saw."""

    actor: str
    decision: Decision
    at: datetime
    digest: str
    comment: str = ""


class Tally(Struct, frozen=True, kw_only=True):
    """How far the approvals of a change have come: *met* of *needed*; *stale* ones were given to something else."""

    met: int
    needed: int
    stale: int = 0

    @property
    def is_complete(self) -> bool:
        """Whether nothing more needs to be approved."""
        return self.met >= self.needed


def digest(deployment: Deployment, description: str, window: Window) -> str:
    """Compute what an approval binds to: SHA-256 in hex over everything that an approver judges.

    Args:
        deployment: what is to be deployed: identity, project, environment, version and commits count.
        description: the description of the change.
        window: the planned start and end of the change.
    """
    seen = (
        deployment.key,
        deployment.project,
        deployment.environment,
        deployment.version,
        sorted({(commit.repository_id, commit.hash or "") for commit in deployment.associations.commits}),
        description,
        window,
    )
    return hashlib.sha256(msgspec.json.encode(seen)).hexdigest()


def tally(approvals: Iterable[Approval], seen: str) -> Tally:
    """Count the approvals that hold for the digest *seen*; one person counts once."""
    approved = {(approval.actor, approval.digest) for approval in approvals if approval.decision is Decision.APPROVE}
    met = {actor for actor, given in approved if given == seen}
    stale = {actor for actor, _ in approved} - met
    return Tally(met=len(met), needed=NEEDED, stale=len(stale))
