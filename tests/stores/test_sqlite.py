import asyncio
import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from mitregate.core.errors import Misconfigured, StoreError
from mitregate.core.gates import GatingStatus, Stage
from mitregate.stores import open_store, sqlite
from mitregate.stores.dialect import Texts
from mitregate.stores.location import sqlite_path
from tests.stores.made import gate, job, keep

ROOT = Path(__file__).parents[2]


def run(story: str, url: str) -> subprocess.CompletedProcess[str]:
    """Run a piece of Python in another process; it finds the URL in `sys.argv[1]`."""
    path = os.pathsep.join([str(ROOT), str(ROOT / "src")])
    return subprocess.run(
        [sys.executable, "-c", story, url],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )


def test_every_connection_is_durable(sqlite_store_url: str) -> None:
    """Connections write ahead, sync every commit to disk, heed foreign keys, and wait for one another."""
    connection = sqlite.connect(sqlite_path(sqlite_store_url))
    names = ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
    settings = {name: connection.execute(f"PRAGMA {name}").fetchone()[0] for name in names}
    connection.close()
    assert settings == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "busy_timeout": 5000}


def test_an_unsound_sqlite_is_refused() -> None:
    """A SQLite that can lose commits is refused, in words; the one in use here is sound."""
    with pytest.raises(Misconfigured, match=r"3\.40\.1 can lose commits"):
        sqlite.require_sound((3, 40, 1))
    sqlite.require_sound((3, 51, 3))
    assert tuple(map(int, sqlite.version().split("."))) >= sqlite.SOUND


@pytest.mark.parametrize("content", [None, b"", b"This is no database. " * 100], ids=["missing", "empty", "foreign"])
def test_a_file_that_is_no_database_of_ours_is_refused(tmp_path: Path, content: bytes | None) -> None:
    """A missing file, an empty one, and one of something else are refused with advice, and not changed."""
    path = tmp_path / "x.db"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(Misconfigured) as refusal:
        open_store(f"sqlite:///{path}")
    assert refusal.value.advice()
    assert path.exists() is (content is not None)


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///", "sqlite:///:memory:", "mysql://u:secret@h/d", "", "x.db"])
def test_urls_that_name_nothing_are_refused(url: str) -> None:
    """A URL of another database, or of a file that is none, is refused without telling its password."""
    with pytest.raises(Misconfigured) as refusal:
        open_store(url)
    assert "sqlite:///" in refusal.value.advice()
    assert "secret" not in f"{refusal.value}"


async def test_one_process_serves(sqlite_store_url: str) -> None:
    """A second serving process is refused and told who serves; one that only works beside it is not."""
    serving = open_store(sqlite_store_url, is_serving=True)
    story = "import sys; from mitregate.stores import open_store; open_store(sys.argv[1], is_serving=True)"
    second = run(story, sqlite_store_url)
    assert second.returncode != 0
    assert f"served by another process already (pid {os.getpid()})" in second.stderr
    beside = open_store(sqlite_store_url)
    await beside.close()
    await serving.close()
    third = open_store(sqlite_store_url, is_serving=True)
    await third.close()


async def test_who_serves_takes_over_from_the_dead(sqlite_store_url: str) -> None:
    """Jobs leased by a process that died are free at once for the next one that serves, but not for a command."""
    dead = open_store(sqlite_store_url, is_serving=True)
    await dead.transact(keep(job()))
    (lost,) = await dead.transact(lambda uow: uow.jobs.claim("dead", timedelta(days=1), 9, []))
    await dead.close()
    beside = open_store(sqlite_store_url)
    assert await beside.transact(lambda uow: uow.jobs.claim("beside", timedelta(days=1), 9, [])) == []
    await beside.close()
    following = open_store(sqlite_store_url, is_serving=True)
    (taken,) = await following.transact(lambda uow: uow.jobs.claim("following", timedelta(days=1), 9, []))
    assert taken.job == lost.job
    assert not await following.transact(lambda uow: uow.jobs.settle(lost, lost.job, None))
    await following.close()


async def test_a_command_beside_the_server_is_heard(sqlite_store_url: str) -> None:
    """What a command in another process keeps is told to those who watch in the server, and there to be read."""
    story = """
import asyncio, sys
from mitregate.stores import open_store
from tests.stores.made import app
async def main():
    store = open_store(sys.argv[1])
    await store.transact(lambda uow: uow.apps.add(app()))
    await store.close()
asyncio.run(main())
"""
    serving = open_store(sqlite_store_url, is_serving=True)
    heard = asyncio.Event()
    serving.watch(lambda touched: heard.set() if touched.gates is None and touched.work else None)
    done = await asyncio.to_thread(run, story, sqlite_store_url)
    assert done.returncode == 0, done.stderr
    await asyncio.wait_for(heard.wait(), 5)
    assert await serving.read(lambda uow: [found.id for found in uow.apps.all()]) == ["app"]
    await serving.close()


async def test_a_writer_that_does_not_end_is_not_waited_for_long(sqlite_store_url: str) -> None:
    """While another process holds the file for writing, flows fail as unsettled after a while; reads go on."""
    store = sqlite.SqliteStore(sqlite_path(sqlite_store_url), patience_ms=300)
    holder = sqlite.connect(sqlite_path(sqlite_store_url))
    holder.execute("BEGIN IMMEDIATE")
    flows = [asyncio.ensure_future(store.transact(lambda uow: uow.set_meta("a", "b"))) for _ in range(2)]
    assert await store.read(lambda uow: uow.meta("a")) is None
    ends = await asyncio.wait_for(asyncio.gather(*flows, return_exceptions=True), 5)
    assert {type(end) for end in ends} == {StoreError}
    holder.execute("ROLLBACK")
    holder.close()
    await store.transact(lambda uow: uow.set_meta("a", "b"))
    await store.close()


async def test_a_record_from_another_version_is_an_error_of_the_store(sqlite_store_url: str) -> None:
    """A record that this version cannot read is reported as the store's trouble."""
    store = open_store(sqlite_store_url)
    await store.transact(lambda uow: uow.gates.add(gate()))
    connection = sqlite.connect(sqlite_path(sqlite_store_url))
    connection.execute("""UPDATE gates SET body = replace(body, '"held"', '"floating"')""")
    connection.close()
    with pytest.raises(StoreError, match="cannot read"):
        await store.read(lambda uow: uow.gates.get("gate"))
    await store.close()


CONDITIONS = {
    "app_id": "app",
    "stage": Stage.HELD.value,
    "status": GatingStatus.AWAITING.value,
    "pipeline_id": "pipe",
    "environment_id": "prod",
    "before": "gate",
}


@pytest.mark.parametrize("condition", [None, *CONDITIONS])
def test_pages_are_read_from_an_index(sqlite_store_url: str, condition: str | None) -> None:
    """A page of gates is read in the order of an index, whatever is asked for: its cost does not grow with history."""
    given = {} if condition is None else {condition: CONDITIONS[condition]}
    plan = explain(sqlite_store_url, "gates_page", limit=9, **given)
    assert "TEMP B-TREE" not in plan
    assert plan == "SCAN gates" if condition is None else "SEARCH gates USING" in plan, plan


@pytest.mark.parametrize(
    ("name", "index"),
    [
        ("due_gates", "gates_wake"),
        ("next_wake", "gates_wake"),
        ("claim_jobs", "jobs_due"),
        ("next_due", "jobs_due"),
        ("gates_of_change", "gates_of_change"),
        ("gate_of", "gates_current"),
        ("deployments_by_properties", "properties_found"),
        ("withdraw_jobs", "jobs_of_gate"),
        ("hasten_jobs", "jobs_of_gate"),
        ("withdraw_jobs_of_app", "jobs_due"),
        ("tokens_of_user", "tokens_of_user"),
    ],
)
def test_queries_use_their_index(sqlite_store_url: str, name: str, index: str) -> None:
    """What is asked often is found by the index that was made for it, and no table is read from end to end."""
    plan = explain(sqlite_store_url, name)
    assert f"INDEX {index}" in plan
    assert not [
        line
        for line in plan.splitlines()
        if line.startswith("SCAN ") and " USING " not in line and "pairs" not in line and line.split()[1] in TABLES
    ], plan


TABLES = {"apps", "tokens", "deployments", "carried", "gates", "changes", "jobs", "job", "older", "audit"}


def explain(url: str, name: str, **given: object) -> str:
    """Say how SQLite would run a query."""
    texts = Texts("sqlite3", sqlite.WORDS)
    query: Any = texts.narrowed(name, frozenset(given)) if given else getattr(texts.q, name)
    connection = sqlite.connect(sqlite_path(url))
    values = dict.fromkeys(query.__signature__.parameters, 1) | given
    rows = connection.execute(f"EXPLAIN QUERY PLAN {query.sql}", values).fetchall()
    connection.close()
    return "\n".join(row[3] for row in rows)
