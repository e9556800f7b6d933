"""The cases that count requests per second, each against its ceiling."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
from typing import TypeVar

from msgspec import Struct

from benchmarks import bare_driver, load
from benchmarks.bare_driver import BareRead, BareWrite
from benchmarks.bare_web import serving_bare
from benchmarks.bodies import Source, reads, submits
from benchmarks.figures import Figure, together
from benchmarks.load import Plan
from benchmarks.places import Place, Server, await_port, free_port

P = TypeVar("P")
R = TypeVar("R")

CALLERS = 32
"""Requests under way at once."""

SUBMIT_TARGET, READ_TARGET = 0.4, 0.5

STRIDE = 10_000_000
"""Numbers of deployments that each case keeps to itself."""


class Pace(Struct, frozen=True, kw_only=True):
    """How long and how often: seconds of one measurement, rounds, and deployments that are there to be read."""

    seconds: float
    rounds: int
    span: int


class Bench:
    """Where rounds are run: the load generator and the bare driver have a process of their own, one after the other."""

    def __init__(self, place: Place, server: Server, bare_port: int, pool: ProcessPoolExecutor) -> None:
        self.place = place
        self.server = server
        self._bare_port = bare_port
        self._pool = pool

    def apart(self, work: Callable[[P], R], plan: P) -> R:
        """Do *work* in the other process and wait for it."""
        return self._pool.submit(work, plan).result()

    def load(self, source: Source, seconds: float, first: int = 0, *, limit: int = 0, bare: bool = False) -> load.Told:
        """Send load to the server, or to the bare app."""
        port = self._bare_port if bare else self.server.port
        plan = Plan(port=port, source=source, callers=CALLERS, seconds=seconds, first=first, limit=limit)
        return self.apart(load.drive, plan)


@contextmanager
def bench(place: Place, server: Server) -> Iterator[Bench]:
    """Set up what all rounds on one server need."""
    port = free_port()
    with serving_bare(port), ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        await_port(port)
        yield Bench(place, server, port, pool)


def submit(bench: Bench, pace: Pace, count: int) -> Figure:
    """Measure submits of *count* gated deployments each."""
    source = submits(bench.place.polling, count)
    mine = STRIDE * (1 + count)
    ours, theirs = mine, mine
    bench.load(source, pace.seconds / 4, bare=True)
    told: list[load.Told] = []
    ceilings: list[float] = []
    parts = ""
    for _ in range(pace.rounds):
        told.append(bench.load(source, pace.seconds, ours))
        web = bench.load(source, pace.seconds, bare=True)
        plan = BareWrite(url=bench.place.ceiling_url, count=count, callers=CALLERS, seconds=pace.seconds, first=theirs)
        driver = bench.apart(bare_driver.write, plan)
        ceilings.append(together(web.rate, driver.rate))
        ours, theirs = told[-1].next, driver.next
        parts = f"bare web {web.rate:,.0f}/s, driver {driver.rate:,.0f}/s of {driver.statements} statements"
    return _figure(bench, f"submit of {count}", told=told, ceilings=ceilings, target=SUBMIT_TARGET, note=parts)


def read(bench: Bench, pace: Pace) -> Figure:
    """Measure reads of the gating status."""
    many = submits(bench.place.polling, 1)
    bench.load(many, 60.0, limit=pace.span)
    bench.apart(bare_driver.fill, BareRead(url=bench.place.ceiling_url, span=pace.span, seconds=0))
    source = reads(bench.place.polling, pace.span)
    told: list[load.Told] = []
    ceilings: list[float] = []
    parts = ""
    for _ in range(pace.rounds):
        told.append(bench.load(source, pace.seconds))
        web = bench.load(source, pace.seconds, bare=True)
        plan = BareRead(url=bench.place.ceiling_url, span=pace.span, seconds=pace.seconds / 2)
        driver = bench.apart(bare_driver.read, plan)
        ceilings.append(together(web.rate, driver.rate))
        parts = f"bare web {web.rate:,.0f}/s, driver {driver.rate:,.0f}/s"
    return _figure(bench, "gating-status read", told=told, ceilings=ceilings, target=READ_TARGET, note=parts)


def _figure(
    bench: Bench, name: str, *, told: Sequence[load.Told], ceilings: Sequence[float], target: float, note: str
) -> Figure:
    last = told[-1]
    times = f"p50 {last.p50 * 1000:.1f} ms, p99 {last.p99 * 1000:.1f} ms, load generator {last.busy:.0%} of a core"
    return Figure(
        name=name,
        engine=bench.place.engine,
        unit="/s",
        values=tuple(one.rate for one in told),
        ceilings=tuple(ceilings),
        target=target,
        note=f"{times}; {note}",
    )
