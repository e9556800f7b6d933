import asyncio
import re
import ssl
from collections.abc import AsyncIterator, Callable
from ipaddress import ip_network
from pathlib import Path

import pytest

from mitregate.core.errors import Misconfigured, Unreachable
from mitregate.outbound import LARGEST_BODY, Outbound, parse_networks
from mitregate.wire.http import Conversation, Reply, Request
from tests.fakes.certificates import Authority
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

LOOPBACK = parse_networks("127.0.0.0/8")


def one(request: Request) -> Conversation[Reply]:
    """Ask once and give the reply."""
    return (yield request)


def get(url: str) -> Conversation[Reply]:
    """Ask for *url* and give the reply."""
    return one(Request(method="GET", url=url))


async def failure(outbound: Outbound, url: str) -> str:
    """Ask for *url*, which must fail; give the sentence."""
    with pytest.raises(Unreachable) as caught:
        await outbound.converse(get(url))
    return caught.value.message


@pytest.fixture
async def sink() -> AsyncIterator[Sink]:
    """A receiver on loopback."""
    async with Sink() as sink:
        yield sink


@pytest.fixture
async def outbound() -> AsyncIterator[Outbound]:
    """An outbound that may call loopback and does not wait for long."""
    outbound = Outbound(allow=LOOPBACK, timeout=0.5)
    yield outbound
    await outbound.close()


@pytest.fixture
async def guarded() -> AsyncIterator[Outbound]:
    """An outbound that may call public addresses alone."""
    outbound = Outbound(timeout=2.0)
    yield outbound
    await outbound.close()


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


@pytest.mark.parametrize(
    "url",
    [
        "",
        "/hook",
        "ftp://example.com/",
        "file:///etc/passwd",
        "http://",
        "http://[::1",
        "http://example.com:99999/",
        "http://example.com/a b",
        "http://example.com/\r\nx: y",
        "http://exämple.com/",
    ],
)
async def test_a_url_must_be_complete(guarded: Outbound, url: str) -> None:
    """Only complete http and https URLs in plain ASCII are called."""
    assert await failure(guarded, url) == "The receiver's URL is not a complete http or https URL."


@pytest.mark.parametrize("userinfo", ["joe", "joe:secret", ":secret"])
async def test_a_url_with_a_password_is_refused(outbound: Outbound, sink: Sink, userinfo: str) -> None:
    """A URL that carries a user name or a password is not called, nor repeated."""
    sentence = await failure(outbound, sink.url.replace("127", f"{userinfo}@127", 1))
    assert "contains a user name or a password" in sentence
    assert "secret" not in sentence
    assert sink.requests == []


# --- bounds ---


@pytest.mark.parametrize("size", [0, 1, LARGEST_BODY - 1, LARGEST_BODY, LARGEST_BODY + 1, 4 * LARGEST_BODY])
async def test_a_long_body_is_cut_off(outbound: Outbound, sink: Sink, size: int) -> None:
    """The status counts and the body is cut off at 64 KiB."""
    sink.default = answers(200, b"x" * size)
    reply = await outbound.converse(get(sink.url))
    assert (reply.status, len(reply.body)) == (200, min(size, LARGEST_BODY))
    assert (await outbound.converse(get(sink.url))).status == 200


async def test_an_endless_body_is_not_read_to_its_end(outbound: Outbound, sink: Sink) -> None:
    """A fast stream without an end counts as a reply as soon as 64 KiB have arrived."""
    sink.tell(streams(b"x" * 8192, every=0))
    reply = await outbound.converse(get(sink.url))
    assert (reply.status, len(reply.body)) == (200, LARGEST_BODY)


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


# --- the guard ---


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "localhost",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "0.0.0.0",
        "[::]",
        "169.254.169.254",
        "10.0.0.1",
        "[fe80::1]",
        "[fd00:ec2::254]",
        "[2002:7f00:1::]",
        "[64:ff9b::7f00:1]",
    ],
)
async def test_an_inner_address_is_refused(guarded: Outbound, sink: Sink, host: str) -> None:
    """An address that is not public is not connected to, be it named or written in digits; the setting is told."""
    sentence = await failure(guarded, f"http://{host}:{sink.port}/")
    assert re.search(r"its address [0-9a-f.:]+ is not public; .* MITREGATE_OUTBOUND_ALLOW\.$", sentence)
    assert sink.connections == 0


@pytest.mark.parametrize(
    "host", ["localhost.", "2130706433", "0x7f000001", "127.1", "0177.0.0.1", "127.0.0.1.nip.invalid"]
)
async def test_an_odd_spelling_opens_no_way_in(guarded: Outbound, sink: Sink, host: str) -> None:
    """Spellings that some resolvers take for loopback do not get past the guard."""
    await failure(guarded, f"http://{host}:{sink.port}/")
    assert sink.connections == 0


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
async def test_a_listed_network_is_allowed(outbound: Outbound, sink: Sink, host: str) -> None:
    """An address inside a listed network is called, be it named or written in digits."""
    assert (await outbound.converse(get(f"http://{host}:{sink.port}/"))).status == 200


async def test_listing_one_network_does_not_open_another(sink: Sink) -> None:
    """A list opens exactly the networks on it."""
    outbound = Outbound(allow=parse_networks("127.0.0.2, 10.0.0.0/8"))
    assert "127.0.0.1 is not public" in await failure(outbound, sink.url)
    await outbound.close()


async def test_the_operator_s_own_server_needs_no_list(sink: Sink) -> None:
    """Without the guard, as the command line calls its own server, loopback can be called."""
    outbound = Outbound(guard=False)
    assert (await outbound.converse(get(sink.url))).status == 200
    await outbound.close()


# --- TLS ---


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    """A certificate authority that no system knows."""
    return Authority(tmp_path)


async def over_tls(server: ssl.SSLContext, client: ssl.SSLContext | None) -> Reply:
    """Ask a receiver that proves itself with *server*, trusting as *client* says."""
    outbound = Outbound(allow=LOOPBACK, tls=client)
    try:
        async with Sink(tls=server) as sink:
            return await outbound.converse(get(sink.url))
    finally:
        await outbound.close()


async def test_a_trusted_server_is_called(authority: Authority) -> None:
    """A server whose certificate the trusted authority signed gets the request."""
    assert (await over_tls(authority.server("127.0.0.1"), authority.client())).status == 200


@pytest.mark.parametrize(
    ("server", "is_known", "reason"),
    [
        pytest.param(lambda ca: ca.server("127.0.0.1"), False, "unable to get local issuer", id="unknown-authority"),
        pytest.param(lambda ca: ca.server("elsewhere.example"), True, "IP address mismatch", id="another-s-name"),
        pytest.param(lambda ca: ca.server("127.0.0.1", expired=True), True, "has expired", id="expired"),
    ],
)
async def test_a_server_that_cannot_prove_itself_gets_nothing(
    authority: Authority, server: Callable[[Authority], ssl.SSLContext], is_known: bool, reason: str
) -> None:
    """A certificate of an unknown authority, for another name, or out of date ends the exchange before the request."""
    with pytest.raises(Unreachable, match=rf"its TLS certificate is not trusted \(.*{reason}"):
        await over_tls(server(authority), authority.client() if is_known else None)


async def test_a_server_without_tls_is_told(outbound: Outbound) -> None:
    """A server that answers TLS with something else is told as such."""

    async def reject(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await reader.read(1)
        writer.close()

    async with await asyncio.start_server(reject, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        assert "gave no reply: TLS failed (" in await failure(outbound, f"https://127.0.0.1:{port}/")


# --- the list of networks, and the receiver in a thread ---


def test_a_list_of_networks_is_read() -> None:
    """Networks are divided by commas, spaces do not matter, and an address stands for itself."""
    expected = tuple(ip_network(text) for text in ("10.0.0.0/8", "fd00::/8", "192.0.2.7/32"))
    assert parse_networks(" 10.0.0.0/8,fd00::/8 , 192.0.2.7, ") == expected
    assert parse_networks("") == ()


@pytest.mark.parametrize("text", ["10.0.0.1/8", "intranet", "10.0.0.0/33", "10.0.0.0/8;fd00::/8", "*"])
def test_a_wrong_list_of_networks_is_told(text: str) -> None:
    """What is no network is refused with the part at fault, the setting, and advice."""
    with pytest.raises(Misconfigured, match="MITREGATE_OUTBOUND_ALLOW") as caught:
        parse_networks(f"127.0.0.0/8,{text}")
    assert text in caught.value.message
    assert "10.0.0.0/8" in caught.value.advice()


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
