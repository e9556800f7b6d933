"""What the worker does with what nobody foresaw."""

import asyncio
import contextlib
from pathlib import Path
from typing import TypeVar

import structlog
from msgspec.structs import replace

from mitregate.core.jobs import Attempt, Job, JobState, Result
from mitregate.core.people import Permission, Principal, Scope
from mitregate.core.queries import JobQuery
from mitregate.flows import admit
from mitregate.flows.act import begin
from mitregate.flows.submit import submit
from mitregate.ports import Store
from mitregate.settings import Settings
from mitregate.stores import open_store
from mitregate.stores.schema import migrate
from mitregate.stores.sqlite import DRIVER
from mitregate.wire.http import Conversation
from mitregate.wiring import make_ports
from mitregate.worker import Worker
from tests.core.making import deployment

T = TypeVar("T")
ROOT = Principal(name="root", permissions=frozenset(Permission))


class Broken:
    """What performs conversations, and fails as it never should."""

    async def converse(self, conversation: Conversation[T]) -> T:
        """Fail."""
        conversation.close()
        raise ZeroDivisionError


async def test_a_try_that_fails_unforeseen_is_on_record(tmp_path: Path) -> None:
    """A delivery whose try ends as nobody foresaw goes up its ladder like any other, and the log has what happened."""
    settings = Settings(database=f"sqlite:///{tmp_path}/gate.db")
    migrate(settings.database)
    store, ports = open_store(settings.database), make_ports(settings)
    worker = Worker(store=store, ports=ports, talker=Broken(), concurrency=10)
    made = await store.transact(
        lambda uow: admit.add_app(begin(ports, uow, ROOT), "ci", frozenset(Scope), "https://ci.example.com/hook")
    )
    asked = deployment()
    asked = replace(asked, key=replace(asked.key, app_id=made.app.id), asks_for_gating=True)
    await store.transact(lambda uow: submit(begin(ports, uow, ROOT), [asked]))
    stop = asyncio.Event()
    with structlog.testing.capture_logs() as logs:
        working = asyncio.create_task(worker.run(stop))
        try:
            job, attempts = await _tried(store)
        finally:
            stop.set()
            await working
            await store.close()
    assert (job.state, job.rung, attempts[0].outcome.result) == (JobState.OPEN, 1, Result.LATER)
    assert "ZeroDivisionError" in attempts[0].outcome.detail
    assert "worker.try_failed" in {entry["event"] for entry in logs}


async def _tried(store: Store) -> tuple[Job, list[Attempt]]:
    """Wait until the one delivery has been tried."""
    async with asyncio.timeout(5):
        while True:
            (job,) = await store.read(lambda uow: uow.jobs.page(JobQuery()))
            if job.attempts:
                attempts = await store.read(lambda uow: uow.jobs.attempts(job.id))  # noqa: B023 - run at once
                return job, attempts
            await asyncio.sleep(0.01)


async def test_a_gate_that_cannot_be_read_stops_no_delivery(tmp_path: Path) -> None:
    """A record that is broken keeps gates from being woken, which the log says, but no verdict from being told."""
    settings = Settings(database=f"sqlite:///{tmp_path}/gate.db")
    migrate(settings.database)
    store, ports = open_store(settings.database), make_ports(settings)
    made = await store.transact(
        lambda uow: admit.add_app(begin(ports, uow, ROOT), "ci", frozenset(Scope), "https://ci.example.com/hook")
    )
    asked = deployment()
    asked = replace(asked, key=replace(asked.key, app_id=made.app.id), asks_for_gating=True)
    broken = replace(asked, key=replace(asked.key, sequence_number=2))
    await store.transact(lambda uow: submit(begin(ports, uow, ROOT), [asked]))
    await store.transact(lambda uow: submit(begin(ports, uow, replace(ROOT, name="other")), [broken]))
    with contextlib.closing(DRIVER.connect(tmp_path / "gate.db")) as connection, connection:
        connection.execute("UPDATE gates SET body = '{}', wake_at = created_at WHERE sequence_number = 2")
        connection.execute("DELETE FROM jobs WHERE gate_id IN (SELECT id FROM gates WHERE sequence_number = 2)")
    stop = asyncio.Event()
    with structlog.testing.capture_logs() as logs:
        worker = Worker(store=store, ports=ports, talker=Broken(), concurrency=10)
        working = asyncio.create_task(worker.run(stop))
        try:
            await _tried(store)
            while "worker.step_failed" not in {entry["event"] for entry in logs}:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        finally:
            stop.set()
            await working
            await store.close()
