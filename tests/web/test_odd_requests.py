"""Requests that nobody sends by accident: they are refused, and never take the server by surprise."""

import time

import pytest
import structlog

from mitregate.core.errors import StoreError
from mitregate.wiring import set_up_logging
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


@pytest.mark.parametrize(
    "path",
    ["/readyz", "/setup", "/api/v1/me", "/rest/deployments/0.1/pipelines/a/environments/b/deployments/1"],
)
async def test_what_the_database_said_stays_in_the_log(stage: Stage, path: str) -> None:
    """Whoever asks while the database fails is not told where it is, nor what it said; the log has both."""

    class Down:
        """A store whose database cannot be reached."""

        async def read(self, _flow: object) -> object:
            """Fail as PostgreSQL does."""
            message = 'connection to server at "10.9.8.7" failed for user "gatekeeper"'
            raise StoreError(message)

    stage.office.store = Down()  # type: ignore[assignment]
    with structlog.testing.capture_logs() as logs:
        reply = await stage.client("admin").get(path)
    assert reply.status_code == 503
    assert reply.headers["retry-after"]
    assert "10.9.8.7" not in reply.text
    assert "gatekeeper" in str(logs)


async def test_what_the_database_said_is_not_told_to_apps(stage: Stage) -> None:
    """An app that asks for an access token while the database fails is not told what that said either."""

    class Down:
        """A store whose database cannot be reached."""

        async def transact(self, _flow: object) -> object:
            """Fail as PostgreSQL does."""
            message = 'connection to server at "10.9.8.7" failed'
            raise StoreError(message)

    stage.office.store = Down()  # type: ignore[assignment]
    form = {"grant_type": "client_credentials", "client_id": "a", "client_secret": "b"}
    with structlog.testing.capture_logs() as logs:
        reply = await stage.client().post("/oauth/token", data=form)
    assert (reply.status_code, reply.json()["error"]) == (503, "temporarily_unavailable")
    assert "10.9.8.7" not in reply.text
    assert "10.9.8.7" in str(logs)


async def test_the_log_commands_no_terminal(stage: Stage, capsys: pytest.CaptureFixture[str]) -> None:
    """What somebody puts into a path does not command the terminal of whoever reads the log."""

    class Down:
        """A store whose database cannot be reached."""

        async def read(self, _flow: object) -> object:
            """Fail."""
            raise StoreError

    stage.office.store = Down()  # type: ignore[assignment]
    set_up_logging("console")
    reply = await stage.client("admin").get("/api/v1/gates/%1b[2J%9b%c2%9b%0aforged%e2%80%ae")
    structlog.reset_defaults()
    said = capsys.readouterr().err
    assert (reply.status_code, said.count("\n")) == (503, 1)
    assert "forged" in said
    assert said.removesuffix("\n").isprintable()


@pytest.mark.parametrize("path", ["/", "/login", "/setup", "/api/v1/me"])
async def test_no_cookie_takes_the_server_s_time(stage: Stage, path: str) -> None:
    """A cookie full of backslashes, which some versions of Python take seconds to read, is passed over at once."""
    cookies = 'mitregate_session="' + "\\" * 30_000 + '"; mitregate_visit="' + "\\" * 30_000 + '"'
    began = time.process_time()
    reply = await stage.client(None, cookie=cookies).get(path)
    assert reply.status_code in {200, 303, 401}
    assert time.process_time() - began < 0.5
