"""SQLite: one file, one writer thread, and reads beside it on a connection of their own.

Reads run in the event loop's own thread: by primary key they take some ten microseconds, less than a hop to another
thread.
"""

import contextlib
import fcntl
import os
import threading
import urllib.parse
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from mitregate.core.errors import Misconfigured, StoreError
from mitregate.ports import Touched, UnitOfWork
from mitregate.stores.commit import Flow, GroupCommit, Watchers
from mitregate.stores.dialect import HEAD, Texts
from mitregate.stores.unit import Unit

try:
    import pysqlite3.dbapi2 as driver
except ImportError:  # no wheel for this platform
    import sqlite3 as driver

T = TypeVar("T")

DRIVER: Any = driver
"""The module that speaks to SQLite, for those who need the module itself."""

SOUND = (3, 51, 3)
"""The first SQLite without the WAL-reset bug, which can lose commits (https://sqlite.org/wal.html#walresetbug)."""

BUSY_MS = 5000
"""Milliseconds to wait for another process that writes."""

LOOK_S = 0.2
"""Seconds between two looks at what other processes have committed."""

CONTENTION = {"SQLITE_CONSTRAINT_UNIQUE", "SQLITE_CONSTRAINT_PRIMARYKEY", "SQLITE_BUSY_SNAPSHOT"}

WORDS = {
    r"utc_now\(\)": "strftime('%Y-%m-%dT%H:%M:%f000Z', 'now')",
    r"utc_after\((:\w+)\)": r"strftime('%Y-%m-%dT%H:%M:%f000Z', 'now', \1 || ' seconds')",
    r"/\* (indexed by \w+) \*/": r"\1",
    r"(?:texts|pairs|arrays)_of\((:\w+)\)": r"json_each(\1)",
    r"(?:shared|locked)_rules\(\)|turns_of\(:\w+\)": "1",  # there is one writer
    # Inside the one writer's transaction these are free until they are used.
    r"numbers_of_changes\((:\w+)\)": (
        r"(WITH RECURSIVE free(number, wanted) AS (SELECT coalesce(max(seq), 0) + 1, \1 FROM sqlite_sequence"
        r" WHERE name = 'changes' UNION ALL SELECT number + 1, wanted - 1 FROM free WHERE wanted > 1)"
        r" SELECT number FROM free)"
    ),
}

MIGRATE = "Run `mitregate migrate` once before the server starts."


def version() -> str:
    """Say which SQLite is in use."""
    found: str = driver.sqlite_version
    return found


def require_sound(found: tuple[int, ...]) -> None:
    """Refuse a SQLite that can lose commits.

    Raises:
        Misconfigured: it is older than `SOUND`.
    """
    if found < SOUND:
        needed, here = (".".join(map(str, numbers)) for numbers in (SOUND, found))
        raise Misconfigured(
            f"SQLite {here} can lose commits (the WAL-reset bug); {needed} or newer is needed.",
            advice="Install the package pysqlite3, or a Python that carries a newer SQLite, or use PostgreSQL.",
        )


def connect(path: Path, *, is_new_allowed: bool = False, patience_ms: int = BUSY_MS) -> Any:
    """Open a database file as every part of Mitregate does: durable, checked, with explicit transactions.

    Args:
        path: where the file is.
        is_new_allowed: whether to make the file if it is missing.
        patience_ms: milliseconds to wait for another process that writes.

    Raises:
        Misconfigured: the file cannot be opened, or the database refuses a setting that durability needs.
    """
    require_sound(driver.sqlite_version_info)
    mode = "rwc" if is_new_allowed else "rw"
    uri = f"file:{urllib.parse.quote(str(path))}?mode={mode}"
    try:
        connection = driver.connect(uri, uri=True, isolation_level=None, check_same_thread=False, cached_statements=256)
    except driver.Error as error:
        advice = (
            "Go to the folder where the server was started, or set MITREGATE_DATABASE or MITREGATE_URL. To begin anew, "
            "run `mitregate migrate`; the folder must exist and be writable."
        )
        raise Misconfigured(f"The database {path} cannot be opened: {error}.", advice=advice) from error
    try:
        _prepare(connection, patience_ms)
    except BaseException:
        connection.close()
        raise
    return connection


def _prepare(connection: Any, patience_ms: int) -> None:
    settings = {"busy_timeout": patience_ms, "journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}
    try:
        for name, wanted in settings.items():
            connection.execute(f"PRAGMA {name} = {wanted}").fetchall()
            (found,) = connection.execute(f"PRAGMA {name}").fetchone()
            if found != wanted:
                raise Misconfigured(
                    f"SQLite keeps {name} at {found!r}; {wanted!r} is needed.",
                    advice="Put the database on a local disk: network file systems cannot do this.",
                )
    except driver.Error as error:
        raise Misconfigured(f"The database cannot be used: {error}.", advice="Is this file a database?") from error


def _require_current(connection: Any, path: Path) -> None:
    try:
        row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    except driver.OperationalError:
        row = None
    if row != (HEAD,):
        here = f"is at version {row[0]}" if row else "is empty"
        raise Misconfigured(f"The database {path} {here}; this program needs {HEAD}.", advice=MIGRATE)


class SqliteSession:
    """The connection that writes."""

    errors: type[Exception] = driver.Error
    interval: float | None = LOOK_S

    def __init__(self, path: Path, texts: Texts, patience_ms: int) -> None:
        self._connection = connect(path, patience_ms=patience_ms)
        self._unit = Unit(self._connection, texts)
        self._seen = self._data_version()

    def take_over(self) -> None:
        """Take over what the process that served before had begun: nobody has to wait until its leases run out."""
        unit = self.begin(is_alone=True)
        unit.jobs.free()
        self.commit(unit.touched)

    def begin(self, *, is_alone: bool) -> Unit:  # noqa: ARG002 - there is one writer
        """Begin a transaction as the only writer."""
        self._connection.execute("BEGIN IMMEDIATE")
        return self._unit

    def commit(self, touched: Touched) -> None:  # noqa: ARG002 - other processes see it in data_version
        """Commit: on disk when this returns."""
        self._connection.execute("COMMIT")

    def rollback(self) -> None:
        """Roll back what there is."""
        with contextlib.suppress(driver.Error):
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")

    def is_sound(self) -> bool:
        """Whether there still is a transaction: on grave errors SQLite rolls it back by itself."""
        is_open: bool = self._connection.in_transaction
        return is_open

    def is_contention(self, error: Exception, *, is_alone: bool) -> bool:  # noqa: ARG002
        """Whether *error* is a row that somebody else has put there."""
        return getattr(error, "sqlite_errorname", "") in CONTENTION

    def is_undone(self) -> bool:
        """Whether a failed commit left the transaction open; otherwise the disk is in trouble, and nobody knows."""
        return self.is_sound()

    def has_news(self) -> bool:
        """Whether another connection, which is another process', has committed since the last look."""
        earlier, self._seen = self._seen, self._data_version()
        return earlier != self._seen

    def close(self) -> None:
        """Let go of the connection."""
        self._connection.close()

    def _data_version(self) -> int:
        # https://sqlite.org/pragma.html#pragma_data_version: commits on this same connection do not change it.
        (found,) = self._connection.execute("PRAGMA data_version").fetchone()
        return int(found)


class ServingLock:
    """What one process holds while it serves a database file.

    Raises:
        Misconfigured: another process serves that file.
    """

    def __init__(self, path: Path) -> None:
        self._file = os.open(f"{path}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(self._file, 32).decode(errors="replace").strip() or "unknown"
            os.close(self._file)
            raise Misconfigured(
                f"The database {path} is served by another process already (pid {holder}).",
                advice="Stop that process first; for several processes at once use PostgreSQL.",
            ) from None
        os.ftruncate(self._file, 0)
        os.write(self._file, f"{os.getpid()}\n".encode())

    def release(self) -> None:
        """Let another process serve."""
        os.close(self._file)


class SqliteStore:
    """A database in one file.

    Args:
        path: where the file is; it must have been made by `migrate`.
        is_serving: whether this process serves, which one process at a time may.
        patience_ms: milliseconds to wait for another process that writes.

    Raises:
        Misconfigured: the file is missing, not migrated, served by another process, or cannot be used safely.
    """

    def __init__(self, path: Path, *, is_serving: bool = False, patience_ms: int = BUSY_MS) -> None:
        self._reader = connect(path)
        self._serving: ServingLock | None = None
        try:
            self._reader.execute("PRAGMA query_only = 1")
            _require_current(self._reader, path)
            self._serving = ServingLock(path) if is_serving else None
            texts = Texts("sqlite3", WORDS)
            session = SqliteSession(path, texts, patience_ms)
            if is_serving:
                session.take_over()
        except BaseException:
            self._release()
            raise
        self._is_closed = False
        self._unit = Unit(self._reader, texts)
        self._version: tuple[int] | None = None
        self._reading = threading.Lock()
        self._watchers = Watchers()
        self._writer = GroupCommit("sqlite", [session], self._watchers)

    async def transact(self, flow: Flow[T]) -> T:
        """Run *flow* in a transaction, which is on disk when this returns; see `ports.Store`."""
        return await self._writer.run(flow)

    async def read(self, flow: Flow[T]) -> T:
        """Run *flow*, which only reads, here and now, on one snapshot of the database."""
        if self._is_closed:
            raise StoreError("The store is closed.")
        try:
            with self._reading:
                return self._read(flow)
        except driver.Error as error:
            raise StoreError(f"The database did not answer as it should: {error}") from error

    def watch(self, listener: Callable[[Touched], None]) -> None:
        """Call *listener* in the event loop after every commit here, and on hints of commits by other processes."""
        self._watchers.add(listener)

    async def close(self) -> None:
        """Finish what was begun and let go of the database."""
        if not self._is_closed:
            self._is_closed = True
            await self._writer.close()
            self._release()

    def _read(self, flow: Callable[[UnitOfWork], T]) -> T:
        self._reader.execute("BEGIN")
        try:
            # Of the snapshot that all of this transaction reads: what is remembered is as good as read again.
            version = self._reader.execute("PRAGMA data_version").fetchone()
            if version != self._version:
                self._version = version
                self._unit.renew()
            self._unit.open()
            return flow(self._unit)
        finally:
            self._reader.execute("COMMIT")

    def _release(self) -> None:
        self._reader.close()
        if self._serving is not None:
            self._serving.release()
