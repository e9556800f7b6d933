"""The fake Jira on a real loopback socket, from which webhooks go out by themselves."""

import asyncio
import time
import urllib.error
import urllib.request
from typing import Self

from msgspec.structs import replace
from typing_extensions import override

from mitregate.wire.http import Request
from tests.fakes.jira.faults import after
from tests.fakes.jira.flavours import CLOUD, Flavour
from tests.fakes.jira.jira import FakeJira
from tests.fakes.sink import Behaviour, Sink, Taken, answers, hangs_up


class JiraServer(Sink):
    """A fake Jira that listens: `async with JiraServer() as server`, or `running(JiraServer())` in a thread.

    `jira` is what answers. `delivered` are the webhooks that went out, with the status that came back, None where
    nobody answered.
    """

    def __init__(
        self, flavour: Flavour = CLOUD, *, port: int = 0, context: str = "", jira: FakeJira | None = None
    ) -> None:
        super().__init__(port=port)
        self.jira = jira or FakeJira(flavour)
        self.jira.context = context
        self.delivered: list[tuple[Request, int | None]] = []
        self._tried: list[tuple[Request, int | None]] = []
        self._postman: asyncio.Task[None] | None = None

    @property
    def base_url(self) -> str:
        """Where Jira is."""
        return f"http://127.0.0.1:{self.port}{self.jira.context}"

    @property
    def gateway_url(self) -> str:
        """Where scoped tokens go."""
        return f"http://127.0.0.1:{self.port}/ex/jira/{self.jira.site.cloud_id}"

    @override
    async def __aenter__(self) -> Self:
        await super().__aenter__()
        self.jira.site.url = self.base_url
        self._postman = asyncio.create_task(self._deliver())
        return self

    @override
    async def __aexit__(self, *error: object) -> None:
        if self._postman is not None:
            self._postman.cancel()
            await asyncio.gather(self._postman, return_exceptions=True)
        await super().__aexit__(*error)

    @override
    def _behaviour(self, taken: Taken) -> Behaviour:
        if taken.target.partition("?")[0] in self._told_by_path or self._told:
            return super()._behaviour(taken)
        url = f"http://127.0.0.1:{self.port}{taken.target}"
        request = Request(method=taken.method, url=url, headers=taken.headers, body=taken.body)
        reply, fault = self.jira.outcome(request)
        if reply is not None:
            behaviour = answers(
                reply.status, reply.body, **{key.replace("-", "_"): v for key, v in reply.headers.items()}
            )
        else:
            behaviour = (fault.behaviour if fault else None) or hangs_up
        return after(fault.delay, behaviour) if fault is not None and fault.delay else behaviour

    async def posted(self, count: int, within: float = 5.0) -> list[int | None]:
        """Wait until *count* webhooks went out, for at most *within* seconds; give what came back so far."""
        return await asyncio.to_thread(self.wait_posted, count, within)

    def wait_posted(self, count: int, within: float = 5.0) -> list[int | None]:
        """Do as `posted` does, from another thread."""
        end = time.monotonic() + within
        while len(self.delivered) < count and time.monotonic() < end:
            time.sleep(0.005)
        if len(self.delivered) < count:
            raise AssertionError(f"{len(self.delivered)} of {count} webhooks went out within {within} s")
        return [status for _, status in self.delivered]

    def send_again(self) -> None:
        """Try again, as Jira does minutes later, what was not taken: no answer, a 5xx, or one that asks for it."""
        for request, status in self._tried:
            if status is None or status in {408, 409, 425, 429} or status >= 500:
                count = int(request.headers.get("x-atlassian-webhook-retry", "0")) + 1
                headers = {**request.headers, "x-atlassian-webhook-retry": str(count)}
                self.jira.hooks.outbox.append(replace(request, headers=headers))
        self._tried.clear()

    async def _deliver(self) -> None:
        while True:
            for request in self.jira.hooks.take():
                outcome = (request, await asyncio.to_thread(_post, request))
                self._tried.append(outcome)
                self.delivered.append(outcome)
            await asyncio.sleep(0.01)


def _post(request: Request) -> int | None:
    sent = urllib.request.Request(request.url, data=request.body, headers=dict(request.headers), method="POST")
    try:
        with urllib.request.urlopen(sent, timeout=5) as reply:
            status: int = reply.status
            return status
    except urllib.error.HTTPError as error:
        error.close()
        return error.code
    except OSError:
        return None
