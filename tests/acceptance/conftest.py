"""What the stories share: an empty, migrated database of either kind."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from mitregate.stores.schema import migrate
from tests.acceptance.house import House, open_house
from tests.postgres import fresh_database


@pytest.fixture(scope="session")
def migrated(postgres_url: str) -> Iterator[str]:
    """The name of a migrated PostgreSQL database, to be copied."""
    with fresh_database(postgres_url) as url:
        migrate(url)
        yield url.rpartition("/")[2]


@pytest.fixture
def postgres_house(postgres_url: str, migrated: str, tmp_path: Path) -> Iterator[House]:
    """A house on PostgreSQL."""
    with fresh_database(postgres_url, template=migrated) as url, open_house(tmp_path, url) as house:
        yield house


@pytest.fixture
def sqlite_house(tmp_path: Path) -> Iterator[House]:
    """A house on SQLite."""
    url = f"sqlite:///{tmp_path}/gate.db"
    migrate(url)
    with open_house(tmp_path, url) as house:
        yield house


@pytest.fixture(params=["sqlite", "postgresql"])
def house(request: pytest.FixtureRequest, tmp_path: Path) -> House:
    """A house on either database."""
    found: House = request.getfixturevalue({"sqlite": "sqlite_house", "postgresql": "postgres_house"}[request.param])
    return found
