"""The only HTTP client of the server: performs conversations, and says in a clear sentence why there was no reply.

What counts as a reply is a status, and a body that has arrived in whole, or 64 KiB of it. A longer body is cut off
there and the connection closed: for most receivers the status says all, and who reads the body finds it incomplete. A
body that breaks off, or does not end in time, makes no reply.

Where to deliver is told us by others, so an address is guarded (`wire.addresses`) where the socket for it is made: what
was checked is what is connected to, whatever the name resolves to a moment later. Redirects are not followed, cookies
not kept, proxies named in the environment not used, and compressed bodies not asked for.
"""

import os
import re
import socket
import ssl
from collections.abc import Sequence
from typing import TypeVar

import aiohttp
from yarl import URL

from mitregate import __version__
from mitregate.core.errors import Unreachable
from mitregate.wire.addresses import SETTING, Network, may_be_called, parse_networks
from mitregate.wire.http import UNTRUSTED, Conversation, Reply, Request

__all__ = ["LARGEST_BODY", "Network", "Outbound", "parse_networks"]

T = TypeVar("T")

LARGEST_BODY = 64 * 1024
"""How much of a reply's body is read, in bytes, unless said otherwise."""

CONNECTIONS_PER_HOST = 20

PRINTABLE = re.compile(r"[!-~]+")

AddressInfo = tuple[
    int | socket.AddressFamily, int | socket.SocketKind, int, str, tuple[str, int] | tuple[str, int, int, int]
]


class NotAllowed(OSError):
    """An address that may not be called."""


EXPLANATIONS: tuple[tuple[type[Exception], str], ...] = (
    (aiohttp.ConnectionTimeoutError, "connecting took longer than {connect:g} s"),
    (TimeoutError, "it took longer than {total:g} s"),
    (aiohttp.ClientConnectorCertificateError, "its TLS certificate is not trusted ({reason})"),
    (aiohttp.ClientConnectorSSLError, "TLS failed ({reason})"),
    (aiohttp.ClientConnectorDNSError, "its name cannot be resolved ({reason})"),
    (UnicodeError, "its name cannot be resolved ({reason})"),
    (aiohttp.ServerDisconnectedError, "it closed the connection without a reply"),
    (aiohttp.ClientPayloadError, "its reply broke off"),
    (aiohttp.ClientResponseError, "what it sent is not HTTP"),
    (Exception, "{reason}"),
)
"""Why there was no reply, in words; the first kind of error that fits."""

WHERE_IT_COUNTS = (
    f"{SETTING} counts where the call is made: in the environment of the server and of each worker; and of this "
    "command, where that works on the local database."
)


class Outbound:
    """Performs conversations over HTTP, one after another or side by side, until it is closed."""

    def __init__(
        self,
        *,
        allow: Sequence[Network] = (),
        guard: bool = True,
        timeout: float = 10.0,
        connect_timeout: float = 5.0,
        tls: ssl.SSLContext | None = None,
        largest_body: int = LARGEST_BODY,
    ) -> None:
        """Get ready; connections are made when they are needed.

        Args:
            allow: networks whose addresses may be called although they are not public.
            guard: whether to refuse other addresses; False only where the operator names the address, such as our own.
            timeout: how long a whole exchange may take, in seconds.
            connect_timeout: how long connecting to one address may take, in seconds.
            tls: how to prove https servers; None for the system's certificate authorities.
            largest_body: how much of a reply's body is read, in bytes.
        """
        self._allow = tuple(allow)
        self._guard = guard
        self._timeout = aiohttp.ClientTimeout(total=timeout, sock_connect=connect_timeout)
        self._tls = tls
        self._largest_body = largest_body
        self._session: aiohttp.ClientSession | None = None

    async def converse(self, conversation: Conversation[T]) -> T:
        """Perform a conversation.

        Returns:
            What the conversation returns.

        Raises:
            Unreachable: a request got no reply, and the conversation, into which this is thrown, did not deal with it.
        """
        try:
            request = next(conversation)
            while True:
                try:
                    reply = await self._exchange(request)
                except Unreachable as error:
                    request = conversation.throw(error)
                else:
                    request = conversation.send(reply)
        except StopIteration as end:
            outcome: T = end.value
            return outcome
        finally:
            conversation.close()

    async def close(self) -> None:
        """Close all connections; afterwards nothing more can be said."""
        if self._session is not None:
            await self._session.close()

    async def _exchange(self, request: Request) -> Reply:
        url = _parse(request.url)
        try:
            async with self._open().request(
                request.method,
                url,
                headers={"accept-encoding": "identity", **request.headers},
                data=request.body or None,
                allow_redirects=False,
            ) as response:
                headers: dict[str, str] = {}
                for name, value in response.headers.items():
                    lower = name.lower()
                    headers[lower] = f"{headers[lower]}, {value}" if lower in headers else value
                return Reply(status=response.status, headers=headers, body=await _read(response, self._largest_body))
        except (aiohttp.ClientError, OSError, UnicodeError) as error:  # UnicodeError: a name that DNS cannot spell
            message = f"{url.host_port_subcomponent} gave no reply: {self._explain(error)}."
            raise Unreachable(message, advice=_advise(error)) from error

    def _open(self) -> aiohttp.ClientSession:
        # Both of these belong to the running event loop, so they cannot be made any earlier.
        if self._session is None:
            connector = aiohttp.TCPConnector(
                limit=0,  # the worker bounds how much is under way; a bound here would let slow hosts hold up others
                limit_per_host=CONNECTIONS_PER_HOST,
                socket_factory=self._guarded_socket if self._guard else None,
                ssl=self._tls or True,
            )
            self._session = aiohttp.ClientSession(
                connector=connector,
                cookie_jar=aiohttp.DummyCookieJar(),
                headers={"user-agent": f"Mitregate/{__version__}"},
                timeout=self._timeout,
                trust_env=False,
                auto_decompress=False,
            )
        return self._session

    def _guarded_socket(self, info: AddressInfo) -> socket.socket:
        family, kind, protocol, _, address = info
        try:
            is_allowed = may_be_called(address[0], self._allow)
        except ValueError:  # what stands between brackets is handed on as it is, even if it is no address
            raise NotAllowed("it is not an address") from None
        if not is_allowed:
            raise NotAllowed(
                f"it was not called, for its address {address[0]} is not public; to call it all the same, list its "
                f"network in {SETTING}"
            )
        return socket.socket(family, kind, protocol)

    def _explain(self, error: Exception) -> str:
        words = next(words for kind, words in EXPLANATIONS if isinstance(error, kind))
        return words.format(
            reason=_reason(error), total=self._timeout.total or 0, connect=self._timeout.sock_connect or 0
        )


def _parse(text: str) -> URL:
    # The URL goes out as it was written: some carry a signature of themselves, which a tidied-up spelling would break.
    try:
        url = URL(text, encoded=True) if PRINTABLE.fullmatch(text) else URL()
        is_complete = url.scheme in {"http", "https"} and bool(url.host) and url.port is not None
    except ValueError:
        url, is_complete = URL(), False
    # The text is not repeated: the path of a receiver's URL is often as good as a password.
    if not is_complete:
        raise Unreachable("The receiver's URL is not a complete http or https URL.")
    if url.user is not None or url.password is not None:
        raise Unreachable("The receiver's URL contains a user name or a password, which is not allowed.")
    return url


async def _read(response: aiohttp.ClientResponse, largest: int) -> bytes:
    body = bytearray()
    async for chunk in response.content.iter_any():
        body += chunk
        if len(body) > largest:
            break  # the connection is not used again: aiohttp closes one whose body was not read to its end
    return bytes(body[:largest])


def _advise(error: Exception) -> str | None:
    """Tell what to do about a failure that does not pass by itself."""
    match error:
        case aiohttp.ClientConnectorCertificateError():
            return UNTRUSTED
        case aiohttp.ClientConnectorError(os_error=NotAllowed()):
            return WHERE_IT_COUNTS
    return None


def _reason(error: Exception) -> str:
    """Say what the system says, without the numbers and addresses that asyncio adds to it."""
    match error:
        case aiohttp.ClientConnectorCertificateError():
            return _reason(error.certificate_error)
        case aiohttp.ClientConnectorError():
            return _reason(error.os_error)
        case ssl.SSLCertVerificationError(verify_message=words) | ssl.SSLError(reason=str(words)):
            return words.replace("_", " ").rstrip(".")
        case OSError(errno=int(number)) if number > 0:
            return os.strerror(number).lower()
        case OSError(strerror=str(words)):
            return words.lower()
    return str(error) or type(error).__name__
