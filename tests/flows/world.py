"""A world for flows: a real SQLite store, and a clock, ids, secrets and a receiver that a test holds in its hands."""

import asyncio
from collections.abc import Callable, Iterable
from datetime import timedelta
from pathlib import Path
from typing import Concatenate, ParamSpec, TypeVar

import msgspec
from msgspec.structs import replace

from mitregate.changes.embedded import Embedded
from mitregate.core.announcements import Announcement, Receiver, Try
from mitregate.core.changes import Change, number_of
from mitregate.core.deployments import Deployment, State
from mitregate.core.gates import Gate
from mitregate.core.jobs import Job, Ladder, Outcome, Result, exactly
from mitregate.core.people import MAY, App, Permission, Principal, Role, Scope
from mitregate.core.queries import AuditQuery, GateQuery, JobQuery
from mitregate.flows import admit, ask, deliver, settle, submit
from mitregate.flows.act import BY_ITSELF, Act, begin
from mitregate.ports import Claim, Ports, Provider, UnitOfWork
from mitregate.stores import open_store
from mitregate.wire.http import Conversation, Reply, Request
from tests.core import making
from tests.fakes.keys import key_of_tests

P = ParamSpec("P")
T = TypeVar("T")

CALLBACK = "https://ci.example.com/hooks/gate"
ALL = 200

ADMIN = Principal(name="root", origin="local", permissions=frozenset(Permission))
NOBODY = Principal(name="nobody")


def person(name: str, role: Role = Role.APPROVER) -> Principal:
    """Make somebody who is signed in."""
    return Principal(name=name, user_id=name, origin="10.0.0.7", permissions=MAY[role])


ANN = person("ann")
MANAGER = person("mia", Role.CHANGE_MANAGER)
OPERATOR = person("otto", Role.OPERATOR)


class Postman:
    """A provider that remembers whom it told what, and has two rungs on its ladder."""

    name = "webhook"
    ladder: Ladder = Ladder(rungs=exactly(timedelta(seconds=10), timedelta(minutes=5)))

    def __init__(self) -> None:
        """Begin with nothing told."""
        self.told: list[tuple[str, Announcement, Receiver]] = []

    def announce(self, this: Try, announcement: Announcement, receiver: Receiver) -> Conversation[Outcome]:
        """Tell the receiver with one request."""
        self.told.append((this.id, announcement, receiver))
        reply = yield Request(method="POST", url=receiver.url)
        result = {2: Result.DONE, 4: Result.NEVER}.get(reply.status // 100, Result.LATER)
        return Outcome(result=result, detail=f"HTTP {reply.status}", status=reply.status)


class World:
    """Everything that a flow gets, over the database in the file *path*."""

    def __init__(self, path: Path) -> None:
        """Open the database, which is migrated already."""
        self.now = making.NOW
        self.postman = Postman()
        self.providers: dict[str, Provider] = {"webhook": self.postman}
        self._counter = 0
        self._runner = asyncio.Runner()
        self._store = open_store(f"sqlite:///{path}")
        self.ports = Ports(
            now=lambda: self.now,
            new_id=lambda: f"id{self._count():08d}",
            new_secret=lambda: f"secret-{self._count():08d}-{'x' * 24}",
            new_key=key_of_tests,
            seal=lambda text: "sealed:" + text[::-1],
            unseal=lambda text: text.removeprefix("sealed:")[::-1],
            base_url="https://gate.example.com",
            changes=Embedded(),
            providers=self.providers,
        )
        self.do(ADMIN, admit.settle_in, offer_setup=False)

    def close(self) -> None:
        """Let go of the database."""
        self._runner.run(self._store.close())
        self._runner.close()

    def do(self, principal: Principal, flow: Callable[Concatenate[Act, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a use case for somebody, in a transaction of its own."""
        return self.transact(lambda uow: flow(begin(self.ports, uow, principal), *args, **kwargs))

    def transact(self, flow: Callable[[UnitOfWork], T]) -> T:
        """Run a flow in a transaction."""
        return self._runner.run(self._store.transact(flow))

    def read(self, flow: Callable[Concatenate[UnitOfWork, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a flow that only reads."""
        return self._runner.run(self._store.read(lambda uow: flow(uow, *args, **kwargs)))

    def wait(self, span: timedelta) -> None:
        """Let time pass, and let nobody notice."""
        self.now += span

    # --- what one does ---

    def app(self, name: str = "jenkins", callback_url: str | None = CALLBACK) -> Principal:
        """Add an app with all scopes."""
        made = self.do(ADMIN, admit.add_app, name, frozenset(Scope), callback_url)
        return principal_of(made.app)

    def submit(self, app: Principal, *records: Deployment) -> None:
        """Let an app submit records."""
        self.do(app, submit.submit, records)

    def wake(self) -> int:
        """Let the worker see to the gates whose time has come."""
        return self.do(BY_ITSELF, settle.wake_due)

    def claim(self, limit: int = 10, busy: Iterable[str] = ()) -> list[Claim]:
        """Let the worker lease the jobs that are due."""
        return self.do(BY_ITSELF, deliver.claim, limit, tuple(busy))

    def deliver(self, claimed: Claim, status: int | None = 204, retry_after: timedelta | None = None) -> Outcome | Job:
        """Let the worker try a job, which is answered with *status*; give the outcome, or the job withdrawn."""
        prepared = self.read(lambda uow: deliver.prepare(begin(self.ports, uow, BY_ITSELF), claimed))
        if isinstance(prepared, Gate):
            self.do(BY_ITSELF, settle.wake, prepared)
            prepared = self.read(lambda uow: deliver.prepare(begin(self.ports, uow, BY_ITSELF), claimed))
        assert not isinstance(prepared, Gate)
        if isinstance(prepared, Job):
            assert self.transact(lambda uow: deliver.withdraw(uow, claimed, prepared))
            return prepared
        outcome = replace(converse(prepared, status or 500), retry_after=retry_after)
        assert self.do(BY_ITSELF, deliver.finish, claimed, outcome, self.now, timedelta(milliseconds=12))
        return outcome

    # --- what one sees ---

    def gate(self, app: Principal, number: int = 1) -> Gate:
        """Look at the current gate of a deployment, as the app sees it."""
        return self.read(ask.gate_of, record(app, number=number).key)

    def gates(self) -> list[Gate]:
        """Look at all gates, oldest first."""
        return self.read(lambda uow: uow.gates.page(GateQuery(limit=ALL)))[::-1]

    def change(self, key: str | None) -> Change:
        """Look at a change."""
        found = self.read(lambda uow: uow.changes.get(number_of(key or "")))
        assert found is not None
        return found

    def remarks(self, key: str | None) -> list[str]:
        """Read the remarks on a change, oldest first."""
        return [comment.body for comment in self.read(lambda uow: uow.changes.comments(number_of(key or "")))]

    def jobs(self) -> list[Job]:
        """Look at all jobs, oldest first."""
        return self.read(lambda uow: uow.jobs.page(JobQuery(limit=ALL)))[::-1]

    def actions(self, subject: str) -> list[str]:
        """Read what the audit log says was done to something, oldest first."""
        query = AuditQuery(subject=subject, limit=ALL)
        return [entry.action.value for _, entry in self.read(lambda uow: uow.audit.page(query))][::-1]

    def _count(self) -> int:
        self._counter += 1
        return self._counter


def principal_of(app: App) -> Principal:
    """Make the principal that an app's access token proves."""
    return Principal(name=app.name, app_id=app.id, scopes=app.scopes)


def record(
    app: Principal, update: int = 1, state: State = State.PENDING, *, number: int = 1, label: str | None = None
) -> Deployment:
    """Make a record of deployment *number* of an app, each of its own version; *update* is its update number."""
    label = label or (f"1.{number - 1}" if number else None)
    made = making.deployment(update, label=label, state=state)
    return replace(
        made,
        key=replace(made.key, app_id=app.app_id or "", sequence_number=number),
        asks_for_gating=state is State.PENDING,
    )


def converse(conversation: Conversation[Outcome], status: int) -> Outcome:
    """Lead a conversation of one request, or none, to its end, as a receiver that answers with *status*."""
    try:
        next(conversation)
        conversation.send(Reply(status=status))
    except StopIteration as end:
        outcome: Outcome = end.value
        return outcome
    raise AssertionError("The conversation does not end.")


def codes(gate: Gate) -> list[str]:
    """List the codes of a gate's reasons."""
    return [reason.code.value for reason in gate.verdict.reasons]


def told(jobs: Iterable[Job]) -> list[tuple[str, str]]:
    """List the states of jobs, with the status that each is to tell."""
    return [(msgspec.json.decode(job.payload, type=Announcement).status.value, job.state.value) for job in jobs]
