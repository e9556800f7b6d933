"""The desk: where a command hands in its requests to the native API, be the API far away or in this process.

With `MITREGATE_URL` requests go to that server, as the person of `MITREGATE_TOKEN` or as the app of
`MITREGATE_CLIENT_ID`. Without it they are answered in this process from the local database, as the local user.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Mapping
from contextlib import asynccontextmanager
from typing import Protocol, TypeVar
from urllib.parse import quote, urlencode

import msgspec
from msgspec import Raw
from msgspec.structs import replace

from mitregate import client, settings
from mitregate.cli.records import About, Page
from mitregate.core.errors import Misconfigured, Unproven, Unreachable
from mitregate.settings import Settings
from mitregate.wire.http import Conversation, Reply, Request

T = TypeVar("T")

API = "/api/v1"

PAGE = 200
"""Records that are asked for at once."""

PATIENCE = 90.0
"""Seconds that one answer may take; a server holds a wait for up to 60."""

LARGEST_ANSWER = 32 * 1024 * 1024
"""Bytes of an answer that are read, at most."""

Body = Mapping[str, object]


class Desk(Protocol):
    """Takes requests to the native API; their URL is the path and the query alone."""

    is_local: bool

    async def call(self, request: Request) -> Reply:
        """Hand in a request; `Unreachable` if nobody answers."""


class Talker(Protocol):
    """What performs conversations."""

    async def converse(self, conversation: Conversation[T]) -> T:
        """Carry a conversation to its end."""


class RemoteDesk:
    """The desk of a server."""

    is_local = False

    def __init__(self, here: Settings, talker: Talker, access: str | None = None) -> None:
        """Know the server, who asks, what carries the requests, and the app's access token if there is one."""
        self._url = address_of(here)
        self._here = here
        self._talker = talker
        self._access = access or here.token or None

    async def call(self, request: Request) -> Reply:
        """Hand in a request, with a token; an app's token that is no longer good is replaced once.

        Raises:
            Unproven: the person's token is not good there.
        """
        reply = await self._call(request)
        if reply.status == 401 and not self._here.token:
            self._access = None
            reply = await self._call(request)
        if reply.status == 401 and self._here.token:
            advice = f"Set MITREGATE_TOKEN to a token that is good at {self._url}; `mitregate token add` makes one."
            raise Unproven(client.error_of(reply).message, advice=advice)
        return reply

    async def _call(self, request: Request) -> Reply:
        try:
            if self._access is None:
                self._access = await log_in(self._here, self._talker)
            headers = {**request.headers, "authorization": f"Bearer {self._access}"}
            return await self._talker.converse(single(replace(request, url=self._url + request.url, headers=headers)))
        except Unreachable as error:
            raise nobody_there(self._here, error) from error


class LocalDesk:
    """The desk in this process, on the local database."""

    is_local = True

    def __init__(self, answer: Callable[[Request], Awaitable[Reply]]) -> None:
        """Take what answers requests."""
        self._answer = answer

    async def call(self, request: Request) -> Reply:
        """Hand in a request."""
        return await self._answer(request)


@asynccontextmanager
async def open_desk(here: Settings, *, for_app: bool = False) -> AsyncIterator[Desk]:
    """Open the desk that the settings name.

    Args:
        here: the settings.
        for_app: whether the command is one that apps use; then a token or client credentials are enough to make it go
            to the server of this machine when no URL is set.

    Raises:
        Misconfigured: a URL is set but not who asks; or the local database cannot be used.
        StoreError: the local database does not answer.
    """
    has_credentials = bool(here.token or (here.client_id and here.client_secret))
    if here.url or (for_app and has_credentials):
        if not has_credentials:
            message = "MITREGATE_URL is set, but not who asks there."
            advice = "Set MITREGATE_TOKEN to an API token; or unset MITREGATE_URL to work on the local database."
            raise Misconfigured(message, advice=advice)
        async with open_talker() as talker:
            yield RemoteDesk(here, talker)
        return
    from mitregate import wiring

    wiring.set_up_logging(here.log_format)
    async with wiring.open_house(here) as house:
        yield LocalDesk(lambda request: wiring.local_call(house, request))


@asynccontextmanager
async def open_talker() -> AsyncIterator[Talker]:
    """Open what talks to servers that the operator names, be they internal."""
    from mitregate.outbound import Outbound

    outbound = Outbound(guard=False, timeout=PATIENCE, largest_body=LARGEST_ANSWER)
    try:
        yield outbound
    finally:
        await outbound.close()


async def log_in(here: Settings, talker: Talker) -> str:
    """Get an access token for the app that the settings name.

    Raises:
        Misconfigured: they name none.
        Unproven: its id or secret is wrong.
    """
    if not (here.client_id and here.client_secret):
        message = "MITREGATE_CLIENT_ID and MITREGATE_CLIENT_SECRET are not both set."
        raise Misconfigured(message, advice="Set them to what `mitregate app add NAME` prints.")
    site = client.ours(address_of(here))
    try:
        access = await talker.converse(client.token(site, here.client_id, here.client_secret))
    except Unproven as error:
        advice = "Correct MITREGATE_CLIENT_ID and MITREGATE_CLIENT_SECRET."
        raise Unproven(error.message, advice=advice) from error
    return access.access_token


def is_app(here: Settings) -> bool:
    """Tell whether a command that apps use asks as an app, which is shown what is its own and no more."""
    return bool(here.client_id and here.client_secret and not here.token)


def address_of(here: Settings) -> str:
    """Say where the server is: at the URL that is set, else on this machine."""
    return here.url.rstrip("/") or here.public_url


def nobody_there(here: Settings, error: Unreachable) -> Unreachable:
    """Say where to look when the server does not answer."""
    advice = f"Check that the server runs at {address_of(here)}; MITREGATE_URL says where it is."
    return Unreachable(error.message, advice=advice)


def path(*segments: str) -> str:
    """Write the path of a resource; each segment may hold anything."""
    return "/".join([API, *(quote(segment, safe="") for segment in segments)])


async def ask(
    desk: Desk, method: str, where: str, *, body: Body | None = None, query: Mapping[str, object] | None = None
) -> bytes:
    """Ask something of the native API.

    Args:
        desk: where to hand it in.
        method: the HTTP method.
        where: the path.
        body: what to send as JSON, if anything; fields that are None are left out.
        query: conditions; those that are None are left out.

    Returns:
        The body of the answer.

    Raises:
        MitregateError: the answer was no success; of the class that the server raised.
    """
    conditions = {name: value for name, value in (query or {}).items() if value is not None}
    headers = {"accept": "application/json"}
    sent = b""
    if body is not None:
        headers["content-type"] = "application/json"
        sent = msgspec.json.encode({name: value for name, value in body.items() if value is not None})
    url = f"{where}?{urlencode(conditions)}" if conditions else where
    reply = await desk.call(Request(method=method, url=url, headers=headers, body=sent))
    if not 200 <= reply.status < 300:
        raise client.error_of(reply)
    return reply.body


async def ask_pages(desk: Desk, where: str, query: Mapping[str, object], limit: int) -> Page:
    """Read a list, page by page, up to *limit* records; `next` is set if there are more."""
    items: list[Raw] = []
    cursor: str | None = None
    while True:
        wanted = {**query, "cursor": cursor, "limit": min(PAGE, limit - len(items))}
        page = decoded(await ask(desk, "GET", where, query=wanted), Page)
        items += page.items
        cursor = page.next
        if cursor is None or len(items) >= limit:
            return Page(items=tuple(items), next=cursor)


async def about(desk: Desk) -> About:
    """Ask the server what it is and what time it is there."""
    return decoded(await ask(desk, "GET", path("about")), About)


def decoded(body: bytes | Raw, kind: type[T]) -> T:
    """Read an answer.

    Raises:
        Misconfigured: something else answers there, or another version.
    """
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        message = f"The answer cannot be read: {error}."
        raise Misconfigured(message, advice="Check MITREGATE_URL, and that both versions are the same.") from None


def answer(work: Callable[[Desk], Awaitable[T]], *, for_app: bool = False) -> T:
    """Open the desk, do *work* there, and close it; raises as `open_desk` and `ask` do."""

    async def opened() -> T:
        async with open_desk(settings.load(), for_app=for_app) as desk:
            return await work(desk)

    return asyncio.run(opened())


def answer_to(method: str, where: str, *, body: Body | None = None, query: Mapping[str, object] | None = None) -> bytes:
    """Ask one thing, as `ask` does."""
    return answer(lambda desk: ask(desk, method, where, body=body, query=query))


def answer_pages(where: str, query: Mapping[str, object], limit: int) -> Page:
    """Read one list, as `ask_pages` does."""
    return answer(lambda desk: ask_pages(desk, where, query, limit))


def single(request: Request) -> Generator[Request, Reply, Reply]:
    """Make a conversation of one request, which gives its reply."""
    return (yield request)
