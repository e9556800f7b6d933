"""The case of a long history: what a submit and a status read cost with and without many past deployments."""

import asyncio
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

from msgspec import Struct

from benchmarks import past
from benchmarks.bodies import Source, reads, submits
from benchmarks.figures import RATE, Figure
from benchmarks.load import Plan, Told, drive
from benchmarks.places import Place, Server, prepared, serving
from benchmarks.rates import CALLERS, STRIDE, Pace

TARGET = 0.8
"""The lowest part of the rate without history."""

PATIENCE_S = 60.0


class House(Struct, frozen=True, kw_only=True):
    """One of the two servers that are compared, and where load for it comes from."""

    place: Place
    server: Server
    pool: ProcessPoolExecutor

    def load(self, source: Source, seconds: float, first: int = 0, limit: int = 0) -> Told:
        """Send load to it."""
        port = self.server.port
        plan = Plan(port=port, source=source, callers=CALLERS, seconds=seconds, first=first, limit=limit)
        return self.pool.submit(drive, plan).result()


def histories(engine: str, server: str, count: int, pace: Pace) -> Iterator[Figure]:
    """Measure with *count* past deployments, against a database without any, in turn."""
    with (
        prepared(engine, server) as empty,
        prepared(engine, server) as full,
        ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool,
    ):
        asyncio.run(past.remember(full, count))
        with serving(empty) as one, serving(full) as other:
            without = House(place=empty, server=one, pool=pool)
            after = House(place=full, server=other, pool=pool)
            yield _submits(without, after, count, pace)
            yield from _reads(without, after, count, pace)


def _submits(without: House, after: House, count: int, pace: Pace) -> Figure:
    told: tuple[list[Told], list[Told]] = ([], [])
    for turn in range(pace.rounds):
        for place, house in _in_turn(turn, without, after):
            first = told[place][-1].next if told[place] else STRIDE
            told[place].append(house.load(submits(house.place.polling, 1), pace.seconds, first))
    return _figure(f"submit of 1 after {count:,}", after.place, *told)


def _reads(without: House, after: House, count: int, pace: Pace) -> Iterator[Figure]:
    for house in (without, after):
        house.load(submits(house.place.polling, 1), PATIENCE_S, limit=pace.span)
    told: tuple[list[Told], list[Told]] = ([], [])
    bygone: list[Told] = []
    for turn in range(pace.rounds):
        for place, house in _in_turn(turn, without, after):
            told[place].append(house.load(reads(house.place.polling, pace.span), pace.seconds))
        bygone.append(after.load(past.reads(after.place.polling, count), pace.seconds))
    yield _figure(f"status read after {count:,}", after.place, *told)
    yield _figure(f"status read of any of {count:,}", after.place, told[0], bygone)


def _in_turn(turn: int, *houses: House) -> Sequence[tuple[int, House]]:
    """Give the houses with their places, those of every other turn in the opposite order."""
    return list(enumerate(houses))[:: -1 if turn % 2 else 1]


def _figure(name: str, place: Place, without: Sequence[Told], after: Sequence[Told]) -> Figure:
    slow = f"p99 {without[-1].p99 * 1000:.1f} ms without, {after[-1].p99 * 1000:.1f} ms with them"
    return Figure(
        name=name,
        engine=place.engine,
        unit=RATE,
        values=tuple(one.rate for one in after),
        ceilings=tuple(one.rate for one in without),
        target=TARGET,
        note=f"the ceiling is the same without past deployments; {slow}",
    )
