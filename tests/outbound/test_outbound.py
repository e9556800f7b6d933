import asyncio
import re

import pytest

from mitregate.core.errors import Unreachable
from mitregate.outbound import LARGEST_BODY, Outbound
from mitregate.wire.http import Conversation, Request
from tests.fakes.sink import (
    Behaviour,
    Sink,
    answers,
    breaks_off,
    hangs,
    hangs_up,
    redirects,
    running_sink,
    sends_garbage,
    streams,
)
from tests.outbound.asking import LOOPBACK, failure, get, one

# --- conversations ---


async def test_a_request_arrives_as_it_was_yielded(outbound: Outbound, sink: Sink) -> None:
    """Method, target, headers and body reach the receiver unchanged, and its reply the conversation."""
    sink.tell(answers(201, b"made", x_Request_Id="7"))
    url = sink.url + "/%7Ea%2fb?x=%41+b&jwt=a.b-c"
    reply = await outbound.converse(one(Request(method="PUT", url=url, headers={"x-colour": "red"}, body=b'{"a":1}')))
    assert (reply.status, reply.body, reply.headers["x-request-id"]) == (201, b"made", "7")
    (taken,) = sink.requests
    assert (taken.method, taken.target, taken.body) == ("PUT", "/hook/%7Ea%2fb?x=%41+b&jwt=a.b-c", b'{"a":1}')
    assert taken.headers["x-colour"] == "red"
    assert taken.headers["user-agent"].startswith("Mitregate/")
    assert taken.headers["accept-encoding"] == "identity"


async def test_a_conversation_has_as_many_steps_as_it_likes(outbound: Outbound, sink: Sink) -> None:
    """Each reply is sent into the conversation, whose own return value comes back."""

    def counting() -> Conversation[list[int]]:
        statuses = []
        for _ in range(3):
            reply = yield Request(method="GET", url=sink.url)
            statuses.append(reply.status)
        return statuses

    sink.tell(answers(200), answers(404), answers(500))
    assert await outbound.converse(counting()) == [200, 404, 500]
    assert sink.connections == 1


async def test_a_conversation_can_deal_with_no_reply(outbound: Outbound, sink: Sink) -> None:
    """Unreachable is thrown where the request was yielded, and the conversation may go on after it."""

    def stubborn() -> Conversation[int]:
        try:
            yield Request(method="POST", url=sink.url)
        except Unreachable:
            reply = yield Request(method="POST", url=sink.url)
            return reply.status
        return 0

    sink.tell(hangs_up, answers(202))
    assert await outbound.converse(stubborn()) == 202


async def test_a_conversation_without_requests_calls_nobody(outbound: Outbound) -> None:
    """What returns before its first request has its value given back."""

    def silent() -> Conversation[str]:
        yield from ()
        return "nothing to say"

    assert await outbound.converse(silent()) == "nothing to say"


async def test_an_error_of_the_conversation_passes_through(outbound: Outbound, sink: Sink) -> None:
    """What a conversation itself raises is not taken for a fault of the network."""

    def broken() -> Conversation[None]:
        yield Request(method="GET", url=sink.url)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await outbound.converse(broken())


async def test_a_cancelled_conversation_is_closed(outbound: Outbound, sink: Sink) -> None:
    """When the exchange is cancelled, the conversation's own clean-up runs."""
    seen: list[str] = []

    def tidy() -> Conversation[None]:
        try:
            yield Request(method="GET", url=sink.url)
        finally:
            seen.append("closed")

    sink.tell(hangs)
    task = asyncio.create_task(outbound.converse(tidy()))
    await sink.received(1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert seen == ["closed"]


# --- no reply, and why ---


@pytest.mark.parametrize(
    ("behaviour", "sentence"),
    [
        pytest.param(hangs, "it took longer than 0.5 s", id="hangs"),
        pytest.param(streams(), "it took longer than 0.5 s", id="drips"),
        pytest.param(sends_garbage, "what it sent is not HTTP", id="garbage"),
        pytest.param(breaks_off, "its reply broke off", id="breaks-off"),
        pytest.param(hangs_up, "it closed the connection without a reply", id="hangs-up"),
        pytest.param(answers(200, x_long="x" * 100_000), "what it sent is not HTTP", id="headers-too-long"),
    ],
)
async def test_a_fault_is_told_in_words(outbound: Outbound, sink: Sink, behaviour: Behaviour, sentence: str) -> None:
    """Every way of not answering ends as Unreachable with a sentence that names host and reason, and not the path."""
    sink.default = behaviour
    assert await failure(outbound, sink.url) == f"127.0.0.1:{sink.port} gave no reply: {sentence}."


async def test_nobody_listens(outbound: Outbound) -> None:
    """A refused connection is told as such."""
    async with Sink() as gone:
        url = gone.url
    assert re.search(r"^127\.0\.0\.1:\d+ gave no reply: connection refused\.$", await failure(outbound, url))


async def test_connecting_has_a_time_out_of_its_own(sink: Sink) -> None:
    """A server that takes up the connection but not TLS is given up before the exchange's own time is over."""
    outbound = Outbound(allow=LOOPBACK, connect_timeout=0.2)
    sentence = await failure(outbound, sink.url.replace("http:", "https:"))
    await outbound.close()
    assert sentence.endswith("gave no reply: connecting took longer than 0.2 s.")


@pytest.mark.parametrize("host", ["no-such-host.invalid", "a..b.invalid", "x" * 64 + ".invalid"])
async def test_a_name_that_cannot_be_resolved(guarded: Outbound, host: str) -> None:
    """A name that DNS does not know, or that cannot even be asked for, is told as such."""
    assert "its name cannot be resolved" in await failure(guarded, f"http://{host}/")


# --- bounds ---


@pytest.mark.parametrize("size", [0, 1, LARGEST_BODY - 1, LARGEST_BODY, LARGEST_BODY + 1, 4 * LARGEST_BODY])
async def test_a_long_body_is_cut_off(outbound: Outbound, sink: Sink, size: int) -> None:
    """The status counts and the body is cut off at 64 KiB."""
    sink.default = answers(200, b"x" * size)
    reply = await outbound.converse(get(sink.url))
    assert (reply.status, len(reply.body)) == (200, min(size, LARGEST_BODY))
    assert (await outbound.converse(get(sink.url))).status == 200


async def test_an_endless_body_is_not_read_to_its_end(outbound: Outbound, sink: Sink) -> None:
    """A fast stream without an end counts as a reply as soon as 64 KiB have arrived, and its connection is closed."""
    sink.tell(streams(b"x" * 8192, every=0))
    reply = await outbound.converse(get(sink.url))
    assert (reply.status, len(reply.body)) == (200, LARGEST_BODY)
    assert await sink.is_idle()
    await outbound.converse(get(sink.url))
    assert sink.connections == 2


async def test_a_redirect_is_not_followed(outbound: Outbound, sink: Sink) -> None:
    """A redirect is handed to the conversation as it is."""
    async with Sink() as other:
        sink.tell(redirects(other.url))
        reply = await outbound.converse(get(sink.url))
        assert (reply.status, reply.headers["location"]) == (302, other.url)
        assert other.requests == []


async def test_no_cookie_is_kept(outbound: Outbound, sink: Sink) -> None:
    """What one reply sets is not sent with the next request."""
    sink.tell(answers(200, set_cookie="a=1; Path=/"))
    for _ in range(2):
        await outbound.converse(get(sink.url.replace("127.0.0.1", "localhost")))
    assert [taken.headers.get("cookie") for taken in sink.requests] == [None, None]


async def test_no_proxy_is_taken_from_the_environment(
    outbound: Outbound, sink: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A proxy named in the environment, behind which no address could be guarded, is not used."""
    async with Sink() as proxy:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, proxy.url)
        monkeypatch.setenv("no_proxy", "")
        await outbound.converse(get(sink.url))
        assert (len(sink.requests), len(proxy.requests)) == (1, 0)


async def test_at_most_twenty_connections_go_to_one_host(sink: Sink) -> None:
    """Thirty exchanges at once share twenty connections, and a second host does not wait for them."""
    outbound = Outbound(allow=LOOPBACK)
    sink.default = hangs
    tasks = [asyncio.create_task(outbound.converse(get(sink.url))) for _ in range(30)]
    await sink.received(20)
    async with Sink() as other:
        assert (await outbound.converse(get(other.url))).status == 200
    assert sink.connections == 20
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await outbound.close()


# --- the receiver in a thread ---


def test_a_receiver_runs_beside_a_script() -> None:
    """The receiver in a thread takes requests from code that has no event loop of its own."""

    async def call(url: str) -> int:
        outbound = Outbound(allow=LOOPBACK)
        reply = await outbound.converse(get(url))
        await outbound.close()
        return reply.status

    with running_sink() as sink:
        sink.tell(answers(503))
        assert [asyncio.run(call(sink.url)), asyncio.run(call(sink.url))] == [503, 200]
        assert [taken.target for taken in sink.wait(2)] == ["/hook", "/hook"]
