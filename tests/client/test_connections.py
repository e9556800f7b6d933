"""Both clients over real sockets: how connections are made, used again and shared."""

import asyncio
import json
import ssl
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from mitregate.client import AsyncClient, Client, Pause, Site
from mitregate.core.errors import Unreachable
from tests.client.asking import Open
from tests.client.scripted import APP, BEARER, KEY, access, gating
from tests.fakes.certificates import Authority
from tests.fakes.sink import (
    Sink,
    answers,
    hangs,
    is_busy,
    running_sink,
)

# --- connections ---


async def test_a_connection_that_was_closed_is_not_used(opened: Open, sink: Sink) -> None:
    """A server may close a connection that nobody uses; the next request goes over another, without a second try."""

    async def answers_and_leaves(writer: asyncio.StreamWriter) -> bool:
        await answers(200, gating().body)(writer)
        return False

    sink.tell(answers_and_leaves)
    async with opened() as ask:
        await ask("gating_status", KEY)
        assert await sink.is_idle()
        assert (await ask("gating_status", KEY)).is_allowed
    assert (sink.connections, len(sink.requests)) == (2, 2)


async def test_connections_are_let_go(opened: Open, sink: Sink) -> None:
    """After the end no connection is left."""
    async with opened() as ask:
        await asyncio.gather(*(ask("gating_status", KEY) for _ in range(5)))
    assert await sink.is_idle()


@pytest.mark.parametrize(
    ("proof", "is_known", "reason"),
    [
        pytest.param(lambda ca: ca.server("127.0.0.1"), False, "unable to get local issuer", id="unknown-authority"),
        pytest.param(lambda ca: ca.server("elsewhere.example"), True, "IP address mismatch", id="another-s-name"),
        pytest.param(lambda ca: ca.server("127.0.0.1", expired=True), True, "has expired", id="expired"),
    ],
)
async def test_a_server_that_cannot_prove_itself_gets_nothing(
    opened: Open, authority: Authority, proof: Callable[[Authority], ssl.SSLContext], is_known: bool, reason: str
) -> None:
    """A certificate of an unknown authority, for another name, or out of date ends it before anything is sent."""
    trust = authority.client() if is_known else None
    async with Sink(tls=proof(authority)) as server:
        async with opened(at=f"https://127.0.0.1:{server.port}", tls=trust) as ask:
            with pytest.raises(Unreachable, match=rf"its TLS certificate is not trusted \(.*{reason}") as caught:
                await ask("read", KEY)
        assert "SSL_CERT_FILE" in caught.value.advice()
        assert server.requests == []


async def test_a_trusted_server_is_called(opened: Open, authority: Authority) -> None:
    """A server whose certificate the trusted authority signed is called, again over the same connection."""
    async with Sink(tls=authority.server("127.0.0.1"), default=answers(200, gating().body)) as server:
        async with opened(at=f"https://127.0.0.1:{server.port}", tls=authority.client()) as ask:
            for _ in range(3):
                await ask("gating_status", KEY)
        assert len(server.requests) == 3
        assert server.connections <= 2


async def test_a_server_without_tls_is_told(opened: Open, sink: Sink) -> None:
    """A server that answers TLS with something else is told as such."""

    async def reject(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await reader.read(1)
        writer.close()

    async with await asyncio.start_server(reject, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        async with opened(at=f"https://127.0.0.1:{port}") as ask:
            with pytest.raises(Unreachable, match=r"gave no reply: TLS failed \("):
                await ask("read", KEY)


# --- side by side ---


async def test_tasks_share_a_token(sink: Sink) -> None:
    """Fifty tasks that begin at once ask for one token."""
    async with AsyncClient(Site.mitregate(f"http://127.0.0.1:{sink.port}"), APP) as client:
        states = await asyncio.gather(*(client.gating_status(KEY) for _ in range(50)))
        assert all(state.is_allowed for state in states)
        assert [taken.target for taken in sink.requests].count("/oauth/token") == 1


async def test_tasks_share_a_failure(sink: Sink) -> None:
    """Where there is no token to be had, all tasks are told so at the same time, not one after another."""
    sink.tell_path("/oauth/token", answers(401, json.dumps({"error_description": "No."}).encode()))
    async with AsyncClient(Site.mitregate(f"http://127.0.0.1:{sink.port}"), APP) as client:
        ended = await asyncio.gather(*(client.read(KEY) for _ in range(20)), return_exceptions=True)
    assert {str(error) for error in ended} == {"No."}
    assert len(sink.requests) == 1


async def test_a_task_that_is_cancelled_takes_no_other_with_it(sink: Sink) -> None:
    """When the task that asked for the token is cancelled, those that wait for it get it all the same."""

    async def slowly(writer: asyncio.StreamWriter) -> bool:
        await asyncio.sleep(0.2)
        return await answers(200, access().body)(writer)

    sink.tell_path("/oauth/token", slowly)
    async with AsyncClient(Site.mitregate(f"http://127.0.0.1:{sink.port}"), APP) as client:
        first = asyncio.create_task(client.gating_status(KEY))
        await sink.received(1)
        second = asyncio.create_task(client.gating_status(KEY))
        await asyncio.sleep(0.05)
        first.cancel()
        assert (await second).is_allowed
    assert [taken.target for taken in sink.requests].count("/oauth/token") == 1


async def test_nothing_is_left_of_a_cancelled_task(sink: Sink) -> None:
    """A client can be closed while a token is still asked for."""
    sink.tell_path("/oauth/token", hangs)
    client = AsyncClient(Site.mitregate(f"http://127.0.0.1:{sink.port}"), APP)
    task = asyncio.create_task(client.gating_status(KEY))
    await sink.received(1)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    async with asyncio.timeout(2):
        await client.close()
    assert task.cancelled()
    assert len(asyncio.all_tasks() - {asyncio.current_task()}) == 1  # the server's own


def test_threads_share_a_client() -> None:
    """Threads ask at once, each over a connection of its own, and leave their connections to those who come after."""
    with running_sink(default=answers(200, gating("allowed").body)) as sink:
        where = Site.mitregate(f"http://127.0.0.1:{sink.port}")
        with Client(where, BEARER) as client, ThreadPoolExecutor(8) as threads:
            found = list(threads.map(lambda _: client.gating_status(KEY).is_allowed, range(200)))
        assert found == [True] * 200
        assert 1 <= sink.connections <= 8


async def test_no_event_loop_is_in_the_way() -> None:
    """The blocking client works where an event loop runs, as in a notebook."""
    with (
        running_sink(default=answers(200, gating().body)) as sink,
        Client(Site.mitregate(f"http://127.0.0.1:{sink.port}"), BEARER) as client,
    ):
        assert client.gating_status(KEY).is_awaiting


def test_what_is_under_way_when_a_client_is_closed_leaves_no_connection() -> None:
    """A connection that is in use while its client is closed is closed at the end of its exchange."""

    async def slowly(writer: asyncio.StreamWriter) -> bool:
        await asyncio.sleep(0.3)
        return await answers(200, gating("allowed").body)(writer)

    with running_sink(default=slowly) as sink, ThreadPoolExecutor(1) as threads:
        client = Client(Site.mitregate(f"http://127.0.0.1:{sink.port}"), BEARER)
        under_way = threads.submit(client.gating_status, KEY)
        sink.wait(1)
        client.close()
        assert under_way.result().is_allowed
        client.gating_status(KEY)
        client.close()
        assert sink.connections == 2


def test_a_closed_client_can_be_used_again() -> None:
    """A blocking client that was closed makes new connections."""
    with running_sink(default=answers(200, gating().body)) as sink:
        client = Client(Site.mitregate(f"http://127.0.0.1:{sink.port}"), BEARER)
        for _ in range(2):
            client.gating_status(KEY)
            client.close()
        assert sink.connections == 2


def test_an_interrupted_exchange_leaves_nothing_behind() -> None:
    """What was interrupted amid an exchange does not spoil the next one."""

    class Interrupted(BaseException):
        """Stands for Ctrl-C."""

    def interrupt(_: Pause) -> None:
        raise Interrupted

    with running_sink(default=answers(200, gating().body)) as sink:
        sink.tell(is_busy("0"))
        client = Client(Site.mitregate(f"http://127.0.0.1:{sink.port}"), BEARER, on_pause=interrupt)
        with pytest.raises(Interrupted):
            client.gating_status(KEY)
        assert client.gating_status(KEY).is_awaiting
        client.close()
