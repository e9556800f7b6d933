"""A test of a connection under way: what it found wrong so far, and where it can go no further."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeVar
from urllib.parse import urlencode

from mitregate.changes.jira.talk import ask, understanding
from mitregate.core.connections import Access, Fault, Finding
from mitregate.core.errors import MitregateError, Unsettled
from mitregate.wire.http import Conversation, Reply
from mitregate.wire.jira_json import convert
from mitregate.wire.jira_site import DESK_PAGE, read_desk_page

T = TypeVar("T")

PAGES = 20
"""Pages of a list of the service desk that are read, at most."""


class Stopped(Exception):
    """Nothing beyond this can be tested."""


class Inquiry:
    """A test under way; `user` is whom Jira takes us for, as soon as that is known."""

    def __init__(self, access: Access) -> None:
        """Begin with nothing found."""
        self.access = access
        self.findings: list[Finding] = []
        self.user = ""

    def find(self, fault: Fault, message: str, advice: str, *, is_fatal: bool = True) -> None:
        """Write down what is wrong."""
        self.findings.append(Finding(fault=fault, message=message, advice=advice, is_fatal=is_fatal))

    def need(self, conversation: Conversation[T], fault: Fault) -> Conversation[T]:
        """Carry a step without which there is no next one; what goes wrong is found, and the test stops."""
        try:
            return (yield from conversation)
        except MitregateError as error:
            self.find(Fault.UNREACHABLE if isinstance(error, Unsettled) else fault, error.message, error.advice())
            raise Stopped from None

    def missing(self, fault: Fault, message: str, advice: str) -> Stopped:
        """Write down what is wrong, and stop."""
        self.find(fault, message, advice)
        return Stopped()

    @contextmanager
    def reading(self, reply: Reply) -> Iterator[None]:
        """Read a reply; one that cannot be read is found, and the test stops."""
        try:
            with understanding(self.access, reply):
                yield
        except Unsettled as error:
            self.find(Fault.UNREACHABLE, error.message, error.advice())
            raise Stopped from None


def get(access: Access, path: str, what: str, takes: frozenset[int] = frozenset()) -> Conversation[Reply]:
    """Read something, as `ask` does."""
    return (yield from ask(access, "GET", path, what=what, takes=takes))


def get_list(access: Access, path: str, kind: type[T], what: str) -> Conversation[list[T]]:
    """Read a list of the service desk, page by page; the links that it offers are not followed."""
    values: list[T] = []
    start: int | None = 0
    for _ in range(PAGES):
        if start is None:
            break
        query = urlencode({"start": start, "limit": DESK_PAGE})
        reply = yield from ask(access, "GET", f"{path}?{query}", what=what)
        with understanding(access, reply):
            page = read_desk_page(reply.body)
            values += [convert(value, kind) for value in page.values]
        start = page.next
    return values
