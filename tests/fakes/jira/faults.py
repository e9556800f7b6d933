"""What can go wrong between Jira and who asks it, on demand."""

import asyncio
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from mitregate.wire.http import Reply
from tests.fakes.jira.refusals import page, shown
from tests.fakes.sink import Behaviour, breaks_off, sends_garbage


class Fault(Struct, frozen=True, kw_only=True):
    """Something that goes wrong with one request.

    `reply` comes instead of Jira's, None stands for no reply. With `is_carried_out` Jira does what it was asked to, and
    only its reply is lost or replaced. `delay` is in seconds. `behaviour` is what a socket does where there is no
    reply. It meets requests of `method`, all where that is empty, whose path contains `path`.
    """

    reply: Reply | None = None
    is_carried_out: bool = False
    delay: float = 0.0
    is_reply_kept: bool = False
    behaviour: Behaviour | None = None
    method: str = ""
    path: str = ""

    def meets(self, method: str, path: str) -> bool:
        """Tell whether it concerns a request."""
        return self.method in {"", method} and self.path in path

    def only(self, method: str = "", path: str = "") -> "Fault":
        """Let it meet fewer requests."""
        return replace(self, method=method, path=path)


def busy(retry_after: str = "5", *, status: int = 429) -> Fault:
    """Jira wants to be left alone for a while."""
    headers = {"retry-after": retry_after, "x-ratelimit-limit": "350", "x-ratelimit-remaining": "0"}
    headers["ratelimit-reason"] = "jira-burst-based"
    return Fault(reply=shown({"errorMessages": ["Rate limit exceeded."], "errors": {}}, status, headers))


def broken(status: int = 503) -> Fault:
    """A proxy in front of Jira answers in its stead."""
    return Fault(reply=page(status, "The server is temporarily unable to service your request."))


def conflict() -> Fault:
    """Somebody else is changing the issue."""
    return Fault(reply=shown({"errorMessages": ["The issue was changed in the meantime."], "errors": {}}, 409))


def hangs_up() -> Fault:
    """The connection ends without a reply, and nothing was done."""
    return Fault()


def loses_reply() -> Fault:
    """Jira does what it was asked to, and nobody hears of it."""
    return Fault(is_carried_out=True)


def slow(seconds: float) -> Fault:
    """Jira takes its time; in process, where nobody waits, that is no reply at all."""
    return Fault(is_carried_out=True, is_reply_kept=True, delay=seconds)


def garbles(body: bytes = b'{"issues": [{"id": "100') -> Fault:
    """The reply is cut off, or not what it says it is."""
    return Fault(reply=Reply(status=200, headers={"content-type": "application/json"}, body=body))


def speaks_otherwise() -> Fault:
    """The reply is no HTTP."""
    return Fault(behaviour=sends_garbage)


def stops_short() -> Fault:
    """The reply's body ends long before its announced length."""
    return Fault(behaviour=breaks_off)


def oversized(size: int) -> Fault:
    """The reply is valid, and larger than anybody wants to read."""
    said = b'{"issues": [], "isLast": true, "total": 0, "padding": "' + b"x" * size + b'"}'
    return Fault(reply=Reply(status=200, headers={"content-type": "application/json"}, body=said))


def redirects(to: str, status: int = 302) -> Fault:
    """Jira lives elsewhere, as a single sign-on in front of it says."""
    return Fault(reply=Reply(status=status, headers={"location": to}))


class Faults:
    """What goes wrong: each of `coming` once, `standing` always, and everything while `is_down`."""

    def __init__(self) -> None:
        self.coming: list[Fault] = []
        self.standing: list[Fault] = []
        self.is_down = False

    def then(self, *faults: Fault) -> None:
        """Say what goes wrong with the next requests, one after another; each meets only those it concerns."""
        self.coming.extend(faults)

    def always(self, *faults: Fault) -> None:
        """Say what goes wrong from now on."""
        self.standing.extend(faults)

    def end(self) -> None:
        """Let all be well again."""
        self.coming.clear()
        self.standing.clear()
        self.is_down = False

    def meeting(self, method: str, path: str) -> Fault | None:
        """Give what goes wrong with a request."""
        if self.is_down:
            return hangs_up()
        for fault in self.coming:
            if fault.meets(method, path):
                self.coming.remove(fault)
                return fault
        return next((fault for fault in self.standing if fault.meets(method, path)), None)


class Budget:
    """A rate limit: so many requests in each span of so many seconds of Jira's clock."""

    def __init__(self, requests: int, seconds: float) -> None:
        self.requests = requests
        self.seconds = seconds
        self._span = -1
        self._left = requests

    def spend(self, now: float) -> tuple[bool, dict[str, str]]:
        """Count a request; say whether it may pass, and what its reply's headers tell of the limit."""
        span = int(now // self.seconds)
        if span != self._span:
            self._span, self._left = span, self.requests
        is_over = self._left == 0
        self._left = max(0, self._left - 1)
        headers = {"x-ratelimit-limit": str(self.requests), "x-ratelimit-remaining": str(self._left)}
        if is_over:
            headers["retry-after"] = str(max(1, int((span + 1) * self.seconds - now + 0.999)))
            headers["ratelimit-reason"] = "jira-quota-tenant-based"
        return not is_over, headers


def after(seconds: float, behaviour: Behaviour) -> Behaviour:
    """Behave so after a while."""

    async def behave(writer: Any) -> bool:
        await asyncio.sleep(seconds)
        return await behaviour(writer)

    return behave
