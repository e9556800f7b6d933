import re

import pytest

from mitregate.outbound import Outbound, parse_networks
from tests.fakes.sink import Sink
from tests.outbound.asking import failure, get


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
    assert re.search(
        r"it was not called, for its address [0-9a-f.:]+ is not public; .* MITREGATE_OUTBOUND_ALLOW\.$", sentence
    )
    assert sink.connections == 0


@pytest.mark.parametrize(
    "host", ["localhost.", "2130706433", "0x7f000001", "127.1", "0177.0.0.1", "127.0.0.1.nip.invalid"]
)
async def test_an_odd_spelling_opens_no_way_in(guarded: Outbound, sink: Sink, host: str) -> None:
    """Spellings that some resolvers take for loopback do not get past the guard."""
    await failure(guarded, f"http://{host}:{sink.port}/")
    assert sink.connections == 0


@pytest.mark.parametrize("host", ["[1::2::3]", "[:]", "[::1::]", "[12345::1]"])
async def test_what_is_no_address_gets_no_reply(guarded: Outbound, sink: Sink, host: str) -> None:
    """Brackets with no address between them are as unreachable as any other wrong host, and nothing worse."""
    assert "gave no reply" in await failure(guarded, f"http://{host}:{sink.port}/")


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


# --- what is a URL ---


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
