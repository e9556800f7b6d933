"""The nouns of the store: what a flow reads and keeps inside one transaction."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Protocol

from msgspec import Struct

from mitregate.core.audit import Entry
from mitregate.core.changes import Change, Comment
from mitregate.core.deployments import Deployment, DeploymentKey, State
from mitregate.core.gates import Gate
from mitregate.core.jobs import Attempt, Job, Streak
from mitregate.core.people import App, AppKind, Token, User
from mitregate.core.queries import AuditQuery, ChangeQuery, GateQuery, JobQuery
from mitregate.core.rulebook import Rulebook


class Apps(Protocol):
    """The apps that submit deployments."""

    def add(self, app: App) -> None:
        """Keep a new app; `Stale` if one of that name exists."""

    def get(self, app_id: str) -> App | None:
        """Read one app."""

    def lock(self, app_id: str) -> App | None:
        """Read one app to keep it otherwise: locked against other transactions where these run beside this one."""

    def by_client(self, client_id: str) -> App | None:
        """Read the app with that OAuth client id."""

    def by_handle(self, kind: AppKind, handle: str) -> App | None:
        """Read the app that calls itself *handle*: a Connect app key, or the uuid of a Jenkins server."""

    def keep(self, app: App) -> None:
        """Keep an app in place of what it was; `Stale` if it is gone, or its name is another app's."""

    def all(self) -> list[App]:
        """Read all apps, by name."""

    def remove(self, app_id: str) -> None:
        """Forget an app with its tokens, deployments and open jobs; its gates stay."""


class People(Protocol):
    """Users and tokens."""

    def add_user(self, user: User) -> None:
        """Keep a new user; `Stale` if one of that name exists."""

    def user(self, user_id: str) -> User | None:
        """Read one user."""

    def users(self) -> list[User]:
        """Read all users, by name."""

    def keep_user(self, user: User) -> None:
        """Keep a user in place of what it was, under the same name; `Stale` if it is gone."""

    def remove_user(self, user_id: str) -> None:
        """Forget a user with all tokens."""

    def add_token(self, token: Token) -> None:
        """Keep a token."""

    def token(self, token_hash: str) -> Token | None:
        """Read the token with that hash, expired or not."""

    def holder(self, token_hash: str) -> tuple[Token, App | User | None] | None:
        """Read the token with that hash, expired or not, with the app or user that holds it."""

    def tokens(self, user_id: str) -> list[Token]:
        """Read a user's API and session tokens, newest first."""

    def remove_token(self, token_id: str) -> bool:
        """Forget a token; say whether it was there."""

    def remove_tokens_of(self, app_id: str) -> None:
        """Forget all tokens of an app."""

    def purge_tokens(self, now: datetime) -> int:
        """Forget the tokens that expired before *now*; say how many."""


class Deployments(Protocol):
    """The deployments, each as its newest update."""

    def get(self, key: DeploymentKey) -> Deployment | None:
        """Read one deployment, locked against other transactions where these run beside this one."""

    def get_all(self, keys: Sequence[DeploymentKey]) -> dict[DeploymentKey, Deployment]:
        """Read those of several deployments that are there, locked likewise, in one go."""

    def kept_at(self, key: DeploymentKey) -> datetime | None:
        """Say when a deployment was last kept; None if it is not there."""

    def keep(self, deployment: Deployment, at: datetime) -> None:
        """Keep a deployment in place of the one with its key, if any; properties replace the earlier ones."""

    def remove(self, key: DeploymentKey) -> bool:
        """Forget a deployment; say whether it was there."""

    def by_properties(self, app_id: str, properties: Mapping[str, str]) -> list[DeploymentKey]:
        """Find the app's deployments that carry all of *properties* (at least one)."""

    def count_of_app(self, app_id: str) -> int:
        """Count the deployments of an app."""

    def of_app(self, app_id: str) -> list[DeploymentKey]:
        """Find all deployments of an app; nobody adds one to them before the transaction ends."""


class Gates(Protocol):
    """The gates; of several gates for one deployment the newest is the current one."""

    def add(self, gate: Gate) -> None:
        """Keep a new gate and make it the current one of its deployment."""

    def get(self, gate_id: str) -> Gate | None:
        """Read one gate."""

    def of(self, key: DeploymentKey) -> Gate | None:
        """Read the current gate of a deployment, locked against other transactions where these run beside this one."""

    def of_change(self, change_key: str) -> list[Gate]:
        """Read the gates that hold a change, oldest first, locked likewise."""

    def sharing(self, change_key: str) -> list[Gate]:
        """Read the gates of a change, oldest first, not locked: where the change is, they hold still enough."""

    def held_at(self, place: str) -> list[Gate]:
        """Read the held gates of one place (`Gate.place`), oldest first, locked likewise.

        Nobody else reads them so before this transaction ends: of two that come at once, one sees the other.
        """

    def due(self, now: datetime, limit: int) -> list[Gate]:
        """Read held gates whose wake time has come, most overdue first, locked likewise."""

    def keep(self, gate: Gate) -> None:
        """Keep a gate in place of its earlier revision (`gate.revision`), one higher; `Stale` if that is gone."""

    def wake_all(self, at: datetime) -> None:
        """Let every held gate wake at *at*, if it does not wake sooner: something has changed that bears on all."""

    def wake_those_of(self, change_key: str, at: datetime) -> None:
        """Let the held gates of a change wake at *at*, if they do not wake sooner."""

    def history(self, place: str) -> tuple[State, ...]:
        """Read how the last deployments at a place ended, newest last."""

    def remember(self, place: str, outcomes: tuple[State, ...]) -> None:
        """Keep how the last deployments at a place ended."""

    def next_wake(self) -> datetime | None:
        """Say when the next held gate wakes."""

    def page(self, query: GateQuery) -> list[Gate]:
        """Read gates, newest first."""


class Changes(Protocol):
    """The embedded change requests."""

    def add(self, change: Change) -> Change:
        """Keep a new change; give it with its number. `Stale` if another one that is open has its title."""

    def get(self, number: int) -> Change | None:
        """Read one change, locked against other transactions where these run beside this one."""

    def fetch(self, numbers: Collection[int]) -> None:
        """Read several changes in one go, locked likewise, before each is asked for."""

    def keep(self, change: Change) -> None:
        """Keep a change in place of its earlier revision (`change.revision`), one higher; `Stale` if that is gone.

        One that is over is not found by its title and its marks any more.
        """

    def open_for(self, mark: str, title: str, app_id: str) -> tuple[Change, bool] | None:
        """Read the open change that bears *mark*, or else one of *title*; say whether it was by the mark; locked."""

    def is_titled(self, title: str, app_id: str) -> bool:
        """Say whether the app has an open change that is found by *title*."""

    def mark(self, number: int, marks: Iterable[str]) -> None:
        """Let a change that is open be found by *marks*, and by those that it has, until it is over."""

    def beside(self, number: int, marks: Iterable[str], limit: int, after: int = 0) -> list[Change]:
        """Read other open changes that bear one of *marks*, oldest first, those above the number *after*."""

    def opened_of(self, template: str, since: datetime) -> int:
        """Count the changes that were opened of *template* at *since* or later.

        Nobody else counts them before this transaction ends: of two that come at once, one counts the other's.
        """

    def page(self, query: ChangeQuery) -> list[Change]:
        """Read changes, newest first."""

    def add_comment(self, number: int, comment: Comment) -> None:
        """Add a remark to a change."""

    def comments(self, number: int) -> list[Comment]:
        """Read the remarks on a change, oldest first."""


class Claim(Struct, frozen=True, kw_only=True):
    """A job leased to a worker until `leased_until`, by the database's clock; `lease` proves who holds it."""

    job: Job
    lease: str
    leased_until: datetime


class Jobs(Protocol):
    """The outbox."""

    def add(self, job: Job) -> None:
        """Keep a new job."""

    def get(self, job_id: str) -> Job | None:
        """Read one job."""

    def claim(self, lease: str, duration: timedelta, limit: int, busy: Sequence[str]) -> list[Claim]:
        """Lease open jobs that are due, by the database's clock, and not leased by somebody else.

        Of the open jobs with one gate and one lane only the oldest is ever due. Lanes in *busy* are left out.
        """

    def settle(self, claim: Claim, job: Job, attempt: Attempt | None) -> bool:
        """Keep *job* as it is after a try, and end the lease, if the lease is still held; say whether it was."""

    def hasten(self, gate_id: str, lane: str, due_at: datetime) -> None:
        """Put the open jobs of a gate in a lane back to the foot of the ladder, due at *due_at*."""

    def withdraw(self, gate_id: str, at: datetime, note: str) -> None:
        """Withdraw the open jobs of a gate."""

    def reopen(self, job_id: str, due_at: datetime) -> bool:
        """Open a dead or withdrawn job again, at the foot of the ladder; say whether it was one."""

    def next_due(self) -> datetime | None:
        """Say when the next open job is due, leases taken into account."""

    def attempts(self, job_id: str) -> list[Attempt]:
        """Read the tries of a job, oldest first."""

    def page(self, query: JobQuery) -> list[Job]:
        """Read jobs, newest first."""


class Hosts(Protocol):
    """How the hosts fare that are called."""

    def streak(self, host: str) -> Streak | None:
        """Read the failures that came from *host*; None if the last try there went well."""

    def keep(self, host: str, streak: Streak) -> None:
        """Keep the failures of *host* in place of what was known of it."""

    def forget(self, host: str) -> None:
        """Forget the failures of *host*: a try went well."""


class KeptRules(Struct, frozen=True, kw_only=True):
    """The rulebook as it is kept; revision 0 is the empty one that nobody has written."""

    revision: int = 0
    book: Rulebook = Rulebook()
    at: datetime | None = None
    actor: str = ""


class Rules(Protocol):
    """The rulebook, with all that it ever was."""

    def current(self) -> KeptRules:
        """Read it as it is now; where transactions run beside this one, it stays so until this one has ended."""

    def lock(self) -> KeptRules:
        """Read it to change it: nobody decides by it any more until this transaction has ended."""

    def keep(self, kept: KeptRules) -> None:
        """Keep a new revision, one higher than the current one; `Stale` if somebody else was faster."""

    def at(self, moment: datetime) -> KeptRules:
        """Read it as it was at *moment*."""

    def page(self, limit: int, before: int | None = None) -> list[KeptRules]:
        """Read revisions, newest first, those below *before* if it is given."""


class Audit(Protocol):
    """The audit log."""

    def record(self, entry: Entry) -> None:
        """Append an entry."""

    def page(self, query: AuditQuery) -> list[tuple[int, Entry]]:
        """Read entries with their numbers, newest first."""
