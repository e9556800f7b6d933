"""Approvals: who has decided on a change, and on what exactly (domain.md §5).

An approval is bound to what was seen: the digests of the deployments that waited, each with its version and commits,
the window and the description. When one of these changes, the approval is stale and is asked for again. Which try of a
pipeline deploys it makes no difference (docs/decisions/0015). For now so many approvals are enough; the trees of rules
(count, all, any, sequence) and the four-eyes rule belong in `tally`.
"""

import hashlib
from collections.abc import Collection, Iterable
from datetime import datetime
from enum import StrEnum

import msgspec
from msgspec import Struct

from mitregate.core.calendar import Window
from mitregate.core.deployments import Deployment


class Decision(StrEnum):
    """What an approver decided."""

    APPROVE = "approve"
    DECLINE = "decline"


class Approval(Struct, frozen=True, kw_only=True):
    """One person's decision on a change, bound by `digests` to all that this person saw."""

    actor: str
    decision: Decision
    at: datetime
    digests: tuple[str, ...]
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
        deployment: what is to be deployed: app, project, environment, version and commits count.
        description: the description of the change.
        window: the planned start and end of the change.
    """
    seen = (
        deployment.key.app_id,
        deployment.key.environment_id,
        deployment.project,
        deployment.environment,
        deployment.version,
        sorted({(commit.repository_id, commit.hash or "") for commit in deployment.associations.commits}),
        description,
        window,
    )
    return _hash(seen)


def digest_of_plan(title: str, description: str, window: Window, covers: object) -> str:
    """Compute what an approval binds to while there is no deployment: all that a change says by itself."""
    return _hash((title, description, window, covers))


def sight(digests: Iterable[str]) -> str:
    """Make one digest of all that an approver sees; empty if there is nothing to be seen."""
    found = sorted(set(digests))
    return found[0] if len(found) == 1 else _hash(found) if found else ""


def tally(approvals: Iterable[Approval], seen: Collection[str], needed: int) -> Tally:
    """Count the approvals that hold for one of the digests *seen*; one person counts once."""
    given = [approval for approval in approvals if approval.decision is Decision.APPROVE]
    met = {approval.actor for approval in given if not frozenset(seen).isdisjoint(approval.digests)}
    return Tally(met=len(met), needed=needed, stale=len({approval.actor for approval in given} - met))


def _hash(value: object) -> str:
    return hashlib.sha256(msgspec.json.encode(value)).hexdigest()
