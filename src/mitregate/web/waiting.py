"""Waiting: long polls that are woken by the commit that concerns them, not by a clock."""

import asyncio
from collections import defaultdict
from typing import Self

from mitregate.ports import Touched


class Waiters:
    """Those who wait for a gate to be touched."""

    def __init__(self) -> None:
        """Begin with nobody waiting."""
        self._futures: defaultdict[str, set[asyncio.Future[None]]] = defaultdict(set)
        self._is_closing = False

    def notice(self, touched: Touched) -> None:
        """Wake those who wait for a gate that a commit touched; all of them, if it is not known which."""
        gates = list(self._futures) if touched.gates is None else touched.gates
        for gate_id in gates:
            for future in self._futures.get(gate_id, ()):
                if not future.done():
                    future.set_result(None)

    def expect(self, gate_id: str) -> "Expectation":
        """Begin to listen for *gate_id*; what is committed from now on is not missed."""
        return Expectation(self._futures, gate_id)

    async def changed(self, gate_id: str, timeout: float) -> None:  # noqa: ASYNC109
        """Return when *gate_id* was touched, or after *timeout* seconds."""
        with self.expect(gate_id) as expectation:
            await expectation.wait(timeout)

    def release(self) -> None:
        """Wake everybody, because the server stops."""
        self._is_closing = True
        self.notice(Touched(gates=None))

    @property
    def is_closing(self) -> bool:
        """Whether the server stops and nobody should wait any more."""
        return self._is_closing

    def __len__(self) -> int:
        """Count those who wait."""
        return sum(len(futures) for futures in self._futures.values())


class Expectation:
    """One who waits; a context manager, so that nobody is left on the list."""

    def __init__(self, futures: defaultdict[str, set[asyncio.Future[None]]], gate_id: str) -> None:
        """Know the list to stand on."""
        self._futures = futures
        self._gate_id = gate_id
        self._future: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def __enter__(self) -> Self:
        """Step on the list."""
        self._futures[self._gate_id].add(self._future)
        return self

    def __exit__(self, *_: object) -> None:
        """Step off the list."""
        waiting = self._futures[self._gate_id]
        waiting.discard(self._future)
        if not waiting:
            del self._futures[self._gate_id]

    async def wait(self, timeout: float, *also: asyncio.Future[None]) -> None:  # noqa: ASYNC109
        """Return when the gate was touched since `expect`, after *timeout* seconds, or when one of *also* is done."""
        await asyncio.wait([self._future, *also], timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
