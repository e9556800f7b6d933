"""The schema: brought up to date by Alembic, the only user of SQLAlchemy."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError

from mitregate.core.errors import Misconfigured
from mitregate.stores.location import is_postgres, sqlite_path

SCRIPTS = Path(__file__).parent / "migrations"

MIGRATION_LOCK = 7_310_579_001
"""What processes that migrate the same PostgreSQL database at the same time take turns by; any number would do."""


def head() -> str:
    """Name the newest migration."""
    found = ScriptDirectory.from_config(_config()).get_current_head()
    if found is None:
        raise Misconfigured("The migrations are missing from this installation.", advice="Install Mitregate again.")
    return found


def migrate(url: str) -> None:
    """Bring a database up to the newest migration, making the file first if it is SQLite's; harmless to repeat.

    Raises:
        Misconfigured: the database cannot be reached or is of a newer version.
    """
    with _transaction(url, is_new_allowed=True) as connection:
        config = _config()
        config.attributes["connection"] = connection
        try:
            command.upgrade(config, "head")
        except CommandError as error:
            raise Misconfigured(
                f"The database cannot be migrated: {error}.",
                advice="Was it made by a newer Mitregate? Then install that version here, too.",
            ) from error


def current(url: str) -> str | None:
    """Name the migration a database is at; None for an empty one."""
    with _transaction(url) as connection:
        return MigrationContext.configure(connection).get_current_revision()


def is_current(url: str) -> bool:
    """Tell whether a database is at the newest migration."""
    return current(url) == head()


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(SCRIPTS).replace("%", "%%"))
    return config


@contextlib.contextmanager
def _transaction(url: str, *, is_new_allowed: bool = False) -> Iterator[sa.Connection]:
    """Open a transaction that nobody else migrates in, over the same connections as the stores use."""
    engine = _postgres(url) if is_postgres(url) else _sqlite(url, is_new_allowed=is_new_allowed)
    try:
        with engine.begin() as connection:
            if engine.dialect.name == "postgresql":
                connection.execute(sa.text("SET LOCAL lock_timeout = 0"))
                connection.execute(sa.select(sa.func.pg_advisory_xact_lock(MIGRATION_LOCK)))
            yield connection
    finally:
        engine.dispose()


def _postgres(url: str) -> sa.Engine:
    from mitregate.stores import postgres  # noqa: PLC0415 - SQLite alone must not pay for it

    def create() -> postgres.Connection:
        connection = postgres.connect(url)
        connection.autocommit = False
        return connection

    return sa.create_engine("postgresql+psycopg://", creator=create, poolclass=sa.pool.NullPool)


def _sqlite(url: str, *, is_new_allowed: bool) -> sa.Engine:
    from mitregate.stores import sqlite  # noqa: PLC0415

    path = sqlite_path(url)
    if is_new_allowed:
        path.parent.mkdir(parents=True, exist_ok=True)
        # The log and the index beside the file take over its mode.
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    engine = sa.create_engine(
        "sqlite://",
        module=sqlite.DRIVER,
        creator=lambda: sqlite.connect(path, is_new_allowed=is_new_allowed),
        poolclass=sa.pool.NullPool,
    )
    sa.event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN IMMEDIATE"))
    return engine
