"""A connection that bounds what uvicorn leaves unbounded: the size of a request's head, and the time a request takes.

uvicorn keeps the head of a request until it is complete, however long it grows, and waits for the rest of a request for
ever. So anybody could take the server's memory with one endless header, or all its sockets with silence.
"""

import asyncio
from typing import Any, cast

from typing_extensions import override
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from mitregate.web.gathering import Gathering

HEAD_LIMIT = 64 * 1024
"""Bytes in a request's line and headers, and in the trailers behind a body, at most."""

REQUEST_LIMIT = 16 * 1024 * 1024
"""Bytes in a request, at most: more than any body that is accepted, so that who sends too much can still be told so."""

PATIENCE = 60.0
"""Seconds in which a request must have arrived, and a new connection must have begun one."""


class Connection(HttpToolsProtocol):
    """A connection that is closed when a request is too large to be kept, or does not arrive in time."""

    def __init__(self, *args: Any, patience: float = PATIENCE, **kwargs: Any) -> None:
        """Wait for a request for *patience* seconds, at most; the other arguments are uvicorn's."""
        super().__init__(*args, **kwargs)
        self._patience = patience
        self._deadline: asyncio.TimerHandle | None = None
        self._is_in_head = True
        self._bytes = 0
        self._fields = 0

    @override
    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for a request."""
        super().connection_made(cast("asyncio.Transport", Gathering(transport)))
        self._await_request()

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no longer."""
        self._await_nothing()
        super().connection_lost(exc)

    @override
    def data_received(self, data: bytes) -> None:
        """Take what has come, unless it makes the request too large."""
        super().data_received(data)
        self._bytes += len(data)
        if self.transport.is_closing():
            return
        if self._bytes > REQUEST_LIMIT:
            self.transport.close()
        elif self._is_in_head and self._bytes > HEAD_LIMIT:
            self.send_400_response("The head of the request is too large.")
        elif self._deadline is None and self.timeout_keep_alive_task is None and self._is_at_rest():
            self._await_request()  # line breaks between two requests begin none, but end uvicorn's own waiting

    @override
    def on_message_begin(self) -> None:
        """Note that a request begins."""
        super().on_message_begin()
        self._is_in_head = True
        self._bytes = self._fields = 0
        self._await_request()

    @override
    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header, or a trailer.

        Raises:
            ValueError: there are too many, which the parser takes for a request that makes no sense.
        """
        self._fields += len(name) + len(value)
        if self._fields > HEAD_LIMIT:
            message = "The headers are too large."
            raise ValueError(message)
        super().on_header(name, value)

    @override
    def on_headers_complete(self) -> None:
        """Note that a body may follow."""
        self._is_in_head = False
        super().on_headers_complete()

    @override
    def on_message_complete(self) -> None:
        """Note that the request has arrived."""
        self._await_nothing()
        self._bytes = 0
        super().on_message_complete()

    def _await_request(self) -> None:
        self._await_nothing()
        self._deadline = self.loop.call_later(self._patience, self._give_up)

    def _await_nothing(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _give_up(self) -> None:
        if self.pipeline:
            self._await_request()  # we do not read on ourselves before the request ahead has been answered
        else:
            self.transport.close()

    def _is_at_rest(self) -> bool:
        cycle: RequestResponseCycle | None = self.cycle
        return cycle is None or cycle.response_complete
