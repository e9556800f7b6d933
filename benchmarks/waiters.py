"""The case of many waiters: long polls held open, each woken by its own gate's decision alone."""

import asyncio
import resource
import time

from msgspec import Struct

from benchmarks.clients import GATE, Gate, approve, submit
from benchmarks.figures import Figure
from benchmarks.places import memory_of
from benchmarks.rates import STRIDE, Bench
from benchmarks.talk import Answer, Caller, call, request
from mitregate.wiring import run

WAITERS = 2000

HOLD_S = 60
"""Seconds that each long poll may be held."""

AT_ONCE = 100
"""Connections that are opened at once."""

TARGET_MIB = 300


class Plan(Struct, frozen=True, kw_only=True):
    """How many waiters, on which server; their gates are submitted from index `first` on."""

    port: int
    polling: str
    approver: str
    waiters: int
    first: int
    pid: int


class Told(Struct, frozen=True, kw_only=True):
    """What came of it: milliseconds to the one that was woken, how many others woke, MiB, seconds to serve all."""

    woken_ms: float
    others: int
    memory: float
    all_s: float


class Waiter:
    """One long poll under way."""

    def __init__(self, gate: Gate, caller: Caller) -> None:
        self.gate = gate
        self.caller = caller
        self.task: asyncio.Task[Answer] | None = None
        self.at = 0.0

    def wait(self, token: str) -> None:
        """Send the long poll."""
        path = f"/api/v1/gates/{self.gate.id}/wait?timeout={HOLD_S}"
        self.task = asyncio.create_task(self._ask(request("GET", path, token)))

    async def _ask(self, asked: bytes) -> Answer:
        answer = await self.caller.ask(asked)
        self.at = time.perf_counter()
        return answer

    def require_allowed(self) -> None:
        """Check what was answered.

        Raises:
            RuntimeError: the poll did not end with `allowed`.
        """
        answer = self.task.result() if self.task is not None and self.task.done() else None
        if answer is None or answer.status != 200 or GATE.decode(answer.body).gating_status != "allowed":
            raise RuntimeError(f"A waiter was told {answer}.")


def hold(plan: Plan) -> Told:
    """Hold waiters open, wake one, then all."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = plan.waiters + 200
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    found: list[Told] = []

    async def go() -> None:
        found.append(await _hold(plan))

    run(go())
    return found[0]


async def _hold(plan: Plan) -> Told:
    gates = await submit(plan.port, plan.polling, plan.waiters, plan.first)
    waiters: list[Waiter] = []
    for start in range(0, len(gates), AT_ONCE):
        lot = gates[start : start + AT_ONCE]
        callers = await asyncio.gather(*(call(plan.port) for _ in lot))
        waiters += [Waiter(gate, caller) for gate, caller in zip(lot, callers, strict=True)]
        for waiter in waiters[start:]:
            waiter.wait(plan.polling)
    memory = await _memory_at_rest(plan.pid)
    if any(waiter.task is not None and waiter.task.done() for waiter in waiters):
        raise RuntimeError("A waiter was answered before anything was decided.")
    caller = await call(plan.port)
    one = waiters[len(waiters) // 2]
    approved = await approve(caller, plan.approver, one.gate.change_key)
    await asyncio.sleep(0.5)
    one.require_allowed()
    others = sum(waiter.task is not None and waiter.task.done() for waiter in waiters) - 1
    began = time.perf_counter()
    for waiter in waiters:
        if waiter is not one:
            await approve(caller, plan.approver, waiter.gate.change_key)
    await asyncio.wait([waiter.task for waiter in waiters if waiter.task is not None], timeout=HOLD_S)
    for waiter in waiters:
        waiter.require_allowed()
        waiter.caller.hang_up()
    took = max(waiter.at for waiter in waiters) - began
    return Told(woken_ms=max(0.0, (one.at - approved) * 1000), others=others, memory=memory, all_s=took)


async def _memory_at_rest(pid: int) -> float:
    """Wait until the server's memory does not grow any more."""
    seen = 0.0
    while (now := memory_of(pid)) > seen:
        seen = now
        await asyncio.sleep(1)
    return now


def waiting(bench: Bench, number: int) -> list[Figure]:
    """Measure what waiters cost, and whether each is woken by its own gate alone."""
    plan = Plan(
        port=bench.server.port,
        polling=bench.place.polling,
        approver=bench.place.approver,
        waiters=number,
        first=STRIDE * 70,
        pid=bench.server.process.pid,
    )
    told = bench.apart(hold, plan)
    if told.others:
        raise RuntimeError(f"{told.others} waiters were woken by a decision on another gate.")
    engine = bench.place.engine
    woken = f"all {number} served, {number / told.all_s:,.0f} decisions/s one after another"
    return [
        Figure(name=f"{number} waiters, memory", engine=engine, unit="MiB", values=(told.memory,), target=TARGET_MIB),
        Figure(name=f"{number} waiters, one woken", engine=engine, unit="ms", values=(told.woken_ms,), note=woken),
    ]
