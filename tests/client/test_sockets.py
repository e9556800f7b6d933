"""Both clients over real sockets: what a reply is, and why there was none."""

import asyncio
import inspect
import time

import pytest

from mitregate.client import AsyncClient, Client, Pause, Request, Retries
from mitregate.core.errors import Misconfigured, MitregateError, Unreachable
from tests.client.asking import Open
from tests.client.scripted import APP, KEY, gating
from tests.fakes.sink import (
    Behaviour,
    Sink,
    answers,
    breaks_off,
    hangs,
    hangs_up,
    is_busy,
    redirects,
    sends_garbage,
    streams,
)

BRISK = Retries(pauses=(0.01, 0.01))


def test_both_are_asked_alike() -> None:
    """What one client can be asked, the other can be asked in the same words."""

    def asked(kind: type[Client | AsyncClient]) -> dict[str, object]:
        found = inspect.getmembers(kind, inspect.isfunction)
        return {
            name: (inspect.signature(method).parameters, inspect.signature(method).return_annotation)
            for name, method in found
            if name == "__init__" or not name.startswith("_")
        }

    assert asked(Client) == asked(AsyncClient)
    assert {"submit", "read", "delete", "delete_by_properties", "gating_status", "wait"} < set(asked(Client))


async def test_a_request_arrives_as_it_was_written(opened: Open, sink: Sink) -> None:
    """Method, target, headers and body reach the server, and its reply the dialogue."""
    sink.tell(answers(201, b"made", x_Request_Id="7", x_twice="a"))
    target = "/x/%7Ea%2fb?x=%41+b&jwt=a.b-c"
    async with opened() as ask:
        request = Request(method="PUT", url=target, headers={"x-colour": "red"}, body=b'{"a":1}')
        reply = await ask("send", request)
    assert (reply.status, reply.body, reply.headers["x-request-id"]) == (201, b"made", "7")
    (taken,) = sink.requests
    assert (taken.method, taken.target, taken.body) == ("PUT", target, b'{"a":1}')
    assert (taken.headers["x-colour"], taken.headers["authorization"]) == ("red", "Bearer mga_1")
    assert taken.headers["user-agent"].startswith("Mitregate/")
    assert taken.headers["accept-encoding"] == "identity"
    assert taken.headers["host"] == f"127.0.0.1:{sink.port}"


async def test_a_token_is_fetched_once(opened: Open, sink: Sink) -> None:
    """One token serves many operations, which go over one connection."""
    async with opened(APP) as ask:
        for _ in range(3):
            assert (await ask("gating_status", KEY)).is_allowed
    paths = [taken.target.rpartition("/")[2] for taken in sink.requests]
    assert paths == ["token", "gating-status", "gating-status", "gating-status"]
    assert sink.connections == 1


@pytest.mark.parametrize(
    ("behaviour", "sentence"),
    [
        pytest.param(hangs, "it took longer than 1 s", id="hangs"),
        pytest.param(streams(), "it took longer than 1 s", id="drips"),
        pytest.param(sends_garbage, "what it sent is not HTTP", id="garbage"),
        pytest.param(breaks_off, "its reply broke off", id="breaks-off"),
        pytest.param(hangs_up, "it closed the connection without a reply", id="hangs-up"),
        pytest.param(answers(200, x_long="x" * 100_000), "what it sent is not HTTP", id="headers-too-long"),
    ],
)
async def test_a_fault_is_told_in_words(opened: Open, sink: Sink, behaviour: Behaviour, sentence: str) -> None:
    """Every way of not answering is told by both clients in the same words."""
    sink.default = behaviour
    async with opened(timeout=1.0) as ask:
        with pytest.raises(Unreachable) as caught:
            await ask("read", KEY)
    assert caught.value.message == f"127.0.0.1:{sink.port} gave no reply: {sentence}."


async def test_nobody_listens(opened: Open) -> None:
    """A refused connection is told as such."""
    async with Sink() as gone:
        port = gone.port
    async with opened(at=f"http://127.0.0.1:{port}/gate") as ask:
        with pytest.raises(Unreachable) as caught:
            await ask("read", KEY)
    assert caught.value.message == f"127.0.0.1:{port} gave no reply: connection refused."


@pytest.mark.parametrize("host", ["no-such-host.invalid", "x" * 64 + ".invalid"])
async def test_a_name_that_cannot_be_resolved(opened: Open, host: str) -> None:
    """A name that DNS does not know, or that cannot even be asked for, is told as such."""
    async with opened(at=f"http://{host}") as ask:
        with pytest.raises(Unreachable, match="its name cannot be resolved"):
            await ask("read", KEY)


async def test_trouble_is_tried_again(opened: Open, sink: Sink) -> None:
    """What passes is tried again, each pause is told before it begins, and the end is a good one."""
    told: list[Pause] = []
    sink.tell(hangs_up, is_busy("0"))
    async with opened(on_pause=told.append) as ask:
        reply = await ask("send", Request(method="POST", url="/x", body=b"{}"), retries=BRISK)
    assert reply.status == 200
    assert [pause.because and pause.because.message.partition(" ")[2] for pause in told] == [
        "gave no reply: it closed the connection without a reply.",
        "server answered 503.",
    ]
    assert len(sink.requests) == 3


async def test_a_pause_that_is_asked_for_is_kept(opened: Open, sink: Sink) -> None:
    """Between a 429 and the next try there is as much time as the server asked for."""
    sink.tell(answers(429, retry_after="1"))
    async with opened(retries=BRISK) as ask:
        assert (await ask("gating_status", KEY)).is_allowed
    first, second = sink.requests
    assert (second.at - first.at).total_seconds() >= 1


async def test_a_wait_survives_a_server_that_is_away(opened: Open, sink: Sink) -> None:
    """Who waits goes on when the server vanishes and comes back, and hears what was decided in between."""
    sink.default = answers(200, gating().body)
    async with opened(APP) as ask:
        waiting = asyncio.create_task(ask("wait", KEY, timeout=60, poll_every=0.05))
        await sink.received(4)
        await sink.__aexit__()
        await asyncio.sleep(0.3)
        assert not waiting.done()
        sink.default = answers(200, gating("prevented").body)
        await sink.__aenter__()
        assert (await waiting).gating_status == "prevented"


# --- bounds ---


@pytest.mark.parametrize("size", [0, 1, 99_999, 100_000, 100_001, 400_000])
async def test_a_long_body_is_cut_off(opened: Open, sink: Sink, size: int) -> None:
    """A body is cut off where it is longer than is wanted, and the next exchange is none the worse."""
    sink.tell(answers(200, b"x" * size), answers(200, b"next"))
    async with opened(largest_body=100_000) as ask:
        reply = await ask("send", Request(method="GET", url="/"))
        assert (reply.status, len(reply.body)) == (200, min(size, 100_000))
        assert (await ask("send", Request(method="GET", url="/"))).body == b"next"


async def test_a_rest_that_comes_late_is_nobody_s_reply(opened: Open, sink: Sink) -> None:
    """What comes of a body after it was cut off is not taken for the reply to the next request."""

    async def dawdles(writer: asyncio.StreamWriter) -> bool:
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 100100\r\n\r\n" + b"x" * 100_050)
        await writer.drain()
        await asyncio.sleep(0.2)
        writer.write(b"x" * 50)
        await writer.drain()
        return True

    sink.tell(dawdles, answers(200, b"next"))
    async with opened(largest_body=100_000) as ask:
        for body in (b"x" * 100_000, b"next"):
            assert (await ask("send", Request(method="GET", url="/"))).body == body


async def test_an_endless_body_is_not_read_to_its_end(opened: Open, sink: Sink) -> None:
    """A fast stream without an end is cut off, and its connection closed."""
    sink.tell(streams(b"x" * 8192, every=0))
    async with opened(largest_body=100_000) as ask:
        assert len((await ask("send", Request(method="GET", url="/"))).body) == 100_000
        assert await sink.is_idle()


async def test_a_body_in_chunks(opened: Open, sink: Sink) -> None:
    """A body that comes in chunks is put together."""

    async def chunks(writer: asyncio.StreamWriter) -> bool:
        writer.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n")
        await writer.drain()
        return True

    sink.tell(chunks, chunks)
    async with opened() as ask:
        for _ in range(2):
            assert (await ask("send", Request(method="GET", url="/"))).body == b"abcde"
    assert sink.connections == 1


@pytest.mark.parametrize("method", ["HEAD", "DELETE", "OPTIONS"])
async def test_replies_without_a_body(opened: Open, sink: Sink, method: str) -> None:
    """A reply without a body leaves its connection usable."""

    async def nothing(writer: asyncio.StreamWriter) -> bool:
        writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")
        await writer.drain()
        return True

    sink.tell(nothing, nothing)
    async with opened() as ask:
        for _ in range(2):
            assert (await ask("send", Request(method=method, url="/"))).status == 204
    assert sink.connections == 1


async def test_a_redirect_is_not_followed(opened: Open, sink: Sink) -> None:
    """Nobody sends our proof on to another address."""
    async with Sink() as other:
        sink.tell(redirects(other.url))
        async with opened() as ask:
            with pytest.raises(Misconfigured, match="sends us on to"):
                await ask("read", KEY)
        assert other.requests == []


async def test_no_proxy_is_taken_from_the_environment(
    opened: Open, sink: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A proxy named in the environment is not given our proof."""
    async with Sink() as proxy:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, proxy.url)
        async with opened() as ask:
            await ask("gating_status", KEY)
        assert (len(sink.requests), len(proxy.requests)) == (1, 0)


async def test_the_whole_exchange_has_one_time_out(opened: Open, sink: Sink) -> None:
    """A server that sends a little again and again does not hold a client for longer than one time-out."""
    sink.default = streams(every=0.1)
    began = time.monotonic()
    async with opened(timeout=0.4) as ask:
        with pytest.raises(MitregateError):
            await ask("read", KEY)
    assert time.monotonic() - began < 5
