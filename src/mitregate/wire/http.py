"""HTTP as two value types, in both directions, and the conversation made of them.

A vendor exchange of any number of steps is a *conversation*: a generator that yields requests, is sent replies, and
returns what came of it (the shape of httpx' `auth_flow`). Whoever performs it throws `Unreachable` into it when a
request gets no reply.
"""

from collections.abc import Generator, Mapping
from typing import TypeVar

from msgspec import Struct

T = TypeVar("T")


class Request(Struct, frozen=True, kw_only=True):
    """A request; header names are written in lower case."""

    method: str
    url: str
    headers: Mapping[str, str] = {}
    body: bytes = b""


class Reply(Struct, frozen=True, kw_only=True):
    """A reply; header names are in lower case."""

    status: int
    headers: Mapping[str, str] = {}
    body: bytes = b""


Conversation = Generator[Request, Reply, T]
"""A vendor exchange that ends in a value of type T."""

UNTRUSTED = "If an authority of your own signed it, let SSL_CERT_FILE name a file with that authority's certificate."
"""What to do about a server whose certificate is not trusted."""


def single(request: Request) -> Generator[Request, Reply, Reply]:
    """Make a conversation of one request, which gives its reply."""
    return (yield request)
