import asyncio
import threading
from pathlib import Path
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa
from alembic import command

from mitregate.core.errors import Misconfigured
from mitregate.core.people import App, AppKind
from mitregate.stores import open_store, schema, sqlite
from mitregate.stores.dialect import HEAD
from mitregate.stores.location import is_postgres, sqlite_path


@pytest.fixture(params=["sqlite", "postgres"])
def empty(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a database without anything in it; on SQLite not even the folder is there."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/new/folder%20x/mitregate.db"
    url: str = request.getfixturevalue("postgres_database")
    return url


def execute(url: str, statement: str) -> None:
    """Run a statement behind everybody's back."""
    if is_postgres(url):
        with psycopg.connect(url) as connection:
            connection.execute(statement.encode())
    else:
        file = sqlite.connect(sqlite_path(url))
        file.execute(statement)
        file.close()


def test_the_texts_know_the_newest_migration() -> None:
    """The version which the SQL texts are written for is the newest that there is a migration to."""
    assert schema.head() == HEAD


def test_from_nothing_to_the_newest(empty: str) -> None:
    """An empty database is brought to the newest version, once; doing it again changes nothing."""
    schema.migrate(empty)
    assert (schema.current(empty), schema.is_current(empty)) == (HEAD, True)
    asyncio.run(keep_a_fact(empty))
    schema.migrate(empty)
    assert asyncio.run(read_a_fact(empty)) == "kept"


async def keep_a_fact(url: str) -> None:
    """Keep something."""
    store = open_store(url)
    await store.transact(lambda uow: uow.set_meta("fact", "kept"))
    await store.close()


async def read_a_fact(url: str) -> str | None:
    """Read it."""
    store = open_store(url)
    found = await store.read(lambda uow: uow.meta("fact"))
    await store.close()
    return found


def test_the_file_is_nobody_elses(tmp_path: Path) -> None:
    """The SQLite file is readable by its owner alone."""
    schema.migrate(f"sqlite:///{tmp_path}/m.db")
    assert (tmp_path / "m.db").stat().st_mode & 0o777 == 0o600


def test_many_may_migrate_at_once(empty: str) -> None:
    """Processes that start together and all migrate take turns."""
    failures: list[BaseException] = []

    def migrate() -> None:
        try:
            schema.migrate(empty)
        except BaseException as error:
            failures.append(error)
            raise

    threads = [threading.Thread(target=migrate) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert schema.is_current(empty)


def test_an_empty_postgres_is_refused(postgres_database: str) -> None:
    """A store does not open a database that is not migrated, and says what to do."""
    assert (schema.current(postgres_database), schema.is_current(postgres_database)) == (None, False)
    with pytest.raises(Misconfigured, match="is empty") as refusal:
        open_store(postgres_database)
    assert "mitregate migrate" in refusal.value.advice()


def test_a_newer_database_is_refused(empty: str) -> None:
    """A database of a newer version is neither opened nor migrated."""
    schema.migrate(empty)
    execute(empty, "UPDATE alembic_version SET version_num = '9999'")
    assert not schema.is_current(empty)
    with pytest.raises(Misconfigured, match="9999"):
        open_store(empty)
    with pytest.raises(Misconfigured, match="9999"):
        schema.migrate(empty)


def test_a_migration_that_fails_leaves_nothing(empty: str) -> None:
    """A migration that meets an obstacle halfway is rolled back whole, and can be repeated without it."""
    if not is_postgres(empty):
        path = sqlite_path(empty)
        path.parent.mkdir(parents=True)
        path.touch()
    execute(empty, "CREATE TABLE jobs (x integer)")
    with pytest.raises(Exception, match="already exists"):
        schema.migrate(empty)
    execute(empty, "DROP TABLE jobs")
    schema.migrate(empty)
    assert schema.is_current(empty)


def test_there_and_back(empty: str) -> None:
    """The first migration can be taken back and made again."""
    schema.migrate(empty)
    with schema._transaction(empty) as connection:
        config = schema._config()
        config.attributes["connection"] = connection
        command.downgrade(config, "base")
        assert sa.inspect(connection).get_table_names() == ["alembic_version"]
    schema.migrate(empty)
    assert schema.is_current(empty)


def test_apps_of_the_first_release_stay_what_they_are(empty: str) -> None:
    """An app that was added before there were kinds of apps can be read afterwards, as one with client credentials."""
    schema.migrate(empty)
    downgrade(empty, "0001")
    columns = "(id, name, client_id, secret_hash, scopes, created_at)"
    execute(empty, f"INSERT INTO apps {columns} VALUES ('1', 'ci', 'c', 'h', '[]', '2026-01-31T12:00:00.000000Z')")
    schema.migrate(empty)
    found = asyncio.run(read_an_app(empty))
    assert (found.name, found.kind, found.secret_hash) == ("ci", AppKind.OAUTH, "h")


def downgrade(url: str, revision: str) -> None:
    """Take the newer migrations back."""
    with schema._transaction(url) as connection:
        config = schema._config()
        config.attributes["connection"] = connection
        command.downgrade(config, revision)


async def read_an_app(url: str) -> App:
    """Read the app with the id 1."""
    store = open_store(url)
    found = await store.read(lambda uow: uow.apps.get("1"))
    await store.close()
    assert found is not None
    return found


def test_both_engines_have_the_same_tables(sqlite_store_url: str, postgres_store_url: str) -> None:
    """Tables, columns, keys and indexes are the same on both engines, down to the conditions of partial indexes."""
    ours, theirs = shape(sqlite_store_url), shape(postgres_store_url)
    assert len(ours) == 18
    for table, found in ours.items():
        assert found == theirs[table], table
    assert ours.keys() == theirs.keys()


def shape(url: str) -> dict[str, Any]:
    """Describe a database in words that both engines have in common."""
    with schema._transaction(url) as connection:
        seen = sa.inspect(connection)
        return {
            table: {
                "columns": [
                    (column["name"], column["nullable"], is_text(column)) for column in seen.get_columns(table)
                ],
                "key": seen.get_pk_constraint(table)["constrained_columns"],
                "unique": sorted(tuple(unique["column_names"]) for unique in seen.get_unique_constraints(table)),
                "foreign": sorted(
                    (*foreign["constrained_columns"], foreign["referred_table"], foreign["options"].get("ondelete"))
                    for foreign in seen.get_foreign_keys(table)
                ),
                "indexes": sorted(
                    (index["name"], tuple(index["column_names"]), bool(index["unique"]), condition(index))
                    for index in seen.get_indexes(table)
                    if "duplicates_constraint" not in index
                ),
            }
            for table in seen.get_table_names()
        }


def is_text(column: Any) -> bool:
    """Tell text from numbers."""
    return isinstance(column["type"], sa.String)


def condition(index: Any) -> str:
    """Give the condition of a partial index, stripped of what PostgreSQL adds to it."""
    options = index.get("dialect_options", {})
    found = str(options.get("sqlite_where", options.get("postgresql_where", "")))
    for ornament in ("::text", "(", ")", 'COLLATE "C"'):
        found = found.replace(ornament, "")
    return " ".join(found.split())
