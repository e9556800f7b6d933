"""PostgreSQL: a few writers with group commit, a few readers, and hints between processes by NOTIFY."""

import contextlib
import secrets
import select
import socket
import threading
from collections.abc import Callable
from typing import Any, TypeVar

import psycopg
from psycopg import conninfo, errors

from mitregate.core.errors import Misconfigured
from mitregate.ports import Touched
from mitregate.stores.commit import Flow, GroupCommit, Watchers
from mitregate.stores.conduit import Conduit, ConduitAdapter, Statement
from mitregate.stores.dialect import HEAD, Texts
from mitregate.stores.hints import hint, read_hint
from mitregate.stores.unit import Unit

T = TypeVar("T")
Connection = psycopg.Connection[tuple[Any, ...]]

WRITERS = 2
READERS = 4
FEW = 16
"""Reads that wait before one more reader is woken."""

CHANNEL = "mitregate"

TOGETHER_MS = 200
"""Milliseconds that a batch waits for a row; then its flows are run apart, so that one of them holds up no other.

Shorter than PostgreSQL's `deadlock_timeout`: two batches that wait for each other come apart before that.
"""

ALONE_MS = 5000
"""Milliseconds that one flow waits for a row."""

PAUSE_S = 1.0
"""Seconds between two attempts to listen again after the connection was lost."""

DEFAULTS = {
    "application_name": "mitregate",
    "client_encoding": "UTF8",
    "connect_timeout": "5",
    "keepalives_idle": "10",
    "keepalives_interval": "5",
    "keepalives_count": "3",
    "tcp_user_timeout": "20000",
}
"""What is not left to the system's patience: a server that vanished without a word is noticed within half a minute."""

# statement_timestamp(), not clock_timestamp(): an index can be searched for it, as it holds still during a statement.
_CLOCK = "to_char((statement_timestamp(){}) AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')"
_WORDS = {
    r"utc_now\(\)": _CLOCK.format(""),
    r"utc_after\((:\w+)\)": _CLOCK.format(r" + CAST(\1 AS double precision) * interval '1 second'"),
    r"texts_of\((:\w+)\)": r"json_array_elements_text(CAST(\1 AS json))",
    r"pairs_of\((:\w+)\)": r"json_each_text(CAST(\1 AS json))",
    r"arrays_of\((:\w+)\)": r"json_array_elements(CAST(\1 AS json))",
    r"numbers_of_changes\((:\w+)\)": (
        r"(SELECT nextval(pg_get_serial_sequence('changes', 'number')) AS number FROM generate_series(1, \1))"
    ),
}
READING = _WORDS | {r"(?:shared|locked)_rules\(\)|turns_of\(:\w+\)": "1"}
# An advisory lock over the rulebook; its number is nobody else's.
_LOCKS = {r"shared_rules\(": "pg_advisory_xact_lock_shared(71773", r"locked_rules\(": "pg_advisory_xact_lock(71773"}
_LOCKS |= {r"turns_of\((:\w+)\)": r"pg_advisory_xact_lock(71774, hashtext(\1))"}
WRITING = _WORDS | _LOCKS | {r"/\* (for update.*?) \*/": r"\1"}

OVERTAKEN = (errors.DeadlockDetected, errors.SerializationFailure, errors.UniqueViolation)

BEGIN = "BEGIN ISOLATION LEVEL READ COMMITTED"

BEGIN_IT = Statement(BEGIN)
BE_PATIENT = Statement(f"SET LOCAL lock_timeout = {ALONE_MS}")
COMMIT = Statement("COMMIT")
NOTIFY = Statement(f"SELECT pg_notify('{CHANNEL}', $1)", "hint")

MIGRATE = "Run `mitregate migrate` once before the server starts."


def connect(url: str) -> Connection:
    """Connect, in autocommit mode: transactions are begun in so many words.

    Raises:
        Misconfigured: the URL is wrong, or nobody answers there.
    """
    try:
        return _connect(url)
    except psycopg.ProgrammingError:  # what it says may repeat the password
        message = "The URL of the PostgreSQL database cannot be read."
        advice = "Percent-encode what is no letter or digit in user and password: postgresql://user:p%40ss@host/name."
        raise Misconfigured(message, advice=advice) from None
    except psycopg.Error as error:
        raise Misconfigured(
            f"The PostgreSQL database cannot be opened: {' '.join(str(error).split())}",
            advice="Check host, port, user, password and name in the database URL, and that the server runs.",
        ) from error


def _connect(url: str) -> Connection:
    given = conninfo.conninfo_to_dict(url)
    connection = psycopg.connect(**DEFAULTS | given, autocommit=True, prepare_threshold=1)  # type: ignore[arg-type]
    # An approval must survive power loss, whatever the server's default is. And plans are kept: one that was made while
    # the tables were empty must not read them from end to end when they are full; every query here has its index.
    connection.execute(
        "SELECT set_config('lock_timeout', %s, false), CASE WHEN current_setting('synchronous_commit') = 'off'"
        " THEN set_config('synchronous_commit', 'on', false) END, set_config('enable_seqscan', 'off', false),"
        " set_config('enable_hashjoin', 'off', false), set_config('enable_mergejoin', 'off', false)",
        (str(TOGETHER_MS),),
    )
    return connection


def _require_current(connection: Connection) -> None:
    try:
        row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    except errors.UndefinedTable:
        row = None
    if row != (HEAD,):
        here = f"is at version {row[0]}" if row else "is empty"
        raise Misconfigured(f"The PostgreSQL database {here}; this program needs version {HEAD}.", advice=MIGRATE)


class Line:
    """A connection that is made when it is needed, and made again after it was lost."""

    errors: type[Exception] = psycopg.Error
    interval: float | None = None
    _settings = "SET default_transaction_read_only = off"
    _is_reading = False

    def __init__(self, url: str, texts: Texts) -> None:
        self._url = url
        self._texts = texts
        self._connection: Connection | None = None
        self._conduit: Conduit | None = None
        self._unit: Unit | None = None

    def has_news(self) -> bool:
        """Nothing to look for: hints come by NOTIFY."""
        return False

    def close(self) -> None:
        """Let go of the connection."""
        if self._connection is not None:
            self._connection.close()
        self._connection = self._conduit = self._unit = None

    def is_sound(self) -> bool:
        """Whether the connection still stands."""
        return self._connection is not None and not self._connection.broken

    def _connected(self) -> tuple[Conduit, Unit]:
        if self._conduit is None or self._unit is None or not self.is_sound():
            self.close()
            self._connection = _connect(self._url)
            self._connection.execute(self._settings)
            self._conduit = Conduit(self._connection, is_reading=self._is_reading)
            self._unit = Unit(self._conduit, self._texts)
        return self._conduit, self._unit

    def rollback(self) -> None:
        """Roll back, or let go of the connection if it cannot."""
        try:
            if self._conduit is not None:
                self._conduit.reset()
        except psycopg.Error:
            self.close()


class PostgresReader(Line):
    """A connection that reads: every statement is a transaction of its own."""

    _settings = "SET default_transaction_read_only = on"
    _is_reading = True

    def begin(self, *, is_alone: bool) -> Unit:  # noqa: ARG002 - reading waits for no locks
        """Connect, if need be."""
        return self._connected()[1]

    def commit(self, touched: Touched) -> None:  # noqa: ARG002 - reading touches nothing
        """Wait for what was sent, which can only have been refused: there is nothing to commit."""
        if self._conduit is not None:
            self._conduit.settle()

    def is_undone(self) -> bool:
        """Reading does nothing that could be undone."""
        return True

    def is_contention(self, error: Exception, *, is_alone: bool) -> bool:  # noqa: ARG002
        """Whether a read that failed with *error* is worth repeating: it was the connection's fault."""
        return isinstance(error, psycopg.OperationalError) and not self.is_sound()


class PostgresWriter(Line):
    """A connection that writes, READ COMMITTED, with locks on the rows it is about to change.

    Statements that return nothing are not waited for. So an error may show up later than where it was made, at the
    latest with the commit; the batch is run apart as always.
    """

    def __init__(self, url: str, texts: Texts, token: str) -> None:
        super().__init__(url, texts)
        self._token = token
        self._is_committing = False

    def begin(self, *, is_alone: bool) -> Unit:
        """Begin a transaction, on a new connection if the old one was lost while nobody used it."""
        self._is_committing = False
        try:
            return self._begin(is_alone=is_alone)
        except psycopg.OperationalError:
            self.rollback()
            return self._begin(is_alone=is_alone)

    def _begin(self, *, is_alone: bool) -> Unit:
        conduit, unit = self._connected()
        conduit.check()
        conduit.send(BEGIN_IT, {})
        if is_alone:
            conduit.send(BE_PATIENT, {})
        return unit

    def commit(self, touched: Touched) -> None:
        """Commit, with one hint for the other processes."""
        conduit = self._conduit
        if conduit is None or not self.is_sound():
            # Never on a new connection: it would say COMMIT, and mean nothing.
            raise psycopg.OperationalError("The connection was lost.")
        if touched.gates or touched.work:
            conduit.send(NOTIFY, {"hint": hint(self._token, touched)})
        self._is_committing = True
        if conduit.end(COMMIT) != "COMMIT":
            # A transaction that has failed is rolled back by COMMIT without a word.
            raise errors.InFailedSqlTransaction("The transaction had failed before.")

    def is_contention(self, error: Exception, *, is_alone: bool) -> bool:
        """Whether another transaction was in the way, or the connection was lost before it came to the commit."""
        if isinstance(error, errors.LockNotAvailable):
            return not is_alone
        return isinstance(error, OVERTAKEN) or not (self._is_committing or self.is_sound())

    def is_undone(self) -> bool:
        """Whether the server itself refused the commit; if the connection was lost instead, nobody knows."""
        return self.is_sound()


class Listener:
    """A thread that hears what other processes have committed."""

    def __init__(self, url: str, token: str, watchers: Watchers) -> None:
        self._url = url
        self._token = token
        self._watchers = watchers
        self._ours, self._theirs = socket.socketpair()
        self._is_closed = threading.Event()
        self._thread = threading.Thread(target=self._run, name="mitregate-postgres-listen", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End the thread."""
        self._is_closed.set()
        self._ours.close()  # which wakes the thread
        self._thread.join()
        self._theirs.close()

    def _run(self) -> None:
        while not self._is_closed.is_set():
            with contextlib.suppress(psycopg.Error):  # only hints are lost, and the next connection makes up for them
                self._listen()
            self._is_closed.wait(PAUSE_S)

    def _listen(self) -> None:
        with _connect(self._url) as connection:
            connection.execute(f"LISTEN {CHANNEL}".encode())
            # What was committed before this may have been missed.
            self._watchers.tell_from_thread(Touched(gates=None, work=True))
            while not self._is_closed.is_set():
                select.select([connection.fileno(), self._theirs.fileno()], [], [])
                for notice in connection.notifies(timeout=0):
                    touched = read_hint(self._token, notice.payload)
                    if touched is not None:
                        self._watchers.tell_from_thread(touched)


class PostgresStore:
    """A database on a PostgreSQL server, which any number of processes may share.

    Raises:
        Misconfigured: it cannot be reached, or is not migrated.
    """

    def __init__(self, url: str) -> None:
        with connect(url) as connection:
            _require_current(connection)
        self._url = url
        self._token = secrets.token_hex(8)
        self._watchers = Watchers()
        self._listener: Listener | None = None
        reading, writing = Texts(ConduitAdapter, READING), Texts(ConduitAdapter, WRITING)
        writers = [PostgresWriter(url, writing, self._token) for _ in range(WRITERS)]
        readers = [PostgresReader(url, reading) for _ in range(READERS)]
        self._writers = GroupCommit("postgres-write", writers, self._watchers)
        self._readers = GroupCommit("postgres-read", readers, self._watchers, few=FEW)

    async def transact(self, flow: Flow[T]) -> T:
        """Run *flow* in a transaction, which is on disk when this returns; see `ports.Store`."""
        return await self._writers.run(flow)

    async def read(self, flow: Flow[T]) -> T:
        """Run *flow*, which only reads, beside the writers."""
        return await self._readers.run(flow)

    def watch(self, listener: Callable[[Touched], None]) -> None:
        """Call *listener* in the event loop after every commit here, and on hints of commits by other processes."""
        self._watchers.add(listener)
        if self._listener is None:
            self._listener = Listener(self._url, self._token, self._watchers)

    async def close(self) -> None:
        """Finish what was begun and let go of the database."""
        await self._writers.close()
        await self._readers.close()
        if self._listener is not None:
            self._listener.close()
            self._listener = None
