import asyncio
import threading
from collections.abc import AsyncIterator

import psycopg
import pytest

from mitregate.core.errors import Misconfigured, StoreError
from mitregate.ports import Store, Touched, UnitOfWork
from mitregate.stores import open_store
from mitregate.stores.dialect import Texts
from mitregate.stores.hints import hint, read_hint
from mitregate.stores.postgres import WRITING
from mitregate.stores.schema import migrate
from tests.postgres import fresh_database
from tests.stores.made import gate, keep, key

END = """
SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid()
"""


@pytest.fixture
async def held(postgres_store_url: str) -> AsyncIterator[Store]:
    """A store on PostgreSQL with a gate in it."""
    store = open_store(postgres_store_url)
    await store.transact(keep(gate()))
    yield store
    await store.close()


def end_connections(url: str) -> None:
    """End all connections to a database, as a restart of the server does."""
    with psycopg.connect(url, autocommit=True) as admin:
        admin.execute(END)


def raise_revision(uow: UnitOfWork) -> int:
    """Keep the gate anew."""
    found = uow.gates.of(key())
    assert found is not None
    uow.gates.keep(found)
    return found.revision


async def test_lost_connections_are_made_again(held: Store, postgres_store_url: str) -> None:
    """After the server ended all connections, the next flows and reads work, and nothing is kept twice."""
    for turn in range(3):
        assert await held.transact(raise_revision) == turn + 1
        await asyncio.gather(*(held.read(lambda uow: uow.gates.get("gate")) for _ in range(20)))
        end_connections(postgres_store_url)
        found = await held.read(lambda uow: uow.gates.get("gate"))
        assert found is not None
        assert found.revision == turn + 2


async def test_a_connection_lost_in_the_middle(held: Store, postgres_store_url: str) -> None:
    """A flow whose connection is lost before its commit is run again on a new one, and keeps its work once."""
    started, go = threading.Event(), threading.Event()

    def interrupted(uow: UnitOfWork) -> int:
        revision = raise_revision(uow)
        started.set()
        assert go.wait(10)
        return revision

    flow = asyncio.ensure_future(held.transact(interrupted))
    await asyncio.to_thread(started.wait, 10)
    await asyncio.to_thread(end_connections, postgres_store_url)
    go.set()
    # The loss shows with the commit, when it is no longer certain that nothing was kept: then the caller is told.
    try:
        revision = await flow
    except StoreError:
        revision = await held.transact(raise_revision)
    assert revision == 1
    assert await held.transact(raise_revision) == 2


async def test_a_server_that_is_away(postgres_url: str) -> None:
    """While the server refuses connections, callers are told that time must pass; afterwards all works."""
    with fresh_database(postgres_url) as url, psycopg.connect(postgres_url, autocommit=True) as admin:
        migrate(url)
        store = open_store(url)
        name = url.rpartition("/")[2]
        await store.transact(lambda uow: uow.set_meta("a", "b"))
        admin.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false'.encode())
        admin.execute(END.replace("current_database()", f"'{name}'").encode())
        ends = await asyncio.gather(
            *(store.transact(lambda uow: uow.set_meta("a", "c")) for _ in range(10)),
            *(store.read(lambda uow: uow.meta("a")) for _ in range(10)),
            return_exceptions=True,
        )
        assert {type(end) for end in ends} == {StoreError}
        admin.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true'.encode())
        assert await store.read(lambda uow: uow.meta("a")) == "b"
        await store.transact(lambda uow: uow.set_meta("a", "d"))
        await store.close()


async def test_listening_goes_on_after_a_loss(held: Store, postgres_store_url: str) -> None:
    """When the listening connection was lost, it is made again, with the hint that anything may have happened."""
    heard: list[Touched] = []
    held.watch(heard.append)
    await until(heard, Touched(gates=None, work=True))
    heard.clear()
    await asyncio.to_thread(end_connections, postgres_store_url)
    await until(heard, Touched(gates=None, work=True))
    other = open_store(postgres_store_url)
    await other.transact(raise_revision)
    await until(heard, Touched(gates=frozenset({"gate"})))
    await other.close()


async def until(heard: list[Touched], wanted: Touched) -> None:
    """Wait until something was heard."""
    for _ in range(500):
        if wanted in heard:
            return
        await asyncio.sleep(0.01)
    pytest.fail(f"never heard {wanted}, but {heard}")


@pytest.mark.parametrize(
    ("touched", "read"),
    [
        (Touched(gates=frozenset({"a", "b"}), work=True), Touched(gates=frozenset({"a", "b"}), work=True)),
        (Touched(work=True), Touched(work=True)),
        (Touched(gates=frozenset({"a"})), Touched(gates=frozenset({"a"}))),
        (Touched(gates=frozenset(f"{n}" for n in range(101))), Touched(gates=None)),
        (Touched(gates=frozenset(f"{n}" * 80 for n in range(10, 99))), Touched(gates=None)),
        (Touched(gates=None, work=True), Touched(gates=None, work=True)),
    ],
    ids=["two", "work", "one", "many", "long", "any"],
)
def test_hints_fit_and_come_back(touched: Touched, read: Touched) -> None:
    """A hint says what was touched, or that it is too much to say, within what a NOTIFY may hold; not to its author."""
    payload = hint("me", touched)
    assert len(payload) < 8000
    assert read_hint("you", payload) == read
    assert read_hint("me", payload) is None


@pytest.mark.parametrize("url", ["postgresql://ann:hunter%zz@127.0.0.1/x", "postgresql://ann@127.0.0.1/x?hunter"])
def test_a_wrong_url_does_not_show_its_password(url: str) -> None:
    """A URL that PostgreSQL cannot read is complained of without any part of it, as it may hold a password."""
    with pytest.raises(Misconfigured) as refused:
        open_store(url)
    assert "cannot be read" in refused.value.message
    assert "hunter" not in refused.value.message
    assert refused.value.__suppress_context__


def test_an_unreachable_server_is_told_in_words() -> None:
    """A server that cannot be reached at the start is for the operator to correct; the password is not repeated."""
    with pytest.raises(Misconfigured) as refusal:
        open_store("postgresql://user:secret@127.0.0.1:1/none")
    assert "secret" not in f"{refusal.value} {refusal.value.advice()}"


@pytest.mark.parametrize(
    ("name", "index"),
    [("claim_jobs", "jobs_due"), ("next_due", "jobs_due"), ("due_gates", "gates_wake"), ("gate_of", "gates_current")],
)
def test_queries_use_their_index(postgres_store_url: str, name: str, index: str) -> None:
    """What the worker asks all the time is found by the index that was made for it, not by reading a table."""
    query = getattr(Texts("psycopg", WRITING).q, name)
    values: dict[str, object] = dict.fromkeys(query.__signature__.parameters, "2026")
    values |= {"seconds": 1, "limit": 9, "busy": "[]", "sequence_number": 1}
    with psycopg.connect(postgres_store_url) as connection:
        connection.execute("SET enable_seqscan = off")
        connection.execute("SET enable_bitmapscan = off")
        plan = "\n".join(row[0] for row in connection.execute(f"EXPLAIN {query.sql}".encode(), values))
    assert f"using {index} on" in plan
    assert name == "next_due" or "Index Cond" in plan
