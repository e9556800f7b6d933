"""The store: transactions, and what a flow gets inside one."""

from collections.abc import Callable
from typing import Protocol, TypeVar

from msgspec import Struct

from mitregate.ports.feeds import Feeds
from mitregate.ports.nouns import Apps, Audit, Changes, Deployments, Gates, Hosts, Jobs, People, Rules

T = TypeVar("T")


class UnitOfWork(Protocol):
    """The store inside one transaction."""

    @property
    def apps(self) -> Apps:
        """The apps."""

    @property
    def people(self) -> People:
        """Users and tokens."""

    @property
    def deployments(self) -> Deployments:
        """The deployments."""

    @property
    def gates(self) -> Gates:
        """The gates."""

    @property
    def changes(self) -> Changes:
        """The embedded changes."""

    @property
    def jobs(self) -> Jobs:
        """The outbox."""

    @property
    def hosts(self) -> Hosts:
        """How the hosts fare that are called."""

    @property
    def rules(self) -> Rules:
        """The rulebook."""

    @property
    def feeds(self) -> Feeds:
        """The calendars that the rules subscribe to."""

    @property
    def audit(self) -> Audit:
        """The audit log."""

    def meta(self, name: str) -> str | None:
        """Read a fact about this installation, such as its cloud id."""

    def set_meta(self, name: str, value: str) -> None:
        """Keep a fact about this installation."""


class Touched(Struct, frozen=True, kw_only=True):
    """What a commit touched: ids of gates (None: not known which), and whether a job or a wake time was added."""

    gates: frozenset[str] | None = frozenset()
    work: bool = False


class Store(Protocol):
    """A database."""

    async def transact(self, flow: Callable[[UnitOfWork], T]) -> T:
        """Run *flow* in a transaction, which is on disk when this returns.

        Flows that wait at the same time may share a transaction. A flow that meets a change by somebody else
        (`Stale` from the store, a deadlock) is run again, a bounded number of times. What a flow raises is raised
        here, and nothing of that flow is kept.
        """

    async def read(self, flow: Callable[[UnitOfWork], T]) -> T:
        """Run *flow*, which only reads, beside the writers."""

    def watch(self, listener: Callable[[Touched], None]) -> None:
        """Call *listener* in the event loop after every commit here, and on hints of commits by other processes."""

    async def close(self) -> None:
        """Finish what was begun and let go of the database."""
