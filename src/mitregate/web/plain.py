"""Plain ASGI for the doors that tools call often: read a body with a limit, send a reply."""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any

from mitregate.core.errors import TooLarge, Unreachable

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]
Asgi = Callable[[Scope, Receive, Send], Awaitable[None]]

JSON = "application/json"
TEXT = "text/plain; charset=utf-8"


METHOD = "mitregate.method"
"""Where the ASGI scope keeps the method of the request, if it is answered as another one would be."""


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
    """Send a whole reply; one without a body carries no content type, and a 204 no length."""
    fields = [(b"content-length", str(len(body)).encode())] if status != 204 else []
    if body:
        fields.append((b"content-type", content_type.encode()))
    fields += [(name.encode(), value.encode()) for name, value in (headers or {}).items()]
    await send({"type": "http.response.start", "status": status, "headers": fields})
    await send({"type": "http.response.body", "body": body})


async def reply_allowed(
    scope: Scope, send: Send, methods: Iterable[str], body: bytes, content_type: str = JSON
) -> None:
    """Say which methods a path has: to OPTIONS as what was asked for, else as a 405 with *body*."""
    headers = {"allow": allow(methods)}
    if scope["method"] == "OPTIONS":
        await reply(send, 204, headers=headers)
    else:
        await reply(send, 405, body, content_type, headers)


def allow(methods: Iterable[str]) -> str:
    """Write the header Allow: where there is GET there is HEAD, and OPTIONS is everywhere."""
    known = set(methods)
    return ", ".join(sorted(known | {"OPTIONS"} | ({"HEAD"} if "GET" in known else set())))


def as_get(scope: Scope, send: Send) -> tuple[Scope, Send]:
    """Make of a HEAD request one that is answered as GET, with the same headers, but whose bodies are kept back."""

    async def send_head(message: Scope) -> None:
        await send({**message, "body": b""} if message["type"] == "http.response.body" else message)

    return {**scope, "method": "GET", METHOD: scope["method"]}, send_head
