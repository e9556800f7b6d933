"""Calendars on a real server, and the reader that asks for them."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeVar

import pytest
from structlog.testing import capture_logs

from mitregate.core.errors import StoreError
from mitregate.core.feeds import Condition, Feed, Reading
from mitregate.core.people import Permission, Principal
from mitregate.core.rulebook import Rulebook
from mitregate.flows import rules
from mitregate.flows.act import Act, begin
from mitregate.outbound import Outbound, parse_networks
from mitregate.ports import Ports, Store, Talker, UnitOfWork
from mitregate.reader import LARGEST_BODY, Reader
from mitregate.settings import Settings
from mitregate.stores import open_store
from mitregate.stores.schema import migrate
from mitregate.wire.http import Conversation
from mitregate.wiring import make_ports
from tests.fakes.sink import Behaviour, Sink, answers, breaks_off, hangs, redirects, sends_garbage, streams
from tests.wire.calendars import calendar

T = TypeVar("T")
ROOT = Principal(name="root", permissions=frozenset(Permission))
NOW = datetime.now(UTC)
EVENT = f"SUMMARY:Audit\nDTSTART:{NOW:%Y%m%dT%H%M%SZ}\nDURATION:PT8H"
FILE = calendar(EVENT)
LOOPBACK = "127.0.0.0/8"


class Library:
    """A database, a server with a calendar, and readers; what a test asks of them."""

    def __init__(self, store: Store, ports: Ports, sink: Sink) -> None:
        self.store = store
        self.ports = ports
        self.sink = sink

    async def do(self, flow: Callable[[Act], T]) -> T:
        """Run a use case."""
        return await self.store.transact(lambda uow: flow(begin(self.ports, uow, ROOT)))

    async def subscribe(self, *names: str) -> None:
        """Subscribe to calendars on the server, each under its name."""
        found = tuple(Feed(name=name, url=f"http://127.0.0.1:{self.sink.port}/{name}") for name in names)
        await self.do(lambda act: rules.replace_all(act, Rulebook(feeds=found)))

    async def condition(self, is_so: Callable[[Condition], bool]) -> Condition:
        """Wait until the only calendar, or one of them, fares so."""
        found: list[Condition] = []
        for _ in range(500):
            found = await self.store.read(lambda uow: uow.feeds.conditions())
            if any(map(is_so, found)):
                return next(filter(is_so, found))
            await asyncio.sleep(0.02)
        raise AssertionError(f"No calendar fares so: {found}")

    async def readings(self) -> tuple[Reading, ...]:
        """See what calendars said."""
        return await self.store.read(lambda uow: uow.feeds.readings())


def is_read(condition: Condition) -> bool:
    """Tell whether a calendar was read."""
    return condition.read_at is not None


def has_failed(condition: Condition) -> bool:
    """Tell whether a calendar could not be read."""
    return condition.failing_since is not None


class Unsteady:
    """A store whose reads fail at first."""

    def __init__(self, store: Store, failures: int) -> None:
        self._store = store
        self.failures = failures
        self.transact, self.watch, self.close = store.transact, store.watch, store.close

    async def read(self, flow: Callable[[UnitOfWork], T]) -> T:
        """Fail, or run the flow."""
        if self.failures > 0:
            self.failures -= 1
            raise StoreError
        return await self._store.read(flow)


@asynccontextmanager
async def library(
    folder: Path,
    *told: Behaviour,
    allow: str = LOOPBACK,
    readers: int = 1,
    talker: Talker | None = None,
    unsteady: int = 0,
) -> AsyncIterator[Library]:
    """Open a library whose server answers as it was told, and by default with one event."""
    settings = Settings(database=f"sqlite:///{folder}/gate.db")
    migrate(settings.database)
    async with AsyncExitStack() as stack:
        sink = await stack.enter_async_context(Sink(default=answers(200, FILE, etag='"1"')))
        sink.tell(*told)
        store, stop = open_store(settings.database), asyncio.Event()
        outbound = Outbound(allow=parse_networks(allow), timeout=0.5, largest_body=LARGEST_BODY)
        ports = make_ports(settings)
        theirs = Unsteady(store, unsteady)
        reading = [
            asyncio.create_task(Reader(store=theirs, ports=ports, talker=talker or outbound).run(stop))
            for _ in range(readers)
        ]
        try:
            yield Library(store, ports, sink)
        finally:
            stop.set()
            await asyncio.gather(*reading)
            await outbound.close()
            await store.close()


async def test_a_calendar_is_read_at_once(tmp_path: Path) -> None:
    """Once it is subscribed to, a calendar is asked for over a real connection, and what it says is kept."""
    async with library(tmp_path) as at:
        await at.subscribe("company")
        condition = await at.condition(is_read)
        (reading,) = await at.readings()
        assert [times.note for times in reading.times] == ["Audit"]
        assert (condition.etag, condition.failing_since, condition.error) == ('"1"', None, "")
        assert condition.read_at is not None
        assert condition.due_at - condition.read_at == timedelta(hours=6)
        (taken,) = at.sink.requests
        assert (taken.method, taken.target, taken.headers["accept"]) == ("GET", "/company", "text/calendar")
        assert taken.headers["user-agent"].startswith("Mitregate/")


async def test_then_only_what_is_new_is_sent(tmp_path: Path) -> None:
    """The next time it is asked whether anything is new; if nothing is, what was said stays."""
    async with library(tmp_path) as at:
        await at.subscribe("company")
        first = await at.condition(is_read)
        at.sink.tell(answers(304))
        await at.do(lambda act: act.uow.feeds.hasten("company", act.now))
        second = await at.condition(lambda found: found.read_at != first.read_at)
        assert at.sink.requests[1].headers["if-none-match"] == '"1"'
        assert (second.etag, len(await at.readings())) == ('"1"', 1)


async def test_a_redirect_is_followed(tmp_path: Path) -> None:
    """A calendar that lives elsewhere on its server is read there."""
    async with library(tmp_path, redirects("/elsewhere.ics", 301)) as at:
        await at.subscribe("company")
        await at.condition(is_read)
        assert [taken.target for taken in at.sink.requests] == ["/company", "/elsewhere.ics"]


@pytest.mark.parametrize(
    ("told", "why"),
    [
        (answers(404), "It was answered with status 404."),
        (answers(200, b"<html>Sign in</html>"), "This is no iCalendar file"),
        (
            answers(200, calendar("SUMMARY:Odd\nDTSTART:x")),
            "The event 1 (Odd) cannot be used: its DTSTART cannot be read",
        ),
        (answers(200, b"x" * (LARGEST_BODY + 10)), "The calendar has more than 1048576 bytes."),
        (redirects("file:///etc/passwd"), "It sends to an address that is not asked."),
        (hangs, "gave no reply: it took longer than 0.5 s"),
        (breaks_off, "its reply broke off"),
        (sends_garbage, "what it sent is not HTTP"),
        (streams(), "it took longer than 0.5 s"),
    ],
)
async def test_what_is_no_calendar_is_told_and_tried_again(tmp_path: Path, told: Behaviour, why: str) -> None:
    """Whatever a server does that is no calendar, nothing is known still, the reason is told, and it is tried again."""
    async with library(tmp_path, told) as at:
        await at.subscribe("company")
        condition = await at.condition(has_failed)
        assert why in condition.error
        assert await at.readings() == ()
        await at.do(lambda act: act.uow.feeds.hasten("company", act.now))
        condition = await at.condition(is_read)
        assert (condition.failing_since, condition.error, len(await at.readings())) == (None, "", 1)


async def test_what_was_said_outlives_a_server_that_fails(tmp_path: Path) -> None:
    """A calendar that cannot be read any more says what it said last."""
    async with library(tmp_path) as at:
        await at.subscribe("company")
        await at.condition(is_read)
        before = await at.readings()
        at.sink.tell(answers(500))
        await at.do(lambda act: act.uow.feeds.hasten("company", act.now))
        await at.condition(has_failed)
        assert await at.readings() == before


async def test_addresses_are_guarded(tmp_path: Path) -> None:
    """A calendar at an address that is not public is asked for only if the operator lists its network."""
    async with library(tmp_path, allow="10.0.0.0/8") as at:
        await at.subscribe("company")
        condition = await at.condition(has_failed)
        assert "its address 127.0.0.1 is not public" in condition.error
        assert "MITREGATE_OUTBOUND_ALLOW" in condition.error
        assert at.sink.requests == []


async def test_readers_do_not_all_ask(tmp_path: Path) -> None:
    """Of several readers over one database one asks for a calendar, and each calendar is asked for."""
    async with library(tmp_path, readers=4) as at:
        await at.subscribe("a", "b", "c")
        for name in ("a", "b", "c"):
            await at.condition(lambda found, name=name: found.name == name and is_read(found))  # type: ignore[misc]
        await asyncio.sleep(1.2)
        assert sorted(taken.target for taken in at.sink.requests) == ["/a", "/b", "/c"]


async def test_one_that_hangs_does_not_keep_others(tmp_path: Path) -> None:
    """While one calendar is waited for, another one is read."""
    async with library(tmp_path) as at:
        at.sink.tell_path("/slow", hangs)
        await at.subscribe("quick", "slow")
        await at.condition(lambda found: found.name == "quick" and is_read(found))


class Broken:
    """What performs conversations, and fails as it never should."""

    async def converse(self, conversation: Conversation[T]) -> T:
        """Fail."""
        conversation.close()
        raise ZeroDivisionError


async def test_what_nobody_foresaw_is_told(tmp_path: Path) -> None:
    """Even a fault of ours ends in a failure that is told, and in the log."""
    with capture_logs() as logged:
        async with library(tmp_path, talker=Broken()) as at:
            await at.subscribe("company")
            condition = await at.condition(has_failed)
    assert condition.error.startswith("Something went wrong in Mitregate (ZeroDivisionError); see the log.")
    assert "reader.feed_broke" in {entry["event"] for entry in logged}


async def test_a_step_that_fails_does_not_end_the_reader(tmp_path: Path) -> None:
    """A database that cannot be read for a while only delays the reading of calendars."""
    with capture_logs() as logged:
        async with library(tmp_path, unsteady=1) as at:
            await at.subscribe("company")
            await at.condition(is_read)
    assert [entry["event"] for entry in logged if entry["log_level"] == "warning"] == ["reader.step_failed"]


async def test_stopping_does_not_wait_for_servers(tmp_path: Path) -> None:
    """A reader that is stopped while a server keeps it waiting stops at once."""
    async with library(tmp_path, hangs) as at:
        await at.subscribe("company")
        await at.sink.received(1)
        began = asyncio.get_running_loop().time()
    assert asyncio.get_running_loop().time() - began < 0.4
