"""What a connection may cost: heads and requests without end, and requests that never arrive."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from itertools import repeat

import pytest

from mitregate.web import plain
from mitregate.web.connection import HEAD_LIMIT, REQUEST_LIMIT
from mitregate.web.server import bind, make_server

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]

LINE = b"POST /bulk HTTP/1.1\r\nHost: gate.test\r\n"
SOON = 0.3
"""Seconds in which a request must arrive here."""


async def read_all(scope: plain.Scope, receive: plain.Receive, send: plain.Send) -> None:
    """Read the body, then say how long it was, after a pause if the path asks for one."""
    body = await plain.read_body(receive, REQUEST_LIMIT)
    if scope["path"] == "/slow":
        await asyncio.sleep(2 * SOON)
    await plain.reply(send, 200, str(len(body)).encode())


@contextlib.asynccontextmanager
async def served(patience: float) -> AsyncIterator[int]:
    """Serve on a free port of this machine, which is given."""
    server = make_server(read_all, lambda: None, patience)
    with bind("127.0.0.1", 0) as listener:
        task = asyncio.create_task(server.serve([listener]))
        await server.listening.wait()
        yield listener.getsockname()[1]
        server.should_exit = True
        await task


async def send_on(streams: Streams, parts: Iterator[bytes], most: int) -> int:
    """Send until the server has had enough, or *most* bytes are sent; say how many were."""
    sent = 0
    with contextlib.suppress(ConnectionError):
        for part in parts:
            streams[1].write(part)
            await streams[1].drain()
            sent += len(part)
            if sent >= most or streams[0].at_eof():
                break
            await asyncio.sleep(0)
    return sent


@pytest.mark.parametrize(
    ("begin", "part"),
    [
        (b"GET /", b"a" * 4096),
        (LINE + b"X-Long: ", b"a" * 4096),
        (LINE, b"X-Many: a\r\n" * 400),
        (LINE + b"Transfer-Encoding: chunked\r\n\r\n0\r\n", b"X-Trailer: a\r\n" * 400),
    ],
    ids=["path", "header", "headers", "trailers"],
)
async def test_a_head_without_end_is_cut_off(begin: bytes, part: bytes) -> None:
    """Nobody can take the server's memory with a request line, headers or trailers that never end."""
    async with served(30) as port:
        streams = await asyncio.open_connection("127.0.0.1", port)
        streams[1].write(begin)
        # What lies in the buffers of both sockets when the server closes counts as sent, too.
        assert await send_on(streams, repeat(part), 64 * HEAD_LIMIT) < 64 * HEAD_LIMIT
        streams[1].close()


async def test_a_request_without_end_is_cut_off() -> None:
    """A body goes on being read past the point at which it is refused, but not for ever."""
    async with served(30) as port:
        streams = await asyncio.open_connection("127.0.0.1", port)
        streams[1].write(LINE + b"Content-Length: 1000000000\r\n\r\n")
        assert await send_on(streams, repeat(b"a" * 65536), 3 * REQUEST_LIMIT) < 3 * REQUEST_LIMIT
        streams[1].close()


@pytest.mark.parametrize(
    "begin",
    [b"", b"\r\n", b"POST /bulk HT", LINE, LINE + b"Content-Length: 10\r\n\r\nabc"],
    ids=["nothing", "line break", "half a line", "half a head", "half a body"],
)
async def test_a_request_that_does_not_arrive_is_given_up(begin: bytes) -> None:
    """A connection on which no whole request arrives in time is closed, whatever has come of it."""
    async with served(SOON) as port:
        streams = await asyncio.open_connection("127.0.0.1", port)
        streams[1].write(begin)
        async with asyncio.timeout(5):
            assert await streams[0].read() == b""
        streams[1].close()


async def test_line_breaks_after_a_request_do_not_keep_a_connection() -> None:
    """Line breaks behind a request, which mean nothing, do not keep its connection open for ever."""
    async with served(SOON) as port:
        streams = await asyncio.open_connection("127.0.0.1", port)
        streams[1].write(b"GET / HTTP/1.1\r\nHost: gate.test\r\n\r\n")
        await streams[0].readuntil(b"\r\n\r\n0")
        streams[1].write(b"\r\n")
        async with asyncio.timeout(5):
            assert await streams[0].read() == b""
        streams[1].close()


async def test_an_answer_may_take_longer_than_a_request() -> None:
    """Who waits for an answer is not cut off, and neither is a connection that is idle between two requests."""
    async with served(SOON) as port:
        streams = await asyncio.open_connection("127.0.0.1", port)
        for path in (b"/slow", b"/again"):
            streams[1].write(b"GET " + path + b" HTTP/1.1\r\nHost: gate.test\r\n\r\n")
            async with asyncio.timeout(5):
                assert (await streams[0].readuntil(b"\r\n\r\n0")).startswith(b"HTTP/1.1 200")
            await asyncio.sleep(2 * SOON)
        streams[1].close()
