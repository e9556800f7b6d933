"""Plain ASGI for the doors that tools call often: read a body with a limit, send a reply."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from mitregate.core.errors import TooLarge, Unreachable

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]
Asgi = Callable[[Scope, Receive, Send], Awaitable[None]]

JSON = "application/json"


async def read_body(receive: Receive, limit: int) -> bytes:
    """Read the body of a request.

    Raises:
        TooLarge: it has more than *limit* bytes; the rest is not read.
        Unreachable: the caller went away before it had sent all.
    """
    parts: list[bytes] = []
    size = 0
    is_more = True
    while is_more:
        message = await receive()
        if message["type"] != "http.request":
            gone = "The caller went away while sending."
            raise Unreachable(gone)
        part = message.get("body", b"")
        size += len(part)
        if size > limit:
            much = f"The body has more than {limit} bytes."
            raise TooLarge(much)
        parts.append(part)
        is_more = message.get("more_body", False)
    return parts[0] if len(parts) == 1 else b"".join(parts)


async def reply(
    send: Send, status: int, body: bytes = b"", content_type: str = JSON, headers: Mapping[str, str] | None = None
) -> None:
    """Send a whole reply; one without a body carries no content type."""
    fields = [(b"content-length", str(len(body)).encode())]
    if body:
        fields.append((b"content-type", content_type.encode()))
    fields += [(name.encode(), value.encode()) for name, value in (headers or {}).items()]
    await send({"type": "http.response.start", "status": status, "headers": fields})
    await send({"type": "http.response.body", "body": body})
