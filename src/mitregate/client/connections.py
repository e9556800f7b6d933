"""Requests and replies without an event loop: `http.client` of the standard library, with what it lacks.

As in `outbound`, a reply is a status and a body that has arrived in whole, or as much of it as is wanted; redirects are
not followed, proxies named in the environment not used, and no more than one exchange goes over a connection at a time.
Any number of threads may exchange at once, each over a connection of its own.
"""

import contextlib
import http.client
import os
import selectors
import socket
import ssl
import time
from collections import deque
from urllib.parse import urlsplit

from mitregate import __version__
from mitregate.core.errors import Unreachable
from mitregate.wire.http import UNTRUSTED, Reply, Request

CHUNK = 64 * 1024

EXPLANATIONS: tuple[tuple[type[Exception], str], ...] = (
    (TimeoutError, "it took longer than {seconds:g} s"),
    (ssl.SSLCertVerificationError, "its TLS certificate is not trusted ({reason})"),
    (ssl.SSLError, "TLS failed ({reason})"),
    (socket.gaierror, "its name cannot be resolved ({reason})"),
    (UnicodeError, "its name cannot be resolved ({reason})"),
    (http.client.RemoteDisconnected, "it closed the connection without a reply"),
    (http.client.IncompleteRead, "its reply broke off"),
    (http.client.HTTPException, "what it sent is not HTTP"),
    (Exception, "{reason}"),
)
"""Why there was no reply, in the words of `outbound`; the first kind of error that fits."""


class Connections:
    """Connections to the server at one base URL, kept open and used again until they are closed."""

    def __init__(self, base: str, *, timeout: float, tls: ssl.SSLContext | None, largest_body: int) -> None:
        """Get ready; connections are made when they are needed.

        Args:
            base: the URL, which is complete; all requests go to its host.
            timeout: how long a whole exchange may take, in seconds; the head of a reply may be late by as much again
                for each part in which it comes.
            tls: how to prove https servers; None for the system's certificate authorities.
            largest_body: how much of a reply's body is read, in bytes.
        """
        parts = urlsplit(base)
        self._host = parts.hostname or ""
        self._port = parts.port or (443 if parts.scheme == "https" else 80)
        self._tls = (tls or ssl.create_default_context()) if parts.scheme == "https" else None
        self._name = parts.netloc
        self._timeout = timeout
        self._largest_body = largest_body
        self._idle: deque[http.client.HTTPConnection] = deque()  # its append and pop are safe between threads
        self._closings = 0

    def exchange(self, request: Request) -> Reply:
        """Make one request.

        Raises:
            Unreachable: it got no reply.
        """
        closings = self._closings
        connection = self._take()
        try:
            reply = self._exchange(connection, request)
        except (http.client.HTTPException, OSError, UnicodeError) as error:
            connection.close()
            advice = UNTRUSTED if isinstance(error, ssl.SSLCertVerificationError) else None
            raise Unreachable(f"{self._name} gave no reply: {self._explain(error)}.", advice=advice) from error
        except BaseException:
            connection.close()
            raise
        if connection.sock is not None:
            self._idle.append(connection)
        if self._closings != closings:  # somebody closed all in the meantime, and could not know of this one
            self._drain()
        return reply

    def close(self) -> None:
        """Close all connections; one that is in use is closed at the end of its exchange."""
        self._closings += 1
        self._drain()

    def _drain(self) -> None:
        while self._idle:
            with contextlib.suppress(IndexError):  # another thread was faster
                self._idle.pop().close()

    def _take(self) -> http.client.HTTPConnection:
        while self._idle:
            connection = self._idle.pop()
            if _is_quiet(connection.sock):
                return connection
            connection.close()
        if self._tls is not None:
            return http.client.HTTPSConnection(self._host, self._port, timeout=self._timeout, context=self._tls)
        return http.client.HTTPConnection(self._host, self._port, timeout=self._timeout)

    def _exchange(self, connection: http.client.HTTPConnection, request: Request) -> Reply:
        deadline = time.monotonic() + self._timeout
        parts = urlsplit(request.url)
        target = f"{parts.path}?{parts.query}" if parts.query else parts.path
        headers = {"user-agent": f"Mitregate/{__version__}", **request.headers}
        if connection.sock is None:
            connection.connect()
        line = connection.sock
        _allow(line, deadline)
        connection.request(request.method, target or "/", body=request.body or None, headers=headers)
        _allow(line, deadline)
        with contextlib.closing(connection.getresponse()) as response:
            body = self._read(response, line, deadline)
            if len(body) > self._largest_body:
                connection.close()
            return Reply(status=response.status, headers=_joined(response), body=body[: self._largest_body])

    def _read(self, response: http.client.HTTPResponse, line: socket.socket, deadline: float) -> bytes:
        """Read a body to its end, or a little further than is wanted."""
        body = bytearray()
        while len(body) <= self._largest_body:
            _allow(line, deadline)
            chunk = response.read1(CHUNK)
            if not chunk:
                if response.length:  # http.client does not tell a body that breaks off from one that ends
                    raise http.client.IncompleteRead(bytes(body))
                break
            body += chunk
        return bytes(body)

    def _explain(self, error: Exception) -> str:
        words = next(words for kind, words in EXPLANATIONS if isinstance(error, kind))
        return words.format(reason=_reason(error), seconds=self._timeout)


def _allow(line: socket.socket, deadline: float) -> None:
    """Let whatever is done next with a socket take the time that is left."""
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    line.settimeout(left)


def _is_quiet(line: socket.socket) -> bool:
    """Tell whether a connection that was left open still is: one that has something to say was closed."""
    with selectors.DefaultSelector() as selector:
        selector.register(line, selectors.EVENT_READ)
        return not selector.select(0)


def _joined(response: http.client.HTTPResponse) -> dict[str, str]:
    headers: dict[str, str] = {}
    for name, value in response.getheaders():
        lower = name.lower()
        headers[lower] = f"{headers[lower]}, {value}" if lower in headers else value
    return headers


def _reason(error: Exception) -> str:
    match error:
        case ssl.SSLCertVerificationError(verify_message=words) | ssl.SSLError(reason=str(words)):
            return words.replace("_", " ").rstrip(".")
        case socket.gaierror(strerror=str(words)):
            return words.lower()
        case OSError(errno=int(number)) if number > 0:
            return os.strerror(number).lower()
        case OSError(strerror=str(words)):
            return words.lower()
    return str(error) or type(error).__name__
