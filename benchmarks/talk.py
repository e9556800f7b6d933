"""HTTP/1.1 as the load generator speaks it: prebuilt requests, keep-alive, no pipelining, no parsing beyond need."""

import asyncio
from abc import ABC, abstractmethod
from typing import cast

from msgspec import Struct
from typing_extensions import override

HOST = "127.0.0.1"

END = b"\r\n\r\n"
LENGTH = b"content-length:"


class Answer(Struct, frozen=True, kw_only=True):
    """What came back."""

    status: int
    body: bytes


class Line(asyncio.Protocol, ABC):
    """One connection, on which one request is under way at a time."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._begun = b""

    def say(self, request: bytes) -> None:
        """Send a request."""
        if self._transport is None:
            raise ConnectionError("The server closed the connection.")
        self._transport.write(request)

    def hang_up(self) -> None:
        """Close the connection."""
        if self._transport is not None:
            self._transport.abort()
            self._transport = None

    @abstractmethod
    def answered(self, status: int, body: bytes) -> None:
        """Take the answer to the request under way."""

    def lost(self) -> None:
        """Take note that the server has closed the connection."""

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        if self._transport is not None:
            self._transport = None
            self.lost()

    @override
    def data_received(self, data: bytes) -> None:
        data = self._begun + data if self._begun else data
        head = data.find(END)
        if head < 0:
            self._begun = data
            return
        fields = data[:head].lower()
        at = fields.find(LENGTH)
        length = int(fields[at + len(LENGTH) :].partition(b"\r\n")[0]) if at >= 0 else 0
        if len(data) < head + len(END) + length:
            self._begun = data
            return
        self._begun = b""
        self.answered(int(data[9:12]), data[head + len(END) :])


class Caller(Line):
    """A connection to ask on: `await caller.ask(request)`."""

    def __init__(self) -> None:
        super().__init__()
        self._future: asyncio.Future[Answer] | None = None

    async def ask(self, request: bytes) -> Answer:
        """Send a request and wait for its answer.

        Raises:
            ConnectionError: the server closed the connection.
        """
        self._future = asyncio.get_running_loop().create_future()
        self.say(request)
        return await self._future

    @override
    def answered(self, status: int, body: bytes) -> None:
        if self._future is not None and not self._future.done():
            self._future.set_result(Answer(status=status, body=body))

    @override
    def lost(self) -> None:
        if self._future is not None and not self._future.done():
            self._future.set_exception(ConnectionError("The server closed the connection."))


async def call(port: int) -> Caller:
    """Open a connection to ask on."""
    _, caller = await asyncio.get_running_loop().create_connection(Caller, HOST, port)
    return caller


def request(method: str, path: str, token: str, body: bytes = b"") -> bytes:
    """Write a request."""
    lines = [f"{method} {path} HTTP/1.1", f"host: {HOST}", f"authorization: Bearer {token}"]
    if body or method == "POST":
        lines += ["content-type: application/json", f"content-length: {len(body)}"]
    return "\r\n".join([*lines, "", ""]).encode() + body
