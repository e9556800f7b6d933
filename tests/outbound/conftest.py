from collections.abc import AsyncIterator

import pytest

from mitregate.outbound import Outbound
from tests.fakes.sink import Sink
from tests.outbound.asking import LOOPBACK


@pytest.fixture
async def sink() -> AsyncIterator[Sink]:
    """A receiver on loopback."""
    async with Sink() as sink:
        yield sink


@pytest.fixture
async def outbound() -> AsyncIterator[Outbound]:
    """An outbound that may call loopback and does not wait for long."""
    outbound = Outbound(allow=LOOPBACK, timeout=0.5)
    yield outbound
    await outbound.close()


@pytest.fixture
async def guarded() -> AsyncIterator[Outbound]:
    """An outbound that may call public addresses alone."""
    outbound = Outbound(timeout=2.0)
    yield outbound
    await outbound.close()
