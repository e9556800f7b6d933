"""Ceiling (b): the bare driver, with the statements that the flow really makes, and nothing around it.

Writing, it commits what would queue up: `callers` requests divided over the connections that the store has. The
parameters are made beforehand and do not count. On PostgreSQL the statements go through libpq's pipeline mode, as in
the store, but none waits for the result of another.
"""

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
from msgspec import Struct

from benchmarks.bodies import FIRST
from benchmarks.statements import APP, Statement, record_read, record_submit
from mitregate.stores import postgres, sqlite
from mitregate.stores.dialect import Texts
from mitregate.stores.location import is_postgres, sqlite_path
from mitregate.stores.unit import Unit

MOST = 20_000
"""Statements that are prepared for a second, at most; more than any engine executes."""

Batch = list[tuple[str, dict[str, Any]]]


class BareWrite(Struct, frozen=True, kw_only=True):
    """What to write, for how long; `first` is the index of the first request."""

    url: str
    count: int
    callers: int
    seconds: float
    first: int


class BareRead(Struct, frozen=True, kw_only=True):
    """What to read, for how long: the gates of *span* deployments."""

    url: str
    span: int
    seconds: float


class Told(Struct, frozen=True, kw_only=True):
    """Requests per second, the next unused index, and how many statements a request takes."""

    rate: float
    next: int = 0
    statements: int = 1


def write(plan: BareWrite) -> Told:
    """Write what submits write, as fast as the driver does."""
    with _connections(plan.url, writing=True) as (connections, texts):
        _begin(connections[0])
        statements = record_submit(connections[0], texts, plan.count)
        connections[0].execute("ROLLBACK")
        each = -(-plan.callers // len(connections))
        number = int(plan.seconds * MOST / len(statements) / plan.callers) + 1
        batches = [
            [_batch(statements, plan.first + (lot * len(connections) + line) * each, each) for lot in range(number)]
            for line in range(len(connections))
        ]
        put = _put_pipelined if is_postgres(plan.url) else _put
        jobs = [_writing(put, connection, mine) for connection, mine in zip(connections, batches, strict=True)]
        done, took = _at_once(jobs, plan.seconds)
    return Told(rate=done * each / took, next=plan.first + number * each * len(connections), statements=len(statements))


def read(plan: BareRead) -> Told:
    """Read gates by their deployment's key, as fast as the driver does."""
    with _connections(plan.url, writing=False) as (connections, texts):
        statement = record_read(connections[0], texts)
        values = [statement.values_for(FIRST + (index * 7919) % plan.span) for index in range(plan.span)]
        jobs = [_reading(connection, statement.sql, values) for connection in connections]
        done, took = _at_once(jobs, plan.seconds)
    return Told(rate=done / took)


def fill(plan: BareRead) -> None:
    """Write the gated deployments that are to be read."""
    with _connections(plan.url, writing=True) as (connections, texts):
        _begin(connections[0])
        statements = record_submit(connections[0], texts, 1)
        connections[0].execute("ROLLBACK")
        _put(connections[0], _batch(statements, 0, plan.span))


def admit(url: str) -> None:
    """Put the app that the statements speak of into an empty database."""
    with _connections(url, writing=True) as (connections, texts):
        _begin(connections[0])
        Unit(connections[0], texts).apps.add(APP)
        connections[0].execute("COMMIT")


def _batch(statements: list[Statement], first: int, number: int) -> Batch:
    return [
        (statement.sql, statement.values_for(FIRST + index))
        for index in range(first, first + number)
        for statement in statements
    ]


def _begin(connection: Any) -> None:
    is_sqlite = not isinstance(connection, psycopg.Connection)
    connection.execute("BEGIN IMMEDIATE" if is_sqlite else postgres.BEGIN)


def _put(connection: Any, batch: Batch) -> None:
    cursor = connection.cursor()
    _begin(connection)
    for sql, values in batch:
        cursor.execute(sql, values)
        if cursor.description:
            cursor.fetchone()
    connection.execute("COMMIT")


def _put_pipelined(connection: Any, batch: Batch) -> None:
    with connection.pipeline():
        cursor = connection.cursor()
        connection.execute(postgres.BEGIN)
        for sql, values in batch:
            cursor.execute(sql, values)
        connection.execute("COMMIT")


def _writing(put: Callable[[Any, Batch], None], connection: Any, batches: list[Batch]) -> Callable[[float], int]:
    def job(until: float) -> int:
        done = 0
        while time.perf_counter() < until and done < len(batches):
            put(connection, batches[done])
            done += 1
        return done

    return job


def _reading(connection: Any, sql: str, values: list[dict[str, Any]]) -> Callable[[float], int]:
    def job(until: float) -> int:
        done = 0
        cursor = connection.cursor()
        while time.perf_counter() < until:
            row = cursor.execute(sql, values[done % len(values)]).fetchone()
            if row is None:
                raise RuntimeError("There is no such gate.")
            done += 1
        return done

    return job


def _at_once(jobs: list[Callable[[float], int]], seconds: float) -> tuple[int, float]:
    """Do all jobs at once, each in a thread; give the sum of what they did, and how long it took."""
    done: list[int] = []
    began = time.perf_counter()
    threads = [threading.Thread(target=lambda job=job: done.append(job(began + seconds))) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if len(done) < len(jobs):
        raise RuntimeError("The bare driver failed; see above.")
    return sum(done), time.perf_counter() - began


@contextlib.contextmanager
def _connections(url: str, *, writing: bool) -> Iterator[tuple[list[Any], Texts]]:
    """Connect as often as the store does."""
    with contextlib.ExitStack() as stack:
        if is_postgres(url):
            texts = Texts("psycopg", postgres.WRITING if writing else postgres.READING)
            number = postgres.WRITERS if writing else postgres.READERS
            yield [stack.enter_context(postgres.connect(url)) for _ in range(number)], texts
        else:
            connection = stack.enter_context(contextlib.closing(_sqlite(sqlite_path(url))))
            yield [connection], Texts("sqlite3", sqlite.WORDS)


def _sqlite(path: Path) -> Any:
    return sqlite.connect(path)
