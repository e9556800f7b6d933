"""The statements that a submit really writes: recorded from the flow itself, then replayed with other keys."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Self

from msgspec import Struct

from benchmarks.bodies import MARK, submission
from mitregate.changes.embedded import Embedded
from mitregate.core.people import App, Principal, Scope
from mitregate.flows.act import begin
from mitregate.flows.submit import submit
from mitregate.ports import Ports
from mitregate.stores.dialect import Texts
from mitregate.stores.unit import Unit
from mitregate.wire.jira_deployments import read_submission

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)

APP = App(
    id="ceiling",
    name="ceiling",
    client_id="ceiling",
    secret_hash="none",
    scopes=frozenset(Scope),
    created_at=NOON,
)
ASKER = Principal(name=APP.name, origin="127.0.0.1", app_id=APP.id, scopes=APP.scopes)

PLACES = 1000
"""Statements of one submit, at most."""

PLACES = 1000
"""Statements of one submit, at most."""

WRITES = ("INSERT", "UPDATE", "DELETE", "WITH")

Values = Mapping[str, Any]


class Statement(Struct, frozen=True, kw_only=True):
    """One statement as the driver gets it; `varying` names the parameters with `MARK` in them."""

    sql: str
    values: dict[str, Any]
    varying: tuple[str, ...]

    def values_for(self, number: int) -> dict[str, Any]:
        """Put a number in the place of `MARK`."""
        filled = dict(self.values)
        for name in self.varying:
            value = filled[name]
            if isinstance(value, str):
                filled[name] = value.replace(str(MARK), str(number))
            else:  # the number of the deployment, or that of a change, which is a hundred times it and its place
                filled[name] = number if value == MARK else value + (number - MARK) * PLACES
        return filled


class Recorder:
    """A connection that notes down what is executed on it, in order, with how many rows it met."""

    def __init__(self, connection: Any) -> None:
        self.seen: list[tuple[str, dict[str, Any], int]] = []
        self._connection = connection

    def cursor(self) -> "RecordingCursor":
        """Open a cursor."""
        return RecordingCursor(self._connection.cursor(), self.seen)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)

    def writes(self) -> list[Statement]:
        """Give the statements that changed something."""
        writes = [(sql, values) for sql, values, rows in self.seen if rows and _is_write(sql)]
        # The number of a change, and wherever it is named again, varies with the deployment and the place among them.
        drawn = {values["number"]: MARK * PLACES + place for place, (sql, values) in enumerate(writes) if _adds(sql)}
        return [_statement(sql, _varied(values, drawn)) for sql, values in writes]

    def reads(self) -> list[Statement]:
        """Give the statements that changed nothing by their nature."""
        return [_statement(sql, values) for sql, values, _ in self.seen if not _is_write(sql)]


class RecordingCursor:
    """A cursor of such a connection."""

    def __init__(self, cursor: Any, seen: list[tuple[str, dict[str, Any], int]]) -> None:
        self._cursor = cursor
        self._seen = seen

    def execute(self, sql: str, values: Values | None = None) -> Self:
        """Execute, and note it down."""
        self._cursor.execute(sql, values or {})
        # A statement that returns rows has not counted them yet; the only writing ones here insert one.
        rows = 1 if self._cursor.description else self._cursor.rowcount
        self._seen.append((sql, dict(values or {}), rows))
        return self

    def __iter__(self) -> Any:
        return iter(self._cursor)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._cursor, name)


def record_submit(connection: Any, texts: Texts, count: int) -> list[Statement]:
    """Note down what a submit of *count* deployments writes; *connection* has a transaction open, and is left so."""
    recorder = Recorder(connection)
    unit = Unit(recorder, texts)
    unit.open()
    accepted = read_submission(submission(count), APP.id).accepted
    submit(begin(_ports(), unit, ASKER), accepted)
    return recorder.writes()


def record_read(connection: Any, texts: Texts) -> Statement:
    """Note down the primary-key select of a gating status."""
    recorder = Recorder(connection)
    unit = Unit(recorder, texts)
    unit.open()
    unit.gates.of(read_submission(submission(1), APP.id).accepted[0].key)
    return recorder.reads()[-1]


def _varied(values: Values, drawn: Mapping[int, int]) -> dict[str, Any]:
    """Let the number of a change vary, and the marks that it is found by, in which `MARK` is hashed away."""
    varied = dict(values)
    if "number" in values:
        varied["number"] = drawn[values["number"]]
    if "marks" in values:
        varied["marks"] = values["marks"].replace("deploys ", f"deploys {MARK} ")
    return varied


def _adds(sql: str) -> bool:
    return "INTO changes " in sql


def _statement(sql: str, values: dict[str, Any]) -> Statement:
    varying = tuple(
        name
        for name, value in values.items()
        if (isinstance(value, int) and value >= MARK) or (isinstance(value, str) and str(MARK) in value)
    )
    return Statement(sql=sql, values=values, varying=varying)


def _is_write(sql: str) -> bool:
    lines = (line.strip() for line in sql.splitlines())
    return next(line for line in lines if line and not line.startswith("--")).upper().startswith(WRITES)


def _ports() -> Ports:
    made = iter(range(10**9))
    return Ports(
        now=lambda: NOON,
        new_id=lambda: f"{MARK}-{next(made):015}",
        new_secret=lambda: "secret",
        new_key=lambda: "key",
        seal=str,
        unseal=str,
        base_url="http://127.0.0.1:8470",
        changes=Embedded(),
        providers={},
    )
