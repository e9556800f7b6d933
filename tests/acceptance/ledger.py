"""What the clients of a server remember: what they asked for, and what the server has acknowledged."""

import threading
from collections.abc import Mapping
from typing import Any

from tests.acceptance.receipts import Key, key_of


class Ledger:
    """The memory of all clients; a request is *tried* before it is sent and *kept* once it was acknowledged."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.submitted: dict[Key, dict[str, Any]] = {}
        self.perhaps: dict[Key, dict[str, Any]] = {}
        self.tried: dict[str, set[str]] = {}
        self.decided: dict[str, str] = {}
        self.unanswered = 0

    def try_to_submit(self, deployment: Mapping[str, Any]) -> None:
        """Note what is about to be submitted."""
        with self._lock:
            self.perhaps[key_of(deployment)] = dict(deployment)

    def keep_submitted(self, deployment: Mapping[str, Any]) -> None:
        """Note that a submission was acknowledged."""
        with self._lock:
            self.submitted[key_of(deployment)] = dict(deployment)

    def try_to_decide(self, change: str, decision: str) -> None:
        """Note which decision is about to be taken."""
        with self._lock:
            self.tried.setdefault(change, set()).add(decision)

    def keep_decided(self, change: str, decision: str) -> None:
        """Note that a decision was acknowledged."""
        with self._lock:
            self.decided[change] = decision

    def miss(self) -> None:
        """Note that no answer came."""
        with self._lock:
            self.unanswered += 1
