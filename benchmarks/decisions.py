"""The case that measures how long it takes from a decision to its callback."""

import asyncio
import time

from msgspec import Struct

from benchmarks.clients import BULK, Gate, Sink, approve, submit
from benchmarks.figures import Figure
from benchmarks.rates import STRIDE, Bench
from benchmarks.talk import Caller, call
from mitregate.wiring import run

RATE = 100
"""Decisions a second."""

APPROVERS = 8
"""Connections that approvals are sent on, in turn."""

PATIENCE = 30.0

TARGET = 0.250 * 1000


class Plan(Struct, frozen=True, kw_only=True):
    """How many decisions, on which server."""

    port: int
    sink: int
    called: str
    approver: str
    number: int
    first: int


class Times(Struct, frozen=True, kw_only=True):
    """Milliseconds of each decision: from the approval's answer to the callback, and from its sending."""

    answered: list[float]
    sent: list[float]


def decide(plan: Plan) -> Times:
    """Approve at a steady rate, and note when each callback arrives."""
    found: list[Times] = []

    async def go() -> None:
        found.append(await _decide(plan))

    run(go())
    return found[0]


async def _decide(plan: Plan) -> Times:
    sink = Sink()
    await sink.listen(plan.sink)
    gates = await submit(plan.port, plan.called, plan.number, plan.first)
    await sink.has([gate.key for gate in gates], "awaiting", PATIENCE)
    callers: asyncio.Queue[Caller] = asyncio.Queue()
    for _ in range(APPROVERS):
        callers.put_nowait(await call(plan.port))
    began = time.perf_counter() + 0.1
    moments = [began + place / RATE for place in range(len(gates))]
    answered = await asyncio.gather(
        *(_approve(plan, callers, gate, at) for gate, at in zip(gates, moments, strict=True))
    )
    await sink.has([gate.key for gate in gates], "allowed", PATIENCE)
    sink.close()
    arrived = [sink.arrived[*gate.key, "allowed"] for gate in gates]
    return Times(
        answered=sorted(max(0.0, (there - at) * 1000) for there, at in zip(arrived, answered, strict=True)),
        sent=sorted((there - at) * 1000 for there, at in zip(arrived, moments, strict=True)),
    )


async def _approve(plan: Plan, callers: "asyncio.Queue[Caller]", gate: Gate, at: float) -> float:
    await asyncio.sleep(at - time.perf_counter())
    caller = await callers.get()
    answered = await approve(caller, plan.approver, gate.change_key)
    callers.put_nowait(caller)
    return answered


def callbacks(bench: Bench, seconds: float, rounds: int) -> list[Figure]:
    """Measure how long it takes from a decision to its callback."""
    place = bench.place
    number = max(BULK, round(RATE * seconds / BULK) * BULK)
    told = [
        bench.apart(
            decide,
            Plan(
                port=bench.server.port,
                sink=place.sink,
                called=place.called,
                approver=place.approver,
                number=number,
                first=STRIDE * 60 + number * turn,
            ),
        )
        for turn in range(rounds)
    ]
    note = f"{RATE} decisions/s, {number} a round; from the sending of the approval"
    whole = f"{note} p50 {_at(told[-1].sent, 0.5):.1f} ms, p99 {_at(told[-1].sent, 0.99):.1f} ms"
    return [
        Figure(
            name=f"decision → callback, p{part * 100:.0f}",
            engine=place.engine,
            unit="ms",
            values=tuple(_at(times.answered, part) for times in told),
            target=TARGET if part == 0.99 else None,
            note=whole if part == 0.99 else "",
        )
        for part in (0.5, 0.99)
    ]


def _at(ordered: list[float], part: float) -> float:
    return ordered[min(len(ordered) - 1, int(len(ordered) * part))]
