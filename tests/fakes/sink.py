"""A receiver with memory on a real loopback socket; it answers as it was told, request by request.

In a test: `async with Sink() as sink`. In a script, a benchmark or a story with processes of its own, which have no
event loop: `with running_sink() as sink`, which runs it in a thread; `running` does so with any kind of sink.
"""

import asyncio
import ssl
import threading
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Self, TypeVar

from msgspec import Struct

Behaviour = Callable[[asyncio.StreamWriter], Awaitable[bool]]
"""Answers one request; says whether the connection can be used again."""


class Taken(Struct, frozen=True, kw_only=True):
    """A request as it arrived; header names are in lower case."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes
    at: datetime


# --- what it can be told to do ---


def answers(status: int = 200, body: bytes = b"", **headers: str) -> Behaviour:
    """Answer with a status; header names are written with underscores."""

    async def behave(writer: asyncio.StreamWriter) -> bool:
        fields = {name.replace("_", "-"): value for name, value in headers.items()} | {"content-length": str(len(body))}
        writer.write(_head(status, fields) + body)
        await writer.drain()
        return True

    return behave


def redirects(to: str, status: int = 302) -> Behaviour:
    """Point to another address."""
    return answers(status, location=to)


def is_busy(retry_after: str) -> Behaviour:
    """Answer 503 and ask to be left alone for a while."""
    return answers(503, retry_after=retry_after)


async def hangs(writer: asyncio.StreamWriter) -> bool:
    """Take the request and never answer."""
    await asyncio.sleep(3600)
    return False


async def hangs_up(writer: asyncio.StreamWriter) -> bool:
    """Close the connection without an answer."""
    return False


async def sends_garbage(writer: asyncio.StreamWriter) -> bool:
    """Answer with bytes that are not HTTP."""
    writer.write(b"\x00\x01\x02 this is no HTTP\r\n\r\n")
    await writer.drain()
    return False


async def breaks_off(writer: asyncio.StreamWriter) -> bool:
    """Promise a body of a thousand bytes, send ten, and close the connection."""
    writer.write(_head(200, {"content-length": "1000"}) + b"0123456789")
    await writer.drain()
    return False


def streams(chunk: bytes = b".", every: float = 0.05) -> Behaviour:
    """Answer 200 with a body without an end: *chunk* again and again, with a pause of *every* seconds."""

    async def behave(writer: asyncio.StreamWriter) -> bool:
        writer.write(_head(200, {"connection": "close"}))
        while not writer.is_closing():
            writer.write(chunk)
            await writer.drain()
            await asyncio.sleep(every)
        return False

    return behave


def _head(status: int, headers: dict[str, str]) -> bytes:
    try:
        words = HTTPStatus(status).phrase
    except ValueError:
        words = "Unheard Of"
    lines = [f"HTTP/1.1 {status} {words}", *(f"{name}: {value}" for name, value in headers.items())]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


# --- the receiver ---


class Sink:
    """Takes requests, remembers them, and answers as it was told.

    `default` is how it answers when nothing else was told; `requests` is what it took, in order.
    """

    def __init__(self, *, default: Behaviour | None = None, tls: ssl.SSLContext | None = None, port: int = 0) -> None:
        self.default = default or answers()
        self.requests: list[Taken] = []
        self.connections = 0
        self.port = port
        self._tls = tls
        self._told: deque[Behaviour] = deque()
        self._told_by_path: dict[str, Behaviour] = {}
        self._open: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    @property
    def url(self) -> str:
        """Where it listens, with a path."""
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self.port}/hook"

    def tell(self, *behaviours: Behaviour) -> None:
        """Say how to answer the next requests, one after another; after that it answers by default."""
        self._told.extend(behaviours)

    def tell_path(self, path: str, behaviour: Behaviour) -> None:
        """Say how to answer every request for *path*, whatever else was told."""
        self._told_by_path[path] = behaviour

    async def received(self, count: int, within: float = 5.0) -> list[Taken]:
        """Wait until *count* requests have arrived, for at most *within* seconds; give all so far."""
        return await asyncio.to_thread(self.wait, count, within)

    def wait(self, count: int, within: float = 5.0) -> list[Taken]:
        """Do as `received` does, from another thread."""
        end = time.monotonic() + within
        while len(self.requests) < count and time.monotonic() < end:
            time.sleep(0.005)
        if len(self.requests) < count:
            raise AssertionError(f"{len(self.requests)} of {count} requests arrived within {within} s")
        return list(self.requests)

    async def is_idle(self, within: float = 2.0) -> bool:
        """Wait until no connection is open, for at most *within* seconds; say whether that is so."""
        if self._open:
            await asyncio.wait(set(self._open), timeout=within)
        return not self._open

    async def __aenter__(self) -> Self:
        """Begin to listen; the same port again after an earlier end."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port, ssl=self._tls)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop listening and drop all connections."""
        if self._server is not None:
            self._server.close()
        # Who came in just now is on the list after a turn of the loop, and a closed connection is gone after another.
        await asyncio.sleep(0)
        for task in self._open:
            task.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)
        await asyncio.sleep(0)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._open.add(task)
        self.connections += 1
        try:
            while (taken := await _take(reader)) is not None:
                self.requests.append(taken)
                if not await self._behaviour(taken)(writer):
                    break
        except (ConnectionError, asyncio.CancelledError, ssl.SSLError):
            pass  # the client went away, or we do
        finally:
            self._open.discard(task)
            writer.close()

    def _behaviour(self, taken: Taken) -> Behaviour:
        by_path = self._told_by_path.get(taken.target.partition("?")[0])
        return by_path or (self._told.popleft() if self._told else self.default)


S = TypeVar("S", bound=Sink)


async def _take(reader: asyncio.StreamReader) -> Taken | None:
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    except asyncio.IncompleteReadError:
        return None
    first, *fields = head.rstrip("\r\n").split("\r\n")
    method, target, _ = first.split(" ")
    headers = {name.lower(): value.strip() for name, _, value in (field.partition(":") for field in fields)}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Taken(method=method, target=target, headers=headers, body=body, at=datetime.now(UTC))


def running_sink(*, default: Behaviour | None = None, port: int = 0) -> AbstractContextManager[Sink]:
    """Run a sink in a thread of its own, with `tell`, `wait` and `requests` usable from outside."""
    return running(Sink(default=default, port=port))


@contextmanager
def running(sink: S) -> Iterator[S]:
    """Run *sink* in a thread of its own."""
    listening, loop = threading.Event(), asyncio.new_event_loop()
    stop = asyncio.Event()

    async def run() -> None:
        async with sink:
            listening.set()
            await stop.wait()

    thread = threading.Thread(target=lambda: loop.run_until_complete(run()), name="sink", daemon=True)
    thread.start()
    if not listening.wait(5):
        raise AssertionError(f"the sink does not listen on port {sink.port}")
    try:
        yield sink
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(5)
        loop.close()
