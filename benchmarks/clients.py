"""Clients of the native API and a sink for callbacks, for the cases that measure how long things take."""

import asyncio
import time
from collections.abc import Iterable
from typing import cast

import msgspec
from msgspec import Struct
from typing_extensions import override

from benchmarks.bodies import FIRST, submits
from benchmarks.talk import END, HOST, Caller, call, request

BULK = 50
PAGE = 200


class Gate(Struct, frozen=True, kw_only=True, rename="camel"):
    """What of a gate is needed here."""

    id: str
    pipeline_id: str
    deployment_sequence_number: int
    change_key: str
    gating_status: str

    @property
    def key(self) -> tuple[str, int]:
        """The deployment: all are in one environment."""
        return self.pipeline_id, self.deployment_sequence_number


class _Page(Struct, frozen=True):
    items: list[Gate]
    next: str | None = None


class Told(Struct, frozen=True, rename="camel"):
    """What of a callback is needed here."""

    pipeline_id: str
    deployment_sequence_number: int
    gating_status: str


GATE = msgspec.json.Decoder(Gate)
PAGES = msgspec.json.Decoder(_Page)
TOLD = msgspec.json.Decoder(Told)


class Sink:
    """Takes callbacks, and notes when each arrived: by deployment and gating status, in seconds of `perf_counter`.

    `taken` is how many came, repeated ones among them.
    """

    def __init__(self) -> None:
        self.arrived: dict[tuple[str, int, str], float] = {}
        self.taken = 0
        self._servers: list[asyncio.Server] = []

    async def listen(self, port: int) -> None:
        """Begin to listen on a port."""
        self._servers.append(await asyncio.get_running_loop().create_server(lambda: _Receiving(self), HOST, port))

    def close(self) -> None:
        """Stop listening."""
        for server in self._servers:
            server.close()

    async def has(self, keys: Iterable[tuple[str, int]], status: str, within: float) -> None:
        """Wait until all *keys* were told *status*.

        Raises:
            RuntimeError: they were not, after *within* seconds.
        """
        missing = {(*key, status) for key in keys}
        end = time.monotonic() + within
        while missing := missing - self.arrived.keys():
            if time.monotonic() > end:
                raise RuntimeError(f"{len(missing)} callbacks did not arrive within {within} s.")
            await asyncio.sleep(0.02)


class _Receiving(asyncio.Protocol):
    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._transport: asyncio.Transport | None = None
        self._begun = b""

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    @override
    def data_received(self, data: bytes) -> None:
        now = time.perf_counter()
        data = self._begun + data
        head, end, body = data.partition(END)
        length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0] or 0)
        if not end or len(body) < length:
            self._begun = data
            return
        self._begun = b""
        told = TOLD.decode(body)
        self._sink.taken += 1
        self._sink.arrived[told.pipeline_id, told.deployment_sequence_number, told.gating_status] = now
        if self._transport is not None:
            self._transport.write(b"HTTP/1.1 204 No Content\r\n\r\n")


async def submit(port: int, token: str, number: int, first: int) -> list[Gate]:
    """Submit *number* gated deployments, and give their gates.

    Args:
        port: where the server listens.
        token: the token of the app.
        number: how many, a multiple of `BULK`.
        first: the index of the first request.
    """
    caller = await call(port)
    source = submits(token, BULK)
    for index in range(first, first + number // BULK):
        answer = await caller.ask(source.make(index))
        if answer.status != source.status:
            raise RuntimeError(f"The answer was {answer.status} {answer.body[:500]!r}.")
    numbers = range(FIRST + first, FIRST + first + number // BULK)
    gates: list[Gate] = []
    path = f"/api/v1/gates?limit={PAGE}"
    following: str | None = ""
    while following is not None and len(gates) < number:
        page = PAGES.decode((await caller.ask(request("GET", path + following, token))).body)
        gates += [gate for gate in page.items if gate.deployment_sequence_number in numbers]
        following = f"&cursor={page.next}" if page.next else None
    caller.hang_up()
    if len(gates) != number:
        raise RuntimeError(f"{len(gates)} of {number} gates are there.")
    return gates


async def approve(caller: Caller, token: str, change_key: str) -> float:
    """Approve a change; give the instant at which the answer was there.

    Raises:
        RuntimeError: the server refused.
    """
    answer = await caller.ask(request("POST", f"/api/v1/changes/{change_key}/approve", token))
    if answer.status != 200:
        raise RuntimeError(f"The answer was {answer.status} {answer.body[:500]!r}.")
    return time.perf_counter()
