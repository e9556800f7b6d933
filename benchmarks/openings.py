"""The case of gates whose windows all open at once: how long it takes until every one of them has been announced."""

import asyncio
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from multiprocessing import get_context

import aiohttp
from msgspec import Struct

from benchmarks.bare_web import STATUS
from benchmarks.clients import Sink
from benchmarks.crowds import Crowd, admitted, gathered
from benchmarks.figures import Figure
from benchmarks.places import Place, free_port, serving
from benchmarks.rates import STRIDE
from benchmarks.talk import HOST
from mitregate.wiring import run
from mitregate.worker import LANE_LIMIT

TARGET_S = 10.0

PATIENCE_S = 120.0

APPS = (1, 10)
"""How many apps have submitted the deployments, each of which is called back on a port of its own."""

MOST_ROUNDS = 3

MOST_POSTS = 5000
"""As many bare posts are enough to know their rate."""


class Hearing(Struct, frozen=True, kw_only=True):
    """How many callbacks are taken, and on which ports."""

    ports: list[int]
    count: int


def hear(plan: Hearing, ready: Callable[[], object] = lambda: None) -> Sink:
    """Take callbacks until all have come; *ready* is called when they may come.

    Raises:
        RuntimeError: they did not come within `PATIENCE_S`.
    """
    sink = Sink()

    async def go() -> None:
        for port in plan.ports:
            await sink.listen(port)
        ready()
        end = time.perf_counter() + PATIENCE_S
        while sink.taken < plan.count:
            if time.perf_counter() > end:
                raise RuntimeError(f"{sink.taken} of {plan.count} callbacks arrived within {PATIENCE_S} s.")
            await asyncio.sleep(0.02)
        sink.close()

    run(go())
    return sink


class Posting(Struct, frozen=True, kw_only=True):
    """So many posts, to receivers on these ports."""

    ports: list[int]
    count: int


def post(plan: Posting) -> float:
    """Post the same body again and again, as many at once as the worker does for so many receivers; give the rate."""
    found: list[float] = []

    async def go() -> None:
        found.append(await _post(plan))

    run(go())
    return found[0]


async def _post(plan: Posting) -> float:
    urls = iter([f"http://{HOST}:{port}/hook" for port in plan.ports] * (plan.count // len(plan.ports)))
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:

        async def caller() -> None:
            for url in urls:
                async with session.post(url, data=STATUS, headers={"content-type": "application/json"}) as reply:
                    await reply.read()

        began = time.perf_counter()
        await asyncio.gather(*(caller() for _ in range(LANE_LIMIT * len(plan.ports))))
        return plan.count / (time.perf_counter() - began)


class Plan(Struct, frozen=True, kw_only=True):
    """How many gates of how many apps are to open; their deployments have numbers from the index `first` on."""

    gates: int
    apps: int
    first: int
    rounds: int


class Told(Struct, frozen=True, kw_only=True):
    """What came of a round: seconds until half of the gates and until all were told, and bare posts per second."""

    gates: int
    half: float
    all: float
    posts: float
    made_ms: float


def openings(place: Place, gates: int, rounds: int, *, is_brief: bool = False) -> Iterator[Figure]:
    """Measure how long *gates* that open at once take until they are announced, to one app and to ten; or to two."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        for number, apps in enumerate((2,) if is_brief else APPS):
            plan = Plan(gates=gates, apps=apps, first=STRIDE * (80 + number), rounds=min(rounds, MOST_ROUNDS))
            yield from _figures(place, apps, list(_rounds(place, pool, plan)))


def _rounds(place: Place, pool: ProcessPoolExecutor, plan: Plan) -> Iterator[Told]:
    ports = [free_port() for _ in range(plan.apps)]
    apps = asyncio.run(admitted(place, ports))
    for turn in range(plan.rounds):
        with serving(place):
            crowd = asyncio.run(gathered(place, apps, plan.gates, plan.first + turn * plan.gates))
            times = _opened(ports, crowd)
        yield Told(
            gates=crowd.gates,
            half=times[len(times) // 2],
            all=times[-1],
            posts=_bare_rate(pool, Posting(ports=ports, count=min(crowd.gates, MOST_POSTS))),
            made_ms=crowd.each_ms,
        )


def _opened(ports: list[int], crowd: Crowd) -> list[float]:
    """Take the callbacks of gates that open; give how many seconds after their opening each came, in order."""
    opening = time.perf_counter() + crowd.at.timestamp() - time.time()
    told = hear(Hearing(ports=ports, count=crowd.gates)).arrived
    statuses = {status for *_, status in told}
    if statuses != {"allowed"} or len(told) != crowd.gates:
        raise RuntimeError(f"{len(told)} of {crowd.gates} deployments were told {statuses}.")
    return sorted(at - opening for at in told.values())


def _bare_rate(pool: ProcessPoolExecutor, posting: Posting) -> float:
    told: list[Future[float]] = []
    hear(Hearing(ports=posting.ports, count=posting.count), lambda: told.append(pool.submit(post, posting)))
    return told[0].result()


def _figures(place: Place, apps: int, told: Sequence[Told]) -> Iterator[Figure]:
    last = told[-1]
    name = f"{last.gates:,} windows open, {apps} app{'s'[: apps > 1]}"
    yield Figure(
        name=f"{name}: half are told",
        engine=place.engine,
        unit="s",
        values=tuple(one.half for one in told),
        note=f"made by the flows in {last.made_ms:.1f} ms each",
    )
    yield Figure(
        name=f"{name}: all are told",
        engine=place.engine,
        unit="s",
        values=tuple(one.all for one in told),
        ceilings=tuple(one.gates / one.posts for one in told),
        target=TARGET_S,
        note=f"the ceiling is as many bare posts, of which aiohttp makes {last.posts:,.0f}/s",
    )
