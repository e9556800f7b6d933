"""The one error that is the client's own; all others are those of `core.errors`."""

from mitregate.client.values import GatingState
from mitregate.core.errors import Unsettled


class StillAwaiting(Unsettled):
    """The time to wait is over, and the deployment is not decided."""

    hint = "Wait on: the gate stays as it is."

    def __init__(
        self, message: str | None = None, *, advice: str | None = None, state: GatingState | None = None
    ) -> None:
        """Say what was waited for, and the gating state that was read last, if any was."""
        super().__init__(message, advice=advice)
        self.state = state
