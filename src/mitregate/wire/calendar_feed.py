"""Asking a server for a calendar: once in full, from then on whether it says anything else by now (RFC 9110 §13)."""

from http import HTTPStatus
from urllib.parse import urljoin, urlsplit

from msgspec import Struct

from mitregate.core.errors import Unreachable
from mitregate.wire.http import Conversation, Reply, Request
from mitregate.wire.icalendar import SIZE_LIMIT

REDIRECTS = 3
"""How many redirects are followed in a row, at most; every one of them is asked as if it were the first."""

TAG_LIMIT = 1000
"""Characters in what a server says that a calendar is known by, at most; a longer one is not remembered."""

_MOVED = {301, 302, 303, 307, 308}


class Sent(Struct, frozen=True, kw_only=True):
    """What a server sent: the calendar, or None if it says the same as before; and what it is known by from now on."""

    body: bytes | None
    etag: str = ""
    modified: str = ""


def ask(url: str, etag: str = "", modified: str = "") -> Conversation[Sent]:
    """Ask for a calendar, unless it is still the one that was known by *etag* and *modified*.

    Raises:
        Unreachable: there was no reply, or it is none with a calendar; the message says why.
    """
    headers = {"accept": "text/calendar"}
    if etag:
        headers["if-none-match"] = etag
    if modified:
        headers["if-modified-since"] = modified
    for _ in range(REDIRECTS + 1):
        reply = yield Request(method="GET", url=url, headers=headers)
        if reply.status not in _MOVED:
            return _read(reply)
        url = _next(url, reply)
    raise Unreachable(f"{_host(url)} sends from one address to the next.", advice="Give the address that it ends at.")


def _read(reply: Reply) -> Sent:
    etag, modified = (value if len(value) <= TAG_LIMIT else "" for value in _tags(reply))
    if reply.status == HTTPStatus.NOT_MODIFIED:
        return Sent(body=None, etag=etag, modified=modified)
    if reply.status != HTTPStatus.OK:
        advice = "Was the calendar's address replaced, or is it not shared any more?"
        raise Unreachable(f"It was answered with status {reply.status}.", advice=advice)
    if len(reply.body) > SIZE_LIMIT:
        message = f"The calendar has more than {SIZE_LIMIT} bytes."
        raise Unreachable(message, advice="Keep a calendar that has nothing in it but freezes.")
    return Sent(body=reply.body, etag=etag, modified=modified)


def _tags(reply: Reply) -> tuple[str, str]:
    return reply.headers.get("etag", ""), reply.headers.get("last-modified", "")


def _next(url: str, reply: Reply) -> str:
    """Give the address that a reply sends to; never from https to where everybody could read along."""
    try:
        there = urljoin(url, reply.headers.get("location", ""))
        is_safe = urlsplit(there).scheme in ({"https"} if urlsplit(url).scheme == "https" else {"http", "https"})
    except ValueError:
        is_safe, there = False, ""
    if not is_safe or there == url:
        raise Unreachable("It sends to an address that is not asked.", advice="Give the address that it ends at.")
    return there


def _host(url: str) -> str:
    return urlsplit(url).netloc
