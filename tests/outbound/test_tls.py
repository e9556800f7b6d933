import asyncio
import ssl
from collections.abc import Callable
from pathlib import Path

import pytest

from mitregate.core.errors import Unreachable
from mitregate.outbound import Outbound
from mitregate.wire.http import Reply
from tests.fakes.certificates import Authority
from tests.fakes.sink import Sink
from tests.outbound.asking import LOOPBACK, failure, get


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
    with pytest.raises(Unreachable, match=rf"its TLS certificate is not trusted \(.*{reason}") as caught:
        await over_tls(server(authority), authority.client() if is_known else None)
    assert "SSL_CERT_FILE" in caught.value.advice()


async def test_a_server_without_tls_is_told(outbound: Outbound) -> None:
    """A server that answers TLS with something else is told as such."""

    async def reject(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await reader.read(1)
        writer.close()

    async with await asyncio.start_server(reject, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        assert "gave no reply: TLS failed (" in await failure(outbound, f"https://127.0.0.1:{port}/")
