"""The world beyond the store: who is told, where changes live, the clock, ids and secrets."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Protocol, TypeVar

from msgspec import Struct

from mitregate.core.announcements import Announcement, Receiver, Try
from mitregate.core.deployments import Deployment
from mitregate.core.gates import Standing
from mitregate.core.jobs import Ladder, Outcome
from mitregate.ports.store import UnitOfWork
from mitregate.wire.http import Conversation

T = TypeVar("T")


class Talker(Protocol):
    """What performs conversations."""

    async def converse(self, conversation: Conversation[T]) -> T:
        """Carry a conversation to its end; raise `Unreachable` if it does not deal with that itself."""


class Provider(Protocol):
    """A CI/CD tool, or any other receiver of verdicts; one file in `providers/`."""

    name: str
    ladder: Ladder

    def announce(self, this: Try, announcement: Announcement, receiver: Receiver) -> Conversation[Outcome]:
        """Tell the receiver a verdict; the id of *this* try stays the same over all tries."""


class ChangeSystem(Protocol):
    """Where changes live; one file in `changes/`."""

    def open(self, uow: UnitOfWork, deployment: Deployment, requested_by: str, now: datetime) -> Standing:
        """Open a change for a deployment, in the transaction at hand."""

    def look(self, uow: UnitOfWork, change_key: str, deployment: Deployment) -> Standing | None:
        """Say how a change stands, without moving it; None if it cannot be found."""

    def advance(self, uow: UnitOfWork, change_key: str, deployment: Deployment, now: datetime) -> Standing | None:
        """Let a change take the steps that it takes by itself, and say how it stands; None if it cannot be found."""

    def describe(self, uow: UnitOfWork, change_key: str, deployment: Deployment, now: datetime) -> None:
        """Let a change say what its deployment says of itself by now: nobody shall approve what they did not read."""

    def finish(self, uow: UnitOfWork, change_key: str, deployment: Deployment, now: datetime) -> None:
        """Tell a change how its deployment ended."""

    def comment(self, uow: UnitOfWork, change_key: str, text: str, now: datetime) -> None:
        """Leave a remark by Mitregate on a change."""


class Ports(Struct, frozen=True, kw_only=True):
    """Everything of the world that a flow gets: the clock, ids and secrets, the systems, and where links lead.

    `new_key` makes a private RSA key, as PEM, which takes a while. `seal` and `unseal` encrypt what must be kept but
    not be readable in the database.
    """

    now: Callable[[], datetime]
    new_id: Callable[[], str]
    new_secret: Callable[[], str]
    new_key: Callable[[], str]
    seal: Callable[[str], str]
    unseal: Callable[[str], str]
    base_url: str
    changes: ChangeSystem
    providers: Mapping[str, Provider]
