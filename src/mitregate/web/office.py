"""The office behind every door: the store, the world, and those who wait."""

from collections.abc import Callable
from typing import Concatenate, ParamSpec, TypeVar
from urllib.parse import urlsplit

from msgspec import Struct

from mitregate.core.people import Principal
from mitregate.flows.act import Act, begin
from mitregate.ports import Ports, Store, Talker, UnitOfWork
from mitregate.web.waiting import Waiters

P = ParamSpec("P")
T = TypeVar("T")


class About(Struct, frozen=True, kw_only=True):
    """What a server says of itself; `database` is `sqlite` or `postgresql`."""

    version: str
    cloud_id: str
    database: str


class Office:
    """What every door needs to carry out a use case."""

    def __init__(self, *, store: Store, ports: Ports, about: About, talker: Talker) -> None:
        """Put the office together; waiters are told of every commit from now on."""
        self.store = store
        self.ports = ports
        self.about = about
        self.talker = talker
        self.waiters = Waiters()
        store.watch(self.waiters.notice)

    @property
    def base_path(self) -> str:
        """The path of the address by which people and tools reach this server: empty, or such as `/gate`.

        What Jira calls the context path. Paths in scopes are without it (`web/porch.py`), and so are those in a `qsh`.
        """
        return urlsplit(self.ports.base_url).path.rstrip("/")

    async def transact(
        self, principal: Principal, flow: Callable[Concatenate[Act, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Carry out *flow* for *principal* in a transaction, which is on disk when this returns."""
        return await self.store.transact(lambda uow: flow(begin(self.ports, uow, principal), *args, **kwargs))

    async def read(self, flow: Callable[Concatenate[UnitOfWork, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Carry out *flow*, which only reads."""
        return await self.store.read(lambda uow: flow(uow, *args, **kwargs))
