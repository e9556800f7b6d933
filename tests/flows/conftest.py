"""A world for each test, over a copy of one migrated database."""

import itertools
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mitregate.stores.schema import migrate
from tests.flows.shared import Shared
from tests.flows.waiting import Waiting
from tests.flows.world import World

MakeWorld = Callable[[], World]


@pytest.fixture(scope="session")
def make_world(tmp_path_factory: pytest.TempPathFactory) -> MakeWorld:
    """Make worlds, each with a database of its own; whoever makes one closes it."""
    folder = tmp_path_factory.mktemp("flows")
    template = folder / "template.db"
    migrate(f"sqlite:///{template}")
    numbers = itertools.count()

    def make() -> World:
        path = Path(shutil.copy(template, folder / f"{next(numbers)}.db"))
        return World(path)

    return make


@pytest.fixture
def world(make_world: MakeWorld) -> Iterator[World]:
    """A world for one test."""
    made = make_world()
    yield made
    made.close()


@pytest.fixture
def waiting(world: World) -> Waiting:
    """A deployment that waits."""
    return Waiting(world)


@pytest.fixture
def shared(world: World) -> Shared:
    """An app whose deployments share a change."""
    return Shared(world)
