"""Errors and headers of the native API, whoever raises them."""

from typing import Any

import httpx
import pytest
import structlog

from mitregate.wiring import set_up_logging
from tests.web.stage import Stage

PATHS = ["/api/v1/gates", "/api/v1/changes", "/api/v1/apps", "/api/v1/me", "/api/v1/gates/x/wait"]


def problem_in(reply: httpx.Response) -> dict[str, Any]:
    """Check that a reply is problem details; give them."""
    assert reply.headers["content-type"] == "application/problem+json"
    shown: dict[str, Any] = reply.json()
    assert {"type", "title", "status", "detail", "advice"} <= set(shown)
    assert shown["status"] == reply.status_code
    assert all(shown.values())
    return shown


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    "headers",
    [{}, {"authorization": "Bearer x"}, {"authorization": "Basic YTpi"}, {"authorization": "Bearer"}],
    ids=["nothing", "unknown", "basic", "empty"],
)
async def test_whoever_proves_nothing_is_told_how(stage: Stage, path: str, headers: dict[str, str]) -> None:
    """Without a valid bearer token every route of the API answers 401 and names the scheme."""
    reply = await stage.client(None, **headers).get(path)
    assert reply.status_code == 401
    assert problem_in(reply)["type"] == "urn:mitregate:problem:Unproven"
    assert reply.headers["www-authenticate"].startswith("Bearer")


async def test_a_cookie_does_not_open_the_api(stage: Stage) -> None:
    """A session's cookie counts for the pages alone, so that no other site can use the API in a person's name."""
    cookie = {"cookie": f"mitregate_session={stage.tokens['admin']}"}
    reply = await stage.client(None, **cookie).post("/api/v1/users", json={"name": "Eve", "role": "admin"})
    assert reply.status_code == 401


@pytest.mark.parametrize("path", ["/api/v1/nothing", "/api/", "/api/v2/gates", "/api/v1/gates/x/y/z"])
async def test_an_unknown_path_is_a_problem(stage: Stage, path: str) -> None:
    """A path of the API that does not exist is answered with 404 as problem details."""
    reply = await stage.client("admin").get(path)
    assert reply.status_code == 404
    problem_in(reply)


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [("DELETE", "/api/v1/gates", "GET"), ("GET", "/api/v1/setup", "POST"), ("POST", "/healthz", "GET")],
)
async def test_a_wrong_method_is_a_problem(stage: Stage, method: str, path: str, allowed: str) -> None:
    """A method that does not exist is answered with 405 as problem details, and with those that do."""
    reply = await stage.client("admin").request(method, path)
    assert reply.status_code == 405
    assert problem_in(reply)["type"] == "urn:mitregate:problem:MethodNotAllowed"
    assert allowed in reply.headers["allow"]


@pytest.mark.parametrize("body", [b"{", b"", b"null", b'"x"', b"\xff"])
async def test_a_body_that_is_no_object_is_a_problem(stage: Stage, body: bytes) -> None:
    """A body that is not a JSON object is answered with 400 as problem details."""
    reply = await stage.client("admin").post("/api/v1/users", content=body)
    assert reply.status_code == 400
    assert problem_in(reply)["type"] == "urn:mitregate:problem:Malformed"


async def test_a_body_that_is_too_large_is_a_problem(stage: Stage) -> None:
    """A body of more than a mebibyte is answered with 413 as problem details."""
    reply = await stage.client("admin").post("/api/v1/users", content=b" " * (1024 * 1024 + 1))
    assert reply.status_code == 413
    assert problem_in(reply)["type"] == "urn:mitregate:problem:TooLarge"


async def test_what_nobody_foresaw_stays_in_the_log(stage: Stage) -> None:
    """An unforeseen error leaves with a trace id and nothing else; the log has the traceback under that id."""

    class Broken:
        """A store that fails as no store should."""

        async def read(self, _flow: Any) -> None:
            secret = "password=hunter2"
            raise ZeroDivisionError(secret)

    client = stage.client("admin")
    stage.office.store = Broken()  # type: ignore[assignment]
    with structlog.testing.capture_logs() as logs:
        reply = await client.get("/api/v1/gates")
    assert reply.status_code == 500
    shown = problem_in(reply)
    assert "hunter2" not in reply.text
    assert [(entry["trace"], type(entry["exc_info"])) for entry in logs] == [(shown["trace"], ZeroDivisionError)]
    with structlog.testing.capture_logs():
        page = await stage.client().get("/setup")
    assert (page.status_code, "hunter2" in page.text) == (500, False)


@pytest.mark.parametrize(
    "path", ["/api/v1/about", "/api/v1/gates", "/api/v1/nothing", "/login", "/nothing", "/static/mitregate.css"]
)
async def test_every_reply_carries_the_headers_that_protect(stage: Stage, path: str) -> None:
    """Pages, API, errors and files all say what a browser may do with them."""
    headers = (await stage.client().get(path)).headers
    policy = headers["content-security-policy"]
    assert "default-src 'self'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert headers["x-frame-options"] == "DENY"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "same-origin"
    assert ("cache-control" in headers) is (not path.startswith("/static/"))


async def test_files_are_served_from_their_folder_only(stage: Stage) -> None:
    """No path leads out of the folder of files."""
    client = stage.client()
    assert (await client.get("/static/mitregate.css")).headers["content-type"].startswith("text/css")
    assert (await client.get("/static/icon.svg")).headers["content-type"] == "image/svg+xml"
    for path in ("/static/../native.py", "/static/%2e%2e/native.py", "/static/..%2fnative.py", "/static/"):
        assert (await client.get(path)).status_code == 404


@pytest.mark.parametrize("log_format", ["console", "json"])
async def test_the_log_keeps_no_token(stage: Stage, log_format: str, capsys: pytest.CaptureFixture[str]) -> None:
    """What the log says of an unforeseen error names the place, but not the token that was sent."""

    class Broken:
        """A store that fails as no store should."""

        async def read(self, _flow: Any) -> None:
            raise ZeroDivisionError

    client = stage.client("admin")
    stage.office.store = Broken()  # type: ignore[assignment]
    set_up_logging(log_format)
    try:
        assert (await client.get("/api/v1/gates")).status_code == 500
    finally:
        structlog.reset_defaults()
    said = capsys.readouterr().err
    assert "ZeroDivisionError" in said
    assert "auth.py" in said
    assert stage.tokens["admin"] not in said
