"""A stage for every web test, on an SQLite database of its own."""

import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from mitregate.settings import Settings
from mitregate.stores import open_store
from mitregate.stores.schema import migrate
from mitregate.wiring import make_ports
from tests.web.stage import Clock, Stage


@pytest.fixture(scope="session")
def web_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated SQLite file to copy."""
    path = tmp_path_factory.mktemp("web") / "template.db"
    migrate(f"sqlite:///{path}")
    return path


@pytest.fixture
async def bare(web_template: Path, tmp_path: Path) -> AsyncIterator[Stage]:
    """A stage on which nobody is yet."""
    path = tmp_path / "mitregate.db"
    shutil.copy(web_template, path)
    settings = Settings(database=f"sqlite:///{path}")
    store = open_store(settings.database)
    stage = Stage(store, make_ports(settings), Clock())
    yield stage
    for client in stage.clients:
        await client.aclose()
    await store.close()


@pytest.fixture
async def stage(bare: Stage) -> Stage:
    """A stage with people and an app."""
    await bare.people()
    return bare
