"""PostgreSQL in libpq's pipeline mode: statements wait together until something is waited for.

psycopg's cursors send every statement by itself, with a poll before and after. Each of these is a system call, at which
other threads and the server's own process take turns; of a submit that was the greater part. Here libpq keeps the
statements, and sends them with the next question, or with the commit. So an error may show up later than where it was
made, at the latest with the commit.

https://www.postgresql.org/docs/current/libpq-pipeline-mode.html; https://www.psycopg.org/psycopg3/docs/api/pq.html
"""

from collections.abc import Generator, Mapping
from typing import Any

import psycopg
from aiosql.adapters.generic import GenericAdapter
from aiosql.utils import VAR_REF
from psycopg import errors
from psycopg.abc import PQGen
from psycopg.pq import DiagnosticField, ExecStatus, TransactionStatus
from psycopg.pq.abc import PGconn, PGresult
from psycopg.waiting import Ready, Wait
from typing_extensions import override

Row = tuple[Any, ...]

INT8, UNKNOWN = 20, 0
INTEGERS = frozenset({20, 21, 23})
"""Types by their numbers (pg_type.dat); what is not of these is read as text."""

GOOD = frozenset({ExecStatus.TUPLES_OK, ExecStatus.COMMAND_OK})


class Statement:
    """A statement with numbered parameters; *names* says which is which."""

    def __init__(self, sql: str, *names: str) -> None:
        self.sql = sql.encode()
        self.names = names


class Conduit:
    """A connection in pipeline mode, which is the conduit's alone from now on.

    Args:
        connection: the connection, idle.
        is_reading: whether each question is a transaction of its own.
    """

    def __init__(self, connection: "psycopg.Connection[Any]", *, is_reading: bool) -> None:
        self._connection = connection
        self._is_reading = is_reading
        self._pg: PGconn = connection.pgconn
        self._pg.enter_pipeline_mode()
        self._prepared: dict[tuple[Statement, tuple[int, ...]], bytes] = {}
        self._under_way = 0
        self._syncs = 0

    def check(self) -> None:
        """Look whether the connection was lost while nobody used it.

        Raises:
            psycopg.OperationalError: it was.
        """
        # The first takes the server's last words, if there are any, the second finds the end behind them.
        self._pg.consume_input()
        self._pg.consume_input()

    def send(self, statement: Statement, values: Mapping[str, Any]) -> None:
        """Execute a statement some time before the next question; what it returns is not looked at."""
        given = [values[name] for name in statement.names]
        types = tuple([INT8 if isinstance(value, int) else UNKNOWN for value in given])
        name = self._prepared.get((statement, types))
        if name is None:
            name = self._prepared[statement, types] = b"m%d" % len(self._prepared)
            self._pg.send_prepare(name, statement.sql, types)
            self._under_way += 1
        self._pg.send_query_prepared(name, [None if value is None else str(value).encode() for value in given])
        self._under_way += 1

    def ask(self, statement: Statement, values: Mapping[str, Any]) -> list[Row]:
        """Execute a statement and wait for its rows.

        Raises:
            psycopg.Error: this one failed, or one that was sent before.
        """
        self.send(statement, values)
        return _rows(self._answer(is_end=self._is_reading))

    def end(self, statement: Statement) -> str:
        """Execute the last statement of a transaction; say what came of it, in PostgreSQL's words.

        Raises:
            psycopg.Error: this one failed, or one that was sent before.
        """
        self.send(statement, {})
        return (self._answer(is_end=True).command_status or b"").decode()

    def settle(self) -> None:
        """Wait for what was sent and never asked about.

        Raises:
            psycopg.Error: it failed.
        """
        if self._under_way:
            self._answer(is_end=True)

    def reset(self) -> None:
        """Roll back, and let go of all that is under way; for use after an error.

        Raises:
            psycopg.Error: the connection is of no more use.
        """
        self._drain()
        if self._pg.transaction_status != TransactionStatus.IDLE:
            self._pg.send_query_params(b"ROLLBACK", None)
            self._under_way += 1
            self._answer(is_end=True)
        # Nobody knows which of those that were sent last were still prepared.
        self._prepared.clear()
        self._pg.send_query_params(b"DEALLOCATE ALL", None)
        self._under_way += 1
        self._answer(is_end=True)

    def _answer(self, *, is_end: bool) -> PGresult:
        """Wait for all that is under way; give what came of the last of it."""
        if is_end:
            self._sync()
        else:
            self._pg.send_flush_request()
            self._leave()
        while True:
            result = self._receive()
            if result is None or result.status not in GOOD:
                raise _error_of(result)
            self._receive()  # nothing: the mark at the end of what belongs to one statement
            self._under_way -= 1
            if not self._under_way:
                break
        if is_end:
            self._receive()
        return result

    def _drain(self) -> None:
        self._sync()
        while self._syncs:
            self._receive()
        self._under_way = 0

    def _sync(self) -> None:
        self._pg.pipeline_sync()
        self._syncs += 1
        self._leave()

    def _leave(self) -> None:
        if self._pg.flush():
            self._connection.wait(_leaving(self._pg))

    def _receive(self) -> PGresult | None:
        if self._pg.is_busy():
            self._connection.wait(_arriving(self._pg))
        result = self._pg.get_result()
        if self._connection.broken:
            raise _error_of(result)
        if result is not None and result.status == ExecStatus.PIPELINE_SYNC:
            self._syncs -= 1
        return result


class ConduitAdapter(GenericAdapter):
    """What aiosql calls a conduit by; https://nackjicholson.github.io/aiosql/extending.html."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._statements: dict[str, Statement] = {}

    @override
    def process_sql(self, query_name: str, op_type: Any, sql: str) -> str:
        """Number the parameters of a query."""
        names: dict[str, str] = {}

        def number(found: Any) -> str:
            name = found["var_name"]
            if name is None:
                return str(found[0])
            return f"{found['lead']}{names.setdefault(name, f'${len(names) + 1}')}"

        numbered = VAR_REF.sub(number, sql)
        self._statements[numbered] = Statement(numbered, *names)
        return numbered

    @override
    def select(
        self, conn: Conduit, query_name: str, sql: str, parameters: Any, record_class: Any = None
    ) -> Generator[Row]:
        """Give the rows of a query."""
        yield from conn.ask(self._statements[sql], parameters)

    @override
    def select_one(
        self, conn: Conduit, query_name: str, sql: str, parameters: Any, record_class: Any = None
    ) -> Row | None:
        """Give the first row of a query, if there is one."""
        rows = conn.ask(self._statements[sql], parameters)
        return rows[0] if rows else None

    @override
    def select_value(self, conn: Conduit, query_name: str, sql: str, parameters: Any) -> Any:
        """Give the first value of the first row, if there is one."""
        rows = conn.ask(self._statements[sql], parameters)
        return rows[0][0] if rows else None

    @override
    def insert_update_delete(self, conn: Conduit, query_name: str, sql: str, parameters: Any) -> int:
        """Execute a statement without waiting for it, so that nobody knows how many rows it meets."""
        conn.send(self._statements[sql], parameters)
        return -1


def _leaving(pg: PGconn) -> PQGen[None]:
    while pg.flush():
        ready = yield Wait.RW
        if ready & Ready.R:
            pg.consume_input()


def _arriving(pg: PGconn) -> PQGen[None]:
    while pg.is_busy():
        if (yield Wait.R):
            pg.consume_input()


def _rows(result: PGresult) -> list[Row]:
    reads = [int if result.ftype(column) in INTEGERS else _text for column in range(result.nfields)]
    return [
        tuple(
            [
                None if (value := result.get_value(row, column)) is None else read(value)
                for column, read in enumerate(reads)
            ]
        )
        for row in range(result.ntuples)
    ]


def _text(value: bytes) -> str:
    return value.decode()


def _error_of(result: PGresult | None) -> psycopg.Error:
    if result is None:
        return psycopg.OperationalError("The connection was lost.")
    state = result.error_field(DiagnosticField.SQLSTATE)
    message = result.error_message.decode(errors="replace").strip()
    try:
        return errors.lookup(state.decode())(message) if state else psycopg.OperationalError(message)
    except KeyError:
        return psycopg.DatabaseError(message)
