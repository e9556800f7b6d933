"""Requests that nobody sends by accident: they are refused, and never take the server by surprise."""

import pytest
import structlog

from tests.web.stage import Stage

DEEP = 3000
"""Deeper than any decoder follows."""


@pytest.mark.parametrize("path", ["/oauth/token", "/api/v1/setup", "/api/v1/changes/CHG-1/approve"])
@pytest.mark.parametrize("nest", [b"[", b'{"a":'], ids=["arrays", "objects"])
async def test_a_body_nested_too_deeply_is_refused(stage: Stage, path: str, nest: bytes) -> None:
    """Whoever sends endlessly nested JSON, proved or not, is told that it is the request that is wrong."""
    client = stage.client(None, **{"content-type": "application/json"})
    with structlog.testing.capture_logs() as logs:
        reply = await client.post(path, content=b'{"token":' + nest * DEEP)
    assert (reply.status_code, logs) == (400, [])
    assert reply.headers["content-type"] in {"application/json", "application/problem+json"}


@pytest.mark.parametrize("name", ["%00", "icon.svg%00", "a" * 5000, ".icon.svg", "%1b[2J", "a/b", "CON"])
async def test_no_odd_name_of_a_file_reaches_the_system(stage: Stage, name: str) -> None:
    """A file that cannot be ours is not found, and nothing about it gets into the log."""
    with structlog.testing.capture_logs() as logs:
        reply = await stage.client().get(f"/static/{name}")
    assert (reply.status_code, logs) == (404, [])
