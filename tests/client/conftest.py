"""What the tests over sockets share: a server on loopback, and either client at it."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from mitregate.client import ONCE, Proof, Site
from tests.client.asking import CLIENTS, Open, asking
from tests.client.scripted import BEARER, access, gating
from tests.fakes.certificates import Authority
from tests.fakes.sink import Sink, answers


@pytest.fixture
async def sink() -> AsyncIterator[Sink]:
    """A server on loopback, which knows one gating status and gives tokens."""
    async with Sink(default=answers(200, gating("allowed").body)) as sink:
        sink.tell_path("/oauth/token", answers(200, access().body))
        yield sink


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    """A certificate authority that no system knows."""
    return Authority(tmp_path)


@pytest.fixture(params=CLIENTS, ids=lambda kind: kind.__name__)
def opened(request: pytest.FixtureRequest, sink: Sink) -> Open:
    """Open either client at the server on loopback."""

    def opening(proof: Proof | None = BEARER, *, at: str | None = None, **options: Any) -> Any:
        where = at or f"http://127.0.0.1:{sink.port}"
        return asking(request.param, Site.mitregate(where), proof, **{"retries": ONCE, "timeout": 10.0, **options})

    return opening
