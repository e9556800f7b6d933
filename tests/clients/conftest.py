"""What the clients share: Node, and one server with a person and an app for the tests of a file."""

from collections.abc import Iterator

import pytest

from mitregate.stores.schema import migrate
from tests.acceptance.house import House, open_house
from tests.clients.programs import NodeMissing, find_node
from tests.conftest import IS_CI


@pytest.fixture(scope="session")
def node() -> list[str]:
    """The command that runs a script; where there is no Node its tests are skipped, though never in CI."""
    try:
        return find_node()
    except NodeMissing as missing:
        if IS_CI:
            raise
        pytest.skip(str(missing))


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A house on SQLite."""
    folder = tmp_path_factory.mktemp("house")
    url = f"sqlite:///{folder}/gate.db"
    migrate(url)
    with open_house(folder, url) as house:
        yield house
