"""Quota: how many requests an app may make of the Deployments API in a minute, told in the headers that Jira uses.

https://developer.atlassian.com/cloud/jira/platform/rate-limiting/. Minutes are those of the clock, for Jira names the
minute in which a quota is full again. Each process counts for itself.
"""

import math
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from mitregate.core.errors import Refused
from mitregate.web import plain

MINUTE = timedelta(minutes=1)

NEAR = 5
"""The limit is near when less than one part in this many is left."""

REASON = "jira-quota-based"
"""Jira's word for a quota that is used up, as opposed to its words for cost and for bursts."""

KEY = "mitregate.quota"
"""Where the ASGI scope of a request keeps what is left after it, and the headers that are the same all minute."""


class OverQuota(Refused):
    """The app has made more requests within a minute than it may."""

    hint = "Wait for as many seconds as Retry-After says, then go on more slowly."

    def __init__(self, wait: int = 60) -> None:
        """Ask to *wait* so many seconds."""
        super().__init__()
        self.wait = wait


class Quota:
    """Counts requests by app."""

    def __init__(self, limit: int, now: Callable[[], datetime]) -> None:
        """Bear *limit* requests of each app in a minute; *now* is the clock."""
        self._limit = limit
        self._now = now
        self._lock = threading.Lock()  # who asks is often proved in a thread of the store's
        self._used: dict[str, int] = {}
        self._begins = self._ends = datetime.min.replace(tzinfo=UTC)
        self._headers: list[tuple[bytes, bytes]] = []

    def take(self, scope: plain.Scope, app_id: str) -> None:
        """Count the request of *scope* against the quota of an app that is proved; a request counts once.

        Raises:
            OverQuota: nothing is left of it.
        """
        if KEY in scope:
            return
        now = self._now()
        with self._lock:
            if not self._begins <= now < self._ends:
                self._turn(now)
            used = self._used[app_id] = self._used.get(app_id, 0) + 1
            ends, headers = self._ends, self._headers
        scope[KEY] = (max(self._limit - used, 0), headers)
        if used > self._limit:
            raise OverQuota(math.ceil((ends - now).total_seconds()))

    def announced(self, scope: plain.Scope, send: plain.Send) -> plain.Send:
        """Make of *send* one that says in the headers of the reply what is left, if the request was counted."""

        async def send_announced(message: plain.Scope) -> None:
            if message["type"] == "http.response.start" and KEY in scope:
                left, headers = scope[KEY]
                message["headers"] += [*headers, (b"x-ratelimit-remaining", b"%d" % left)]
                if left * NEAR < self._limit:
                    message["headers"].append((b"x-ratelimit-nearlimit", b"true"))
            await send(message)

        return send_announced

    def _turn(self, now: datetime) -> None:
        """Begin to count anew with the minute of *now*."""
        self._begins = now.replace(second=0, microsecond=0)
        self._ends = self._begins + MINUTE
        self._used.clear()
        self._headers = [
            (b"x-ratelimit-limit", b"%d" % self._limit),
            (b"x-ratelimit-reset", self._ends.strftime("%Y-%m-%dT%H:%MZ").encode()),
        ]
