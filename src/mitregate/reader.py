"""The reader: reads the calendars that the rules subscribe to, each when it is due, beside the worker.

Any number of readers share one database: whoever takes a calendar that is due keeps the others from it for a while.
"""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import TypeVar

import structlog

from mitregate.core.errors import MitregateError, Unreachable
from mitregate.flows import feeds
from mitregate.flows.act import Act, begin
from mitregate.flows.feeds import Errand
from mitregate.ports import Ports, Store, Talker
from mitregate.wire.icalendar import SIZE_LIMIT, CalendarFile, read_calendar

T = TypeVar("T")

POLL = timedelta(seconds=1)
"""How often it is looked whether one is due."""

LARGEST_BODY = SIZE_LIMIT + 1
"""How much of a reply must be read to know whether a calendar is too large, in bytes."""

log = structlog.get_logger()


class Reader:
    """One reader; `run` it until its stop event is set."""

    def __init__(self, *, store: Store, ports: Ports, talker: Talker) -> None:
        """Know the store and the world; *talker* asks for calendars, and reads `LARGEST_BODY` of each reply."""
        self._store = store
        self._ports = ports
        self._talker = talker

    async def run(self, stop: asyncio.Event) -> None:
        """Read calendars until *stop* is set; those under way are then left to whoever comes next."""
        stopping = asyncio.ensure_future(stop.wait())
        while not stop.is_set():
            step = asyncio.create_task(self._step())
            await asyncio.wait([stopping, step], return_when=asyncio.FIRST_COMPLETED)
            if not step.done():
                step.cancel()
            await asyncio.gather(step, return_exceptions=True)
            if not step.cancelled() and (error := step.exception()) is not None:  # whatever happens, others are read
                log.warning("reader.step_failed", error=str(error), exc_info=not isinstance(error, MitregateError))
            await asyncio.wait([stopping], timeout=POLL.total_seconds())
        stopping.cancel()

    async def _step(self) -> None:
        """Read the calendars that are due."""
        due_at = await self._store.read(lambda uow: uow.feeds.next_due())
        if due_at is not None and due_at <= self._ports.now():
            errands = await self._act(feeds.claim)
            await asyncio.gather(*map(self._read, errands))

    async def _read(self, errand: Errand) -> None:
        try:
            count = await self._ask(errand)
        except MitregateError as error:
            await self._fail(errand, error)
        except Exception as error:
            log.exception("reader.feed_broke", feed=errand.feed.name)
            message = f"Something went wrong in Mitregate ({type(error).__name__}); see the log."
            await self._fail(errand, Unreachable(message))
        else:
            log.info("reader.feed_read", feed=errand.feed.name, events=count)

    async def _ask(self, errand: Errand) -> int | None:
        """Ask for a calendar and keep what it says; give how many events it has, or None if it says the same."""
        sent = await self._talker.converse(feeds.inquire(errand))
        file: CalendarFile | None = None
        if sent.body is not None:
            # A large one takes its time, in which others are served.
            file = await asyncio.to_thread(read_calendar, sent.body, errand.feed.zone)
        await self._act(lambda act: feeds.keep(act, errand, sent, file))
        return len(file.times) if file is not None else None

    async def _fail(self, errand: Errand, error: MitregateError) -> None:
        log.warning("reader.feed_failed", feed=errand.feed.name, error=error.message)
        await self._act(lambda act: feeds.fail(act, errand, error))

    async def _act(self, flow: Callable[[Act], T]) -> T:
        return await self._store.transact(lambda uow: flow(begin(self._ports, uow)))
