"""A past: any number of deployments that are over, each with its gate, its change, and all that was said of them.

One is taken through the flows, from its submission to its end. Then the database itself copies its rows, whatever they
are, with other names and numbers in the place of its own.
"""

import contextlib
from collections.abc import Iterator
from typing import Any

from msgspec.structs import replace

from benchmarks import bodies
from benchmarks.bodies import MARK, Source, submission
from benchmarks.places import ROOT, Place
from benchmarks.talk import HOST
from mitregate.core.deployments import State
from mitregate.core.people import Principal
from mitregate.flows import review
from mitregate.flows.act import begin
from mitregate.flows.submit import submit
from mitregate.ports import Ports, UnitOfWork
from mitregate.stores import postgres, sqlite
from mitregate.stores.location import is_postgres, sqlite_path
from mitregate.wire.jira_deployments import read_submission
from mitregate.wiring import open_house

GATE = "the-gate-of-a-past-to-copy"

FIRST = 100_000_000
"""The number of the first past deployment, lower than any that is submitted."""

LOT = 50_000
"""Deployments that are copied in one transaction."""

PARENTS = ("deployments", "changes", "gates", "jobs")
"""Tables that others refer to, and which are filled first."""

INDEXES = {
    "sqlite": "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL",
    "postgresql": (
        "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public' AND indexname NOT IN"
        " (SELECT conname FROM pg_constraint WHERE conname IS NOT NULL)"
    ),
}
"""The indexes that are not part of a table, with the statement that makes each."""

FILLED = {
    "sqlite": ("PRAGMA wal_checkpoint(TRUNCATE)",),
    "postgresql": (
        "SELECT setval(pg_get_serial_sequence('changes', 'number'), (SELECT max(number) FROM changes))",
        "VACUUM ANALYZE",
        "CHECKPOINT",
    ),
}
"""What the database would have done by itself while such a past went by; SQLite gives numbers above the highest one."""

COPY = """
WITH RECURSIVE numbers(i) AS (
    SELECT CAST({low} AS bigint) UNION ALL SELECT i + 1 FROM numbers WHERE i < CAST({high} AS bigint)
)
INSERT INTO {table} ({columns}) SELECT {made} FROM numbers
"""

Row = dict[str, Any]


def reads(token: str, count: int) -> Source:
    """Read the gating status of one of *count* past deployments: all but the one that was copied."""
    return bodies.reads(token, count - 1, FIRST + 1, "allowed")


async def remember(place: Place, count: int) -> None:
    """Fill the database of *place*, which is new, with *count* deployments that are over."""
    async with open_house(place.settings) as house:
        change = await house.store.transact(lambda uow: _live_through(house.ports, uow))
    with _connected(place.settings.database) as (connection, parameter):
        copies = [
            _copying(table, row, change, parameter)
            for table in _tables(connection, place.engine)
            for row in _rows(connection, table)
            if _is_of_it(table, row, change)
        ]
        with _bare(connection, place.engine):
            for low in range(1, count, LOT):
                connection.execute("BEGIN")
                for sql, values in copies:
                    connection.execute(sql, values | {"low": low, "high": min(low + LOT, count) - 1})
                connection.execute("COMMIT")
        for sql in FILLED[place.engine]:
            connection.execute(sql)


def _live_through(ports: Ports, uow: UnitOfWork) -> str:
    """Submit a deployment, approve its change, and let it start and succeed; give the key of the change."""
    app = next(app for app in uow.apps.all() if app.callback_url is None)
    asker = Principal(name=app.name, origin=HOST, app_id=app.id, scopes=app.scopes)
    (deployment,) = read_submission(submission(1), app.id).accepted
    submit(begin(replace(ports, new_id=lambda: GATE), uow, asker), [deployment])
    gate = uow.gates.of(deployment.key)
    if gate is None or gate.change_key is None:
        raise RuntimeError("There is no gate.")
    review.approve(begin(ports, uow, ROOT), gate.change_key)
    for number, state in enumerate((State.IN_PROGRESS, State.SUCCESSFUL), start=2):
        submit(begin(ports, uow, asker), [replace(deployment, state=state, update_sequence_number=number)])
    return gate.change_key


def _is_of_it(table: str, row: Row, change: str) -> bool:
    """Tell whether a row came of the deployment that is copied."""
    if table.startswith("change") and f"CHG-{row.get('number')}" == change:
        return True
    return any(mark in str(value) for value in row.values() for mark in (str(MARK), GATE, change))


def _copying(table: str, row: Row, change: str, parameter: str) -> tuple[str, Row]:
    """Write the statement that copies a row, for `i` from `low` to `high`, and its parameters."""
    number = change.removeprefix("CHG-")
    numbers = {"sequence_number": f"{FIRST} + i", "number": f"{number} + i"}
    texts = {
        str(MARK): f"CAST({FIRST} + i AS text)",
        GATE: f"'gate-of-' || CAST({10**17} + i AS text)",
        change: f"'CHG-' || CAST({number} + i AS text)",
        f'"number":{number},': f"'\"number\":' || CAST({number} + i AS text) || ','",
    }
    values = {name: value for name, value in row.items() if value is not None and name != "seq"}
    made: list[str] = []
    for name, value in values.items():
        sql = f"CAST({parameter.format(name)} AS {'text' if isinstance(value, str) else 'bigint'})"
        if isinstance(value, str):
            for mark in (mark for mark in texts if mark in value):
                sql = f"replace({sql}, '{mark}', {texts[mark]})"
        made.append(numbers.get(name, sql))
    return COPY.format(
        low=parameter.format("low"),
        high=parameter.format("high"),
        table=table,
        columns=", ".join(values),
        made=", ".join(made),
    ), values


@contextlib.contextmanager
def _bare(connection: Any, engine: str) -> Iterator[None]:
    """Do without the indexes for as long as the block lasts: to make them at once takes half the time."""
    indexes = connection.execute(INDEXES[engine]).fetchall()
    for name, _ in indexes:
        connection.execute(f"DROP INDEX {name}")
    yield
    for _, sql in indexes:
        connection.execute(sql)


def _tables(connection: Any, engine: str) -> list[str]:
    found = {
        "sqlite": "SELECT name FROM sqlite_master WHERE type = 'table'",
        "postgresql": "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'",
    }
    names = {name for (name,) in connection.execute(found[engine]).fetchall()}
    return [*PARENTS, *sorted(names - {*PARENTS})]


def _rows(connection: Any, table: str) -> list[Row]:
    cursor = connection.execute(f"SELECT * FROM {table}")
    names = [column[0] for column in cursor.description]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


@contextlib.contextmanager
def _connected(url: str) -> Iterator[tuple[Any, str]]:
    """Connect, without waiting for the disk; say how a parameter is written."""
    if is_postgres(url):
        with postgres.connect(url) as connection:
            connection.execute("SET synchronous_commit = off")
            yield connection, "%({})s"
    else:
        with contextlib.closing(sqlite.connect(sqlite_path(url))) as connection:
            connection.execute("PRAGMA synchronous = OFF")
            connection.execute("PRAGMA cache_size = -400000")
            yield connection, ":{}"
