"""https: real handshakes over sockets, certificates that change while the server runs, and files that are wrong."""

import asyncio
import contextlib
import re
import ssl
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
import structlog
from cryptography.hazmat.primitives import serialization

from mitregate.core.errors import Misconfigured
from mitregate.web import plain
from mitregate.web.certificates import Certificate, open_context, read_about
from mitregate.web.server import bind, make_server
from tests.fakes.certificates import DAY, Authority, Issued

HOST = "127.0.0.1"
ASK = b"GET /gates%2Fx HTTP/1.1\r\nHost: gate.test\r\n\r\n"

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def tell(scope: plain.Scope, _receive: plain.Receive, send: plain.Send) -> None:
    """Answer with the scheme and the path, as the app sees them."""
    await plain.reply(send, 200, f"{scope['scheme']} {scope['raw_path'].decode()}|".encode() + b"x" * 100_000)


@contextlib.asynccontextmanager
async def served(tls: ssl.SSLContext) -> AsyncIterator[int]:
    """Serve over https on a free port of this machine, which is given."""
    server = make_server(tell, lambda: None, tls=tls)
    with bind(HOST, 0) as listener:
        task = asyncio.create_task(server.serve([listener]))
        await server.listening.wait()
        yield listener.getsockname()[1]
        server.should_exit = True
        await task


async def ask(streams: Streams) -> str:
    """Ask once on a connection; give the beginning of the body."""
    streams[1].write(ASK)
    async with asyncio.timeout(5):
        head = await streams[0].readuntil(b"\r\n\r\n")
        length = re.search(rb"content-length: (\d+)", head)
        assert head.startswith(b"HTTP/1.1 200"), head
        assert length is not None
        return (await streams[0].readexactly(int(length[1]))).partition(b"|")[0].decode()


def serial(streams: Streams) -> int:
    """Tell which certificate a connection met."""
    return int(streams[1].get_extra_info("peercert")["serialNumber"], 16)


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    """An authority that clients trust."""
    return Authority(tmp_path)


@pytest.fixture
def issued(authority: Authority) -> Issued:
    """A certificate for this machine."""
    return authority.issue(HOST, "gate.test")


async def test_it_is_served_over_https(authority: Authority, issued: Issued) -> None:
    """A client that trusts the authority gets its answers, large ones too, on a connection that is kept."""
    async with served(Certificate(str(issued.certificate), str(issued.key)).context) as port:
        streams = await asyncio.open_connection(HOST, port, ssl=authority.client())
        assert [await ask(streams) for _ in range(3)] == ["https /gates%2Fx"] * 3
        connection = streams[1].get_extra_info("ssl_object")
        assert (connection.version(), connection.cipher()[0]) == ("TLSv1.3", "TLS_AES_256_GCM_SHA384")
        streams[1].close()


async def test_certificate_and_key_may_be_one_file(authority: Authority, issued: Issued) -> None:
    """Both settings may name the same file."""
    both = issued.certificate
    both.write_bytes(both.read_bytes() + issued.key.read_bytes())
    async with served(Certificate(str(both), str(both)).context) as port:
        streams = await asyncio.open_connection(HOST, port, ssl=authority.client(), server_hostname="gate.test")
        assert await ask(streams) == "https /gates%2Fx"
        streams[1].close()


@pytest.mark.parametrize(("version", "is_spoken"), [("TLSv1_1", False), ("TLSv1_2", True), ("TLSv1_3", True)])
@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
async def test_old_versions_are_refused(authority: Authority, issued: Issued, version: str, is_spoken: bool) -> None:
    """TLS 1.2 and 1.3 are spoken, and nothing older."""
    client = authority.client()
    client.set_ciphers("ALL:@SECLEVEL=0")
    client.minimum_version = client.maximum_version = ssl.TLSVersion[version]
    async with served(open_context(str(issued.certificate), str(issued.key))) as port:
        if is_spoken:
            streams = await asyncio.open_connection(HOST, port, ssl=client)
            assert await ask(streams) == "https /gates%2Fx"
            streams[1].close()
        else:
            with pytest.raises((ssl.SSLError, ConnectionResetError)):  # the alert may come too late to be read
                await asyncio.open_connection(HOST, port, ssl=client)


async def test_plain_http_gets_no_answer(issued: Issued, capfd: pytest.CaptureFixture[str]) -> None:
    """Whoever speaks plain HTTP where https is spoken is let go, without a line in the log that others could fill."""
    async with served(open_context(str(issued.certificate), str(issued.key))) as port:
        for nonsense in (ASK, b"\x00" * 5000, b""):
            reader, writer = await asyncio.open_connection(HOST, port)
            writer.write(nonsense)
            writer.write_eof()
            async with asyncio.timeout(5):
                assert not (await reader.read()).startswith(b"HTTP")
            writer.close()
    assert capfd.readouterr() == ("", "")


async def test_a_certificate_is_renewed_while_the_server_runs(authority: Authority, issued: Issued) -> None:
    """New connections meet the new certificate, with a name of theirs or without; old ones go on as they are."""
    certificate = Certificate(str(issued.certificate), str(issued.key))
    newer = authority.issue(HOST, "gate.test")
    async with served(certificate.context) as port:
        old = await asyncio.open_connection(HOST, port, ssl=authority.client())
        assert serial(old) == int(issued.certificate.stem)
        issued.replace(newer)
        certificate.renew()
        for name in (HOST, "gate.test"):
            new = await asyncio.open_connection(HOST, port, ssl=authority.client(), server_hostname=name)
            assert serial(new) == int(newer.certificate.stem)
            assert [await ask(old), await ask(new)] == ["https /gates%2Fx"] * 2
            new[1].close()
        old[1].close()


async def test_files_that_are_wrong_change_nothing(authority: Authority, issued: Issued) -> None:
    """If the new files do not go together, or are gone, the old certificate is kept, and the log says why."""
    certificate = Certificate(str(issued.certificate), str(issued.key))
    was = int(issued.certificate.stem)
    async with served(certificate.context) as port:
        with structlog.testing.capture_logs() as logs:
            issued.certificate.write_bytes(authority.issue(HOST).certificate.read_bytes())
            certificate.renew()
            issued.certificate.unlink()
            certificate.renew()
        assert [entry["event"] for entry in logs] == ["certificate.kept"] * 2
        assert "does not fit" in logs[0]["detail"]
        assert "No such file" in logs[1]["detail"]
        streams = await asyncio.open_connection(HOST, port, ssl=authority.client())
        assert (serial(streams), await ask(streams)) == (was, "https /gates%2Fx")
        streams[1].close()


def encrypted(issued: Issued) -> bytes:
    """Give the key as it is under a passphrase."""
    key = serialization.load_pem_private_key(issued.key.read_bytes(), None)
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(b"secret"),
    )


@pytest.mark.parametrize(
    ("which", "text", "said"),
    [
        ("certificate", None, "The file {} with the certificate cannot be read: No such file or directory."),
        ("key", None, "The file {} with the private key cannot be read: No such file or directory."),
        ("certificate", b"", "There is no certificate in PEM form in the file {}."),
        ("key", b"\x30\x82", "There is no private key in PEM form in the file {}."),
        ("key", b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "cannot be used"),
        ("certificate", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "cannot be used"),
    ],
)
def test_files_that_are_wrong_are_told(issued: Issued, which: str, text: bytes | None, said: str) -> None:
    """Each thing that can be wrong with the files is told in words, with the file at fault and what it should be."""
    path: Path = getattr(issued, which)
    path.unlink() if text is None else path.write_bytes(text)
    with pytest.raises(Misconfigured) as refused:
        Certificate(str(issued.certificate), str(issued.key))
    assert said.format(path) in refused.value.message
    assert "MITREGATE_TLS_CERT names" in refused.value.advice()


def test_a_folder_is_no_file(issued: Issued, tmp_path: Path) -> None:
    """A folder in place of a file is told as such."""
    with pytest.raises(Misconfigured, match="Is a directory"):
        open_context(str(tmp_path), str(issued.key))


def test_a_key_that_does_not_fit_is_told(authority: Authority, issued: Issued) -> None:
    """A key that belongs to another certificate is told as such."""
    other = authority.issue(HOST)
    with pytest.raises(Misconfigured, match=r"The key in .*\.key does not fit the certificate in .*\.pem\."):
        open_context(str(issued.certificate), str(other.key))


def test_a_passphrase_is_asked_for_nowhere(issued: Issued) -> None:
    """A key under a passphrase is refused at once, instead of asking a terminal that nobody looks at."""
    issued.key.write_bytes(encrypted(issued))
    with pytest.raises(Misconfigured, match="protected by a passphrase") as refused:
        open_context(str(issued.certificate), str(issued.key))
    assert "openssl pkey" in refused.value.advice()


def test_a_certificate_says_for_whom_it_is(authority: Authority) -> None:
    """Names, a star in place of a first part, and addresses are told; other hosts are not among them."""
    issued = authority.issue("gate.test", "*.ci.test", "127.0.0.1", "fd00::1", ends=3 * DAY)
    about = read_about(str(issued.certificate))
    assert all(about.is_for(host) for host in ("gate.test", "a.ci.test", "127.0.0.1", "fd00::1"))
    assert not any(about.is_for(host) for host in ("test", "a.gate.test", "ci.test", "a.b.ci.test", "127.0.0.2", ""))
    assert about.ends - about.begins == timedelta(days=4)
