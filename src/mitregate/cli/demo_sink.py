"""The receiver in the demo: takes callbacks on a socket of its own and proves their signatures."""

import asyncio
from datetime import timedelta
from typing import Self

import msgspec
from msgspec import Struct

from mitregate.core.errors import MitregateError
from mitregate.wire.signatures import verify

TOLERANCE = timedelta(minutes=5)
"""How old a message may be, as the Standard Webhooks specification suggests."""


class Told(Struct, frozen=True, kw_only=True, rename="camel"):
    """What a callback says, as far as the demo looks at it."""

    gating_status: str
    deployment_sequence_number: int


class Heard(Struct, frozen=True, kw_only=True):
    """A callback whose signature was proved; `message_id` is the same over all tries."""

    told: Told
    message_id: str
    signature: str


class Sink:
    """A receiver on a free port of this machine; an async context manager."""

    def __init__(self) -> None:
        """Begin having heard nothing; `secret` is set when the app is known."""
        self.secret = ""
        self.url = ""
        self.heard: list[Heard] = []
        self.doubts: list[str] = []
        self._server: asyncio.Server | None = None
        self._news = asyncio.Condition()

    async def __aenter__(self) -> Self:
        """Listen."""
        self._server = await asyncio.start_server(self._receive, "127.0.0.1", 0)
        port = self._server.sockets[0].getsockname()[1]
        self.url = f"http://127.0.0.1:{port}/hooks/gate"
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop listening."""
        if self._server is not None:
            self._server.close()

    async def hear(self, status: str, number: int, seconds: float) -> Heard | None:
        """Wait for the callback that tells *status* of deployment *number*; None if none comes in time."""

        def found() -> Heard | None:
            wanted = Told(gating_status=status, deployment_sequence_number=number)
            return next((heard for heard in self.heard if heard.told == wanted), None)

        async with self._news:
            try:
                async with asyncio.timeout(seconds):
                    await self._news.wait_for(lambda: found() is not None)
            except TimeoutError:
                pass
        return found()

    async def _receive(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            headers, body = await _read(reader)
            status = await self._judge(headers, body)
            writer.write(f"HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n".encode())
            await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # the server was killed in the middle of it, which is part of the demo; it tells again
        finally:
            writer.close()

    async def _judge(self, headers: dict[str, str], body: bytes) -> str:
        """Believe what is signed, and only that."""
        from mitregate import wiring

        try:
            message_id = verify(self.secret, headers, body, now=wiring.now(), tolerance=TOLERANCE)
            told = msgspec.json.decode(body, type=Told)
        except (MitregateError, msgspec.DecodeError) as error:
            self.doubts.append(str(error))
            return "401 Unauthorized"
        async with self._news:
            self.heard.append(Heard(told=told, message_id=message_id, signature=headers["webhook-signature"]))
            self._news.notify_all()
        return "204 No Content"


async def _read(reader: asyncio.StreamReader) -> tuple[dict[str, str], bytes]:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    pairs = (line.partition(":") for line in head.split("\r\n")[1:] if line)
    headers = {name.strip().lower(): value.strip() for name, _, value in pairs}
    return headers, await reader.readexactly(int(headers.get("content-length", "0")))
