"""What the tests of the change system "jira" have in common: flavours, connections, drafts, and a layout found out."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, TypeVar

from msgspec.structs import replace

from mitregate.changes.jira.checking import check
from mitregate.core.calendar import Window
from mitregate.core.changes import ChangeType
from mitregate.core.connections import Access, Connection, Kind, Layout
from mitregate.core.errors import Unreachable
from mitregate.core.risk import Risk
from mitregate.wire.http import Conversation, Reply, Request
from mitregate.wire.jira_issues import Draft
from tests.fakes.jira.flavours import CLOUD, DATA_CENTER_9, DATA_CENTER_10, DATA_CENTER_11, Flavour
from tests.fakes.jira.jira import FakeJira

T = TypeVar("T")

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
WINDOW = Window(start=NOON + timedelta(hours=8), end=NOON + timedelta(hours=10))
FLAVOURS = {"cloud": CLOUD, "dc9": DATA_CENTER_9, "dc10": DATA_CENTER_10, "dc11": DATA_CENTER_11}
SERVICE = "ari:cloud:graph::service/2d8f0f3e-0000-4000-8000-000000000001/7a3c"
TITLE = 'Octopus: Deploy "web shop" version 1.2.3-rc.4 to "Production"'


class Scene:
    """A fake Jira with a connection to it."""

    def __init__(self, flavour: Flavour = CLOUD, **said: Any) -> None:
        self.jira = FakeJira(flavour, at=NOON)
        self.secret = self.jira.gate.token if flavour.is_cloud else self.jira.gate.pat
        kept: Mapping[str, Any] = {
            "id": "c1",
            "name": "Acme's Jira",
            "kind": Kind.CLOUD if flavour.is_cloud else Kind.DATA_CENTER,
            "base_url": "https://jira.example.com",
            "project": "ITSM",
            "user": self.jira.gate.email if flavour.is_cloud else "",
        }
        self.connection = Connection(**{**kept, **said})
        self._layout: Layout | None = None

    @property
    def access(self) -> Access:
        """The way in, now."""
        return Access(connection=self.connection, secret=self.secret, now=self.jira.clock.now())

    @property
    def layout(self) -> Layout:
        """What a test of the connection finds out when all is well."""
        if self._layout is None:
            report = self.jira.converse(check(self.access))
            assert report.layout is not None, report
            self._layout = report.layout
            self.jira.log.clear()
        return self._layout

    def set(self, **said: Any) -> None:
        """Change the connection."""
        self.connection = replace(self.connection, **said)


def draft(title: str = TITLE, **said: Any) -> Draft:
    """A change request to be raised."""
    kept: Mapping[str, Any] = {
        "reference": "9f1c2a64-77b0-4a52-9d0e-5f0c1d2e3a4b",
        "title": title,
        "description": "Release 1.2.3 of the web shop.",
        "link": "https://gate.example.com/gates/9f1c2a64",
        "link_title": "Mitregate",
        "window": WINDOW,
        "type": ChangeType.NORMAL,
        "risk": Risk.MEDIUM,
    }
    return Draft(**{**kept, **said})


def between(
    conversation: Conversation[T],
    *,
    asks: Callable[[Request], Request] = lambda request: request,
    hears: Callable[[Reply], Reply] = lambda reply: reply,
) -> Conversation[T]:
    """Stand between a conversation and the other side: what it asks and hears may be changed on the way."""
    turn: Callable[[], Request] = partial(next, conversation)
    while True:
        try:
            request = turn()
        except StopIteration as end:
            result: T = end.value
            return result
        try:
            reply = yield asks(request)
        except Unreachable as error:
            turn = partial(conversation.throw, error)
        else:
            turn = partial(conversation.send, hears(reply))
