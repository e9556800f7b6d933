"""The porch before the front door: what a proxy changed about a request is changed back before anybody looks at it.

Behind it a scope is as if the caller had come without a proxy: `client` is who really calls, and `path` and `raw_path`
are without the context path.
"""

from collections.abc import Sequence
from urllib.parse import unquote

from mitregate.web import plain
from mitregate.wire.addresses import Network
from mitregate.wire.forwarding import Seen, see_through
from mitregate.wire.jira_others import other_api

RECEIVED = "mitregate.received_path"
"""Where the ASGI scope keeps the raw path as it was received, if the context path was taken off it."""

OURS = (b"/rest/deployments/", b"/jira/deployments/", b"/ex/jira/", b"/api/v1/", b"/api/docs", b"/api/openapi.json")
"""What paths of our own begin with, even where a context path such as `/jira` or `/api` seems to stand before them."""


def through_proxies(app: plain.Asgi, trusted: Sequence[Network]) -> plain.Asgi:
    """Put before *app* what sees through proxies in the *trusted* networks, and believes nobody else."""

    async def porch(scope: plain.Scope, receive: plain.Receive, send: plain.Send) -> None:
        if scope["type"] == "http" and scope["client"] is not None:
            seen = see_through(scope["client"][0], scope["headers"], trusted)
            if seen is not None:
                scope = _as_seen(scope, seen)
        await app(scope, receive, send)

    return porch


def _as_seen(scope: plain.Scope, seen: Seen) -> plain.Scope:
    headers = scope["headers"]
    if seen.host is not None:
        headers = [(b"host", seen.host.encode()), *((name, value) for name, value in headers if name != b"host")]
    return {**scope, "client": (seen.address, 0), "scheme": seen.scheme or scope["scheme"], "headers": headers}


def below(app: plain.Asgi, base_path: str) -> plain.Asgi:
    """Put before *app* what takes *base_path* off the path of a request, if a proxy has not done so already."""
    prefix = base_path.encode()

    async def porch(scope: plain.Scope, receive: plain.Receive, send: plain.Send) -> None:
        if scope["type"] == "http" and _is_below(scope["raw_path"], prefix):
            rest = scope["raw_path"][len(prefix) :] or b"/"
            path = unquote(rest.decode("latin-1"))
            scope = {**scope, "raw_path": rest, "path": path, RECEIVED: scope["raw_path"]}
        await app(scope, receive, send)

    return porch


def _is_below(raw_path: bytes, prefix: bytes) -> bool:
    if not raw_path.startswith(prefix) or raw_path[len(prefix) : len(prefix) + 1] not in {b"", b"/"}:
        return False
    api = other_api(raw_path)
    return not raw_path.startswith(OURS) and (api is None or api.provided is None)
