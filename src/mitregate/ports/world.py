"""The world beyond the store: who is told, where changes live, the clock, ids and secrets."""

from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from typing import Protocol, TypeVar

from msgspec import Struct

from mitregate.core.announcements import Announcement, Receiver, Try
from mitregate.core.calendar import Window
from mitregate.core.changes import ChangeType
from mitregate.core.conflicts import Conflict
from mitregate.core.deployments import Deployment, State
from mitregate.core.gates import Standing
from mitregate.core.jobs import Ladder, Outcome
from mitregate.core.matching import How
from mitregate.core.profiles import Profile
from mitregate.core.risk import Assessment
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


class Wish(Struct, frozen=True, kw_only=True):
    """What a change is to be: its type, the template of the catalogue that it is opened of, and how risky it is.

    `note` says why it is not what was asked for, if it is not.
    """

    type: ChangeType = ChangeType.NORMAL
    template: str = ""
    assessment: Assessment
    window: Window = Window()
    note: str = ""


class ChangeSystem(Protocol):
    """Where changes live; one file in `changes/`."""

    def find(self, uow: UnitOfWork, deployment: Deployment) -> tuple[str, How] | None:
        """Find the open change that a deployment shares with others: deployed before, or of exactly the same title."""

    def is_open(self, uow: UnitOfWork, change_key: str, deployment: Deployment) -> bool:
        """Say whether a deployment may rely on the change of that key, and something can still come of it."""

    def open(self, uow: UnitOfWork, deployment: Deployment, wish: Wish, requested_by: str, now: datetime) -> str:
        """Open a change for a deployment, in the transaction at hand; give its key."""

    def join(
        self, uow: UnitOfWork, change_key: str, deployment: Deployment, assessment: Assessment, now: datetime
    ) -> bool:
        """Let one more deployment rely on a change, if it is open; say whether there is such a change for it."""

    def fetch(self, uow: UnitOfWork, change_keys: Collection[str]) -> None:
        """Get ready to be asked about several changes, where that is better done in one go."""

    def look(self, uow: UnitOfWork, change_key: str, deployment: Deployment) -> Standing | None:
        """Say how a change stands, without moving it; None if it cannot be found."""

    def advance(self, uow: UnitOfWork, change_key: str, deployment: Deployment, now: datetime) -> Standing | None:
        """Let a change take the steps that it takes by itself, and say how it stands; None if it cannot be found."""

    def describe(
        self, uow: UnitOfWork, change_key: str, deployment: Deployment, assessment: Assessment, now: datetime
    ) -> None:
        """Let a change say what its deployment says of itself by now: nobody shall approve what they did not read."""

    def finish(self, uow: UnitOfWork, change_key: str, outcome: State, now: datetime, note: str = "") -> None:
        """Tell a change that a deployment which relied on it has ended, after its gate was kept so.

        Args:
            uow: the transaction at hand.
            change_key: the key of the change.
            outcome: how the deployment ended; what never began has been cancelled.
            now: the instant.
            note: what is said of it; how it ended by default.
        """

    def profile(self, uow: UnitOfWork, change_key: str, deployment: Deployment | None) -> Profile | None:
        """Say what is to be explained of a change, for one deployment that relies on it; None if it cannot be found."""

    def imagine(
        self, uow: UnitOfWork, change_key: str | None, deployment: Deployment, wish: Wish, now: datetime
    ) -> tuple[Standing, Profile] | None:
        """Say how a change would stand once a deployment relied on it, and what it would be; writes nothing.

        Args:
            uow: a transaction that only reads.
            change_key: the key of the change; None for one that would be opened.
            deployment: what would rely on it, imagined.
            wish: what the change is to be if it is opened, and how risky the deployment is; its window, if given,
                is taken in place of that of a change that is there.
            now: the instant.

        Returns:
            How it would stand after the steps that it takes by itself, and its profile; None if it cannot be found.
        """

    def conflicts(self, uow: UnitOfWork, change_key: str) -> tuple[Conflict, ...]:
        """Give the open changes that would touch the same services at the same time."""

    def touch(self, uow: UnitOfWork, change_key: str, now: datetime) -> None:
        """Let those be decided anew whose change conflicts with this one, where the rules make something of that."""

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
