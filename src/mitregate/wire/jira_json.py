"""What Jira's replies say: their JSON, read into values, and its complaints, in the four forms in which they come.

The platform says `errorMessages` and `errors` by field, the service desk `errorMessage`, the gateway `message`, and
what stands before Jira answers with a page.
"""

import re
from html import unescape
from typing import Any, TypeVar

import msgspec
from msgspec import Struct

from mitregate.core.errors import Malformed
from mitregate.wire.http import Reply

T = TypeVar("T")

LARGEST_REPLY = 8 * 1024 * 1024
"""How much of a reply must be read, in bytes: the fields of a large site alone take megabytes."""

QUOTED = 300
"""How many characters of what Jira said are repeated."""

ADVICE = "See that the address is Jira's own, and that no proxy or single sign-on answers in its stead."


class _Complaint(Struct, frozen=True, rename="camel"):
    error_messages: list[Any] = []
    errors: dict[str, Any] = {}
    error_message: Any = None
    message: Any = None


def read(body: bytes, kind: type[T]) -> T:
    """Read a body into a value of a type; what it says beyond that is left out.

    Raises:
        Malformed: it is not JSON, is cut off, or lacks what must be there.
    """
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise Malformed(f"Jira's reply cannot be read: {error}.", advice=ADVICE) from None


def convert(value: Any, kind: type[T]) -> T:
    """Read a part of a body into a value of a type; `Malformed` if it lacks what must be there."""
    try:
        return msgspec.convert(value, kind)
    except (msgspec.MsgspecError, RecursionError) as error:
        raise Malformed(f"Jira's reply cannot be read: {error}.", advice=ADVICE) from None


def explain(reply: Reply, hidden: tuple[str, ...] = ()) -> str:
    """Repeat in one line what Jira complained of, without the words *hidden*; empty if it said nothing."""
    try:
        said = msgspec.json.decode(reply.body, type=_Complaint)
        parts = [*said.error_messages, said.error_message, said.message]
        texts = [str(part) for part in parts if part]
        texts += [f"{name}: {text}" for name, text in said.errors.items()]
        return _line(" ".join(texts), hidden)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return _line(_title(reply.body.decode(errors="replace")), hidden)


def complaints(body: bytes) -> dict[str, str]:
    """Give what Jira complained of by field; empty if it named none."""
    try:
        said = msgspec.json.decode(body, type=_Complaint)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return {}
    return {name: _line(str(text)) for name, text in said.errors.items()}


def is_page(reply: Reply) -> bool:
    """Tell whether a reply is a page for people instead of data."""
    return "text/html" in reply.headers.get("content-type", "") or reply.body.lstrip()[:1] == b"<"


def _title(text: str) -> str:
    found = re.search(r"<title[^>]*>([^<]*)</title>", text[:10_000], re.IGNORECASE)
    return unescape(found[1]) if found else ""


def _line(text: str, hidden: tuple[str, ...] = ()) -> str:
    # Before it is cut: no part of them shall remain.
    for word in filter(None, hidden):
        text = text.replace(word, "…")
    plain = " ".join("".join(character if character.isprintable() else " " for character in text).split())
    return plain if len(plain) <= QUOTED else f"{plain[:QUOTED]}…"
