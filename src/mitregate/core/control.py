"""Change control says whether a deployment is gated (domain.md §2).

The policy table of projects and environments comes to this file; until then the default policy holds, "gate what asks".
"""

from enum import StrEnum

from mitregate.core.deployments import Deployment, State


class Control(StrEnum):
    """What change control says about a deployment."""

    REQUIRED = "required"
    NOT_REQUIRED = "not_required"


def control(deployment: Deployment) -> Control | None:
    """Say whether *deployment* opens a gate, and of which kind.

    Returns:
        `REQUIRED` for a gate that needs an approved change, `NOT_REQUIRED` for a gate that lets pass at once (the asker
        must never wait for ever), None for a deployment that nobody asked to gate.
    """
    if deployment.asks_for_gating and deployment.state is State.PENDING:
        return Control.REQUIRED
    return None
