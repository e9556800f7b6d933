"""The desk: where a command hands in its requests to the native API, be the API far away or in this process.

With `MITREGATE_URL` requests go to that server, as the person of `MITREGATE_TOKEN` or as the app of
`MITREGATE_CLIENT_ID`. Without it they are answered in this process from the local database, as the local user.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from types import MappingProxyType
from typing import Protocol, TypeVar
from urllib.parse import quote, urlencode

import msgspec
from msgspec import Raw

from mitregate import settings
from mitregate.cli.records import About, Page
from mitregate.client import ONCE, AsyncClient, Bearer, OAuth, Pause, Proof, Retries, Site, error_of
from mitregate.core.errors import Misconfigured, Unproven, Unreachable
from mitregate.settings import Settings
from mitregate.wire.http import Reply, Request

T = TypeVar("T")

API = "/api/v1"

PAGE = 200
"""Records that are asked for at once."""

PATIENCE = 90.0
"""Seconds that one answer may take; a server holds a wait for up to 60."""

Body = Mapping[str, object]


class Desk(Protocol):
    """Takes requests to the native API; their URL is the path and the query alone."""

    is_local: bool

    async def call(self, request: Request) -> Reply:
        """Hand in a request; `Unreachable` if nobody answers."""


class RemoteDesk:
    """The desk of a server."""

    is_local = False

    def __init__(self, here: Settings, client: AsyncClient, retries: Retries = ONCE) -> None:
        """Know who asks, what carries the requests, and when to try again."""
        self._here = here
        self._client = client
        self._retries = retries

    async def call(self, request: Request) -> Reply:
        """Hand in a request, with a token.

        Raises:
            Unproven: the token is not good there.
        """
        with explained(self._here):
            reply = await self._client.send(request, retries=self._retries)
            if reply.status == 401 and self._here.token:
                raise error_of(reply)
        return reply


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
        async with open_client(here) as client:
            yield RemoteDesk(here, client)
        return
    from mitregate import wiring

    wiring.set_up_logging(here.log_format)
    async with wiring.open_house(here) as house:
        yield LocalDesk(lambda request: wiring.local_call(house, request))


@asynccontextmanager
async def open_client(
    here: Settings, *, retries: Retries = ONCE, on_pause: Callable[[Pause], None] | None = None
) -> AsyncIterator[AsyncClient]:
    """Open a client of the server, for the person or the app that the settings name.

    Raises:
        Misconfigured: they name neither.
    """
    site = Site.mitregate(address_of(here))
    async with AsyncClient(site, proof_of(here), retries=retries, timeout=PATIENCE, on_pause=on_pause) as client:
        yield client


def proof_of(here: Settings) -> Proof:
    """Take from the settings what proves the person, or else the app.

    Raises:
        Misconfigured: they name neither.
    """
    if here.token:
        return Bearer(token=here.token)
    if not (here.client_id and here.client_secret):
        message = "MITREGATE_CLIENT_ID and MITREGATE_CLIENT_SECRET are not both set."
        raise Misconfigured(message, advice="Set them to what `mitregate app add NAME` prints.")
    return OAuth(client_id=here.client_id, client_secret=here.client_secret)


@contextmanager
def explained(here: Settings) -> Iterator[None]:
    """Say which setting to look at when the server does not answer, or does not know who asks."""
    try:
        yield
    except Unreachable as error:
        general = f"Check that the server runs at {address_of(here)}; MITREGATE_URL says where it is."
        special = error.advice() if error.advice() != Unreachable.hint else None
        raise Unreachable(error.message, advice=special or general) from error
    except Unproven as error:
        advice = "Correct MITREGATE_CLIENT_ID and MITREGATE_CLIENT_SECRET."
        if here.token:
            where = address_of(here)
            advice = f"Set MITREGATE_TOKEN to a token that is good at {where}; `mitregate token add` makes one."
        raise Unproven(error.message, advice=advice) from error


def is_app(here: Settings) -> bool:
    """Tell whether a command that apps use asks as an app, which is shown what is its own and no more."""
    return bool(here.client_id and here.client_secret and not here.token)


def address_of(here: Settings) -> str:
    """Say where the server is: at the URL that is set, else on this machine."""
    return here.url.rstrip("/") or here.public_url


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
    if body is None:
        return await hand_in(desk, method, where, query=query)
    content = msgspec.json.encode({name: value for name, value in body.items() if value is not None})
    return await hand_in(
        desk, method, where, content=content, headers={"content-type": "application/json"}, query=query
    )


async def hand_in(
    desk: Desk,
    method: str,
    where: str,
    *,
    content: bytes = b"",
    headers: Mapping[str, str] = MappingProxyType({}),
    query: Mapping[str, object] | None = None,
) -> bytes:
    """Ask something of the native API, as `ask` does, but in whatever form the headers say."""
    conditions = {name: value for name, value in (query or {}).items() if value is not None}
    url = f"{where}?{urlencode(conditions, doseq=True)}" if conditions else where
    said = {"accept": "application/json", **headers}
    reply = await desk.call(Request(method=method, url=url, headers=said, body=content))
    if not 200 <= reply.status < 300:
        raise error_of(reply)
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
