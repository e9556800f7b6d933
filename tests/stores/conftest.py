"""Both databases, migrated, for every test that asks for `store` or `database`."""

import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from mitregate.ports import Store
from mitregate.stores import open_store
from mitregate.stores.schema import migrate
from tests.postgres import fresh_database
from tests.stores import made

ENGINES = ("sqlite", "postgres")

CHILDREN_FIRST: tuple[str, ...] = ("attempts", "jobs", "audit", "change_marks", "change_comments", "changes", "gates")
CHILDREN_FIRST += ("tracks", "rulebooks")
CHILDREN_FIRST += ("deployment_properties", "deployments", "tokens", "users", "apps", "meta")


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated SQLite file to copy."""
    path = tmp_path_factory.mktemp("template") / "template.db"
    migrate(f"sqlite:///{path}")
    return path


@pytest.fixture(scope="session")
def postgres_migrated(postgres_url: str) -> Iterator[str]:
    """A migrated PostgreSQL database: its URL."""
    with fresh_database(postgres_url) as url:
        migrate(url)
        yield url


@pytest.fixture
def sqlite_store_url(sqlite_template: Path, tmp_path: Path) -> str:
    """A migrated SQLite database of one's own."""
    path = tmp_path / "mitregate.db"
    shutil.copy(sqlite_template, path)
    return f"sqlite:///{path}"


@pytest.fixture
def postgres_store_url(postgres_migrated: str) -> str:
    """A migrated PostgreSQL database with nothing in it, which costs less than making one for every test."""
    with psycopg.connect(postgres_migrated) as admin:
        admin.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()"
            " AND pid <> pg_backend_pid()"
        )
        for table in CHILDREN_FIRST:
            admin.execute(sql.SQL("DELETE FROM {}").format(sql.Identifier(table)))
    return postgres_migrated


@pytest.fixture(params=ENGINES)
def database(request: pytest.FixtureRequest) -> str:
    """The URL of a migrated database, once on each engine."""
    url: str = request.getfixturevalue(f"{request.param}_store_url")
    return url


@pytest.fixture
async def store(database: str) -> AsyncIterator[Store]:
    """A store with one app in it, called app."""
    opened = open_store(database)
    await opened.transact(made.keep(made.app()))
    yield opened
    await opened.close()


@pytest.fixture
async def other(database: str, store: Store) -> AsyncIterator[Store]:
    """A second store over the same database, as another process has it."""
    opened = open_store(database)
    yield opened
    await opened.close()
