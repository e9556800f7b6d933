"""Connect apps that are told by a worker in the test's own event loop."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

from msgspec.structs import replace

from mitregate.core.installations import Descriptor, Installation
from mitregate.core.people import App, Permission, Principal, Scope
from mitregate.flows.act import begin
from mitregate.flows.submit import submit
from mitregate.ports import Ports, Store
from mitregate.settings import Settings
from mitregate.stores import open_store
from mitregate.stores.schema import migrate
from mitregate.wire.addresses import host_of
from mitregate.wire.http import Conversation, Reply
from mitregate.wiring import make_ports
from mitregate.worker import Worker
from tests.core.making import deployment

T = TypeVar("T")
ROOT = Principal(name="root", permissions=frozenset(Permission))


class Talk:
    """What performs conversations: each takes a moment, and with a host that hangs until it is let go.

    `now` is how many are under way with each host, `most` how many there were at most; `ended` how many have ended.
    """

    def __init__(self, *hanging: str) -> None:
        self.now: Counter[str] = Counter()
        self.most: Counter[str] = Counter()
        self.ended: Counter[str] = Counter()
        self._hanging = hanging
        self._released = asyncio.Event()
        self._news = asyncio.Condition()

    async def converse(self, conversation: Conversation[T]) -> T:
        """Carry a conversation of one request to its end."""
        host = host_of(next(conversation).url)
        self.now[host] += 1
        self.most[host] = max(self.most[host], self.now[host])
        await self._tell()
        await (self._released.wait() if host in self._hanging else asyncio.sleep(0.01))
        self.now[host] -= 1
        self.ended[host] += 1
        await self._tell()
        try:
            conversation.send(Reply(status=204))
        except StopIteration as end:
            outcome: T = end.value
            return outcome
        raise AssertionError("The conversation does not end.")

    async def until(self, is_so: Callable[[], bool], within: float = 10.0) -> None:
        """Wait until something is so."""
        async with asyncio.timeout(within), self._news:
            await self._news.wait_for(is_so)

    def release(self) -> None:
        """Let go of hosts that hang."""
        self._released.set()

    async def _tell(self) -> None:
        async with self._news:
            self._news.notify_all()


class Stage:
    """A database with Connect apps in it, and a worker that tells them."""

    def __init__(self, store: Store, ports: Ports) -> None:
        self.store = store
        self.ports = ports

    async def install(self, name: str, base_url: str) -> None:
        """Install a Connect app."""
        descriptor = Descriptor(
            key=name, name=name, base_url=base_url, scopes=frozenset(Scope), modules=frozenset(), callback="/gating"
        )
        secret = self.ports.seal("s" * 40)
        connect = Installation(descriptor=descriptor, descriptor_url=base_url, client_key="us", shared_secret=secret)
        app = App(
            id=name, name=name, client_id=name, scopes=frozenset(Scope), connect=connect, created_at=datetime.now(UTC)
        )
        await self.store.transact(lambda uow: uow.apps.add(app))

    async def submit(self, name: str, count: int) -> None:
        """Have an app submit so many deployments, of each of which it is to be told."""
        key = replace(deployment().key, app_id=name)
        wanted = [
            replace(deployment(), key=replace(key, sequence_number=number), asks_for_gating=True)
            for number in range(count)
        ]
        await self.store.transact(lambda uow: submit(begin(self.ports, uow, replace(ROOT, app_id=name)), wanted))


@asynccontextmanager
async def stage(folder: Path, talk: Talk, *, concurrency: int) -> AsyncIterator[Stage]:
    """Set the stage; the worker works for as long as the block lasts."""
    settings = Settings(database=f"sqlite:///{folder}/gate.db")
    migrate(settings.database)
    store, ports, stop = open_store(settings.database), make_ports(settings), asyncio.Event()
    worker = Worker(store=store, ports=ports, talker=talk, concurrency=concurrency)
    working = asyncio.create_task(worker.run(stop))
    try:
        yield Stage(store, ports)
    finally:
        talk.release()
        stop.set()
        await working
        await store.close()
