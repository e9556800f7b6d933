"""The server that listens: uvicorn, whose signals are seen to elsewhere, and which sends waiting callers home first."""

import asyncio
import functools
import socket
import ssl
from collections.abc import Callable, Generator
from contextlib import contextmanager

import uvicorn
from typing_extensions import override

from mitregate.core.errors import Misconfigured
from mitregate.web import plain
from mitregate.web.connection import PATIENCE, Connection

GRACE = 5
"""Seconds that requests under way may take to end when the server stops."""

IDLE = 75
"""Seconds that an idle connection is kept: longer than proxies keep theirs (60 as a rule), and than tools pause between
two polls; whoever closes first must not be the server, or a request meets a closed door."""


class Server(uvicorn.Server):
    """A server that is told from outside when to stop."""

    def __init__(self, config: uvicorn.Config, release: Callable[[], None]) -> None:
        """Take what sends waiting callers home, which is called once when the server stops."""
        super().__init__(config)
        self._release = release
        self.listening = asyncio.Event()

    @override
    @contextmanager
    def capture_signals(self) -> Generator[None]:
        """Leave signals alone."""
        yield

    @override
    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen, and say so."""
        await super().startup(sockets)
        self.listening.set()

    @override
    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Send those home who wait, then let requests under way end."""
        self._release()
        await super().shutdown(sockets)


def bind(host: str, port: int) -> socket.socket:
    """Take the address to listen on; port 0 takes a free one.

    Raises:
        Misconfigured: it cannot be had.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family)
    except OSError as error:
        message = f"Cannot listen on {host} port {port}: {error.strerror}."
        advice = "Stop what listens there, or choose another address with --host, --port or the settings."
        raise Misconfigured(message, advice=advice) from None


def make_server(
    app: plain.Asgi,
    release: Callable[[], None],
    patience: float = PATIENCE,
    tls: ssl.SSLContext | None = None,
) -> Server:
    """Make a server for *app*; `await server.serve([socket])` runs it until `server.should_exit` is set.

    Args:
        app: what answers.
        release: what sends waiting callers home; called once when the server stops.
        patience: seconds in which a request must have arrived.
        tls: what to prove itself by; without it the server speaks plain HTTP.
    """
    config = uvicorn.Config(
        app,
        http=functools.partial(Connection, patience=patience),  # type: ignore[arg-type]
        ws="none",
        lifespan="off",
        log_config=None,
        log_level="error",  # a line for each request that makes no sense would let anybody fill the log
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=GRACE,
        timeout_keep_alive=IDLE,
    )
    if tls is not None:
        config.load()  # which would make a context of its own, of files
        config.ssl = tls
    return Server(config, release)
