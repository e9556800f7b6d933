"""The load generator: a fixed number of callers, each of which sends its next request when it has its answer.

It runs in a process of its own. What it costs the processor is measured, so that it is seen if it becomes the
bottleneck.
"""

import asyncio
import time

from msgspec import Struct
from typing_extensions import override

from benchmarks.bodies import Source
from benchmarks.talk import HOST, Line
from mitregate.wiring import run

WARM_UP = 0.25
"""The part of the time that is not counted."""


class Plan(Struct, frozen=True, kw_only=True):
    """What to send where, for how long; `first` is the index of the first request."""

    port: int
    source: Source
    callers: int
    seconds: float
    first: int = 0
    limit: int = 0


class Told(Struct, frozen=True, kw_only=True):
    """What came of it: requests per second, the next unused index, seconds at the median and the 99th percentile.

    `busy` is the part of one processor that the load generator itself took.
    """

    rate: float
    next: int
    p50: float
    p99: float
    busy: float


class Load:
    """A run of the load generator."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.index = plan.first
        self.open = 0
        self.failure = ""
        self.times: list[tuple[float, float]] = []
        self.ends = time.perf_counter() + plan.seconds
        self.over = asyncio.Event()

    def next(self) -> bytes | None:
        """Write the next request; None when it is over."""
        is_spent = self.plan.limit and self.index - self.plan.first >= self.plan.limit
        if is_spent or self.failure or time.perf_counter() >= self.ends:
            return None
        self.index += 1
        return self.plan.source.make(self.index - 1)

    def fail(self, failure: str) -> None:
        """End it: an answer was not as it should be."""
        self.failure = self.failure or failure

    async def go(self) -> None:
        """Let all callers go, until the last has had its answer."""
        loop = asyncio.get_running_loop()
        pending = [
            loop.create_connection(lambda: _Sender(self), HOST, self.plan.port) for _ in range(self.plan.callers)
        ]
        senders = [sender for _, sender in await asyncio.gather(*pending)]
        self.open = len(senders)
        self.ends = time.perf_counter() + self.plan.seconds
        for sender in senders:
            sender.send()
        await self.over.wait()
        if self.failure:
            raise RuntimeError(self.failure)


class _Sender(Line):
    def __init__(self, load: Load) -> None:
        super().__init__()
        self._load = load
        self._sent_at = 0.0
        self._is_open = True

    def send(self) -> None:
        request = self._load.next()
        if request is None:
            self._end()
            return
        self._sent_at = time.perf_counter()
        self.say(request)

    @override
    def answered(self, status: int, body: bytes) -> None:
        source = self._load.plan.source
        if status != source.status or source.good not in body:
            self._load.fail(f"The answer was {status} {body[:500]!r}.")
        now = time.perf_counter()
        self._load.times.append((now, now - self._sent_at))
        self.send()

    @override
    def lost(self) -> None:
        self._load.fail("The server closed a connection.")
        self._end()

    def _end(self) -> None:
        self.hang_up()
        if self._is_open:
            self._is_open = False
            self._load.open -= 1
            if not self._load.open:
                self._load.over.set()


def drive(plan: Plan) -> Told:
    """Send load by *plan*.

    Raises:
        RuntimeError: an answer was not as it should be.
    """
    loads: list[Load] = []

    async def go() -> None:
        loads.append(Load(plan))
        await loads[0].go()

    began, busy = time.perf_counter(), time.process_time()
    run(go())
    busy, took = time.process_time() - busy, time.perf_counter() - began
    return _told(loads[0], busy / took)


def _told(load: Load, busy: float) -> Told:
    first, last = load.times[0][0], load.times[-1][0]
    from_here = first + (last - first) * WARM_UP
    counted = sorted(seconds for at, seconds in load.times if at >= from_here)
    return Told(
        rate=len(counted) / max(last - from_here, 1e-9),
        next=load.index,
        p50=counted[len(counted) // 2],
        p99=counted[int(len(counted) * 0.99)],
        busy=busy,
    )
