"""The edges of what Jira's clients ask for: too much, by the wrong method, of the wrong API, in an odd form."""

import json
from typing import Any

import httpx
import pytest
import structlog

from mitregate.core.errors import StoreError
from mitregate.web.deployments import BODY_LIMIT
from mitregate.web.plain import allow
from tests.web.stage import BASE_URL, Stage

BULK = "/rest/deployments/0.1/bulk"
ONE = "/rest/deployments/0.1/pipelines/pipe/environments/prod/deployments/1"
FAMILIES = ["", "/ex/jira/cloud"]
PROVIDED = ["builds/0.1", "devinfo/0.10", "featureflags/0.1", "remotelinks/1.0", "security/1.0", "operations/1.0"]
METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE", "TRACE", "PROPFIND"]


def errors_in(reply: httpx.Response) -> list[str]:
    """Check that a reply is a bare array of errors; give their messages."""
    assert reply.headers["content-type"] == "application/json"
    shown = reply.json()
    assert isinstance(shown, list)
    assert shown
    return [error["message"] for error in shown]


def failure_in(reply: httpx.Response) -> str:
    """Check that a reply is an error of the platform's; give its message."""
    assert reply.headers["content-type"] == "application/json"
    shown = reply.json()
    assert set(shown) == {"errorMessages", "errors"}
    (message,) = shown["errorMessages"]
    assert isinstance(message, str)
    return message


# --- too much ---


async def test_a_body_that_is_too_large_is_refused_as_jira_does(stage: Stage) -> None:
    """A submission of more than 8 MiB is answered 413, with a bare array."""
    reply = await stage.client("ci").post(BULK, content=b" " * (BODY_LIMIT + 1))
    assert reply.status_code == 413
    assert "Send fewer deployments" in errors_in(reply)[0]


@pytest.mark.parametrize("count", [101, 1_000_000])
async def test_too_many_deployments_are_refused_as_jira_does(stage: Stage, count: int) -> None:
    """A submission of more than a hundred deployments is answered 413, with a bare array, however many they are."""
    reply = await stage.client("ci").post(BULK, content=b'{"deployments":[{}' + b",{}" * (count - 1) + b"]}")
    assert reply.status_code == 413
    assert "100" in errors_in(reply)[0]


# --- the wrong method ---


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize(
    ("path", "methods"),
    [
        (BULK, ["POST"]),
        (BULK + "ByProperties?a=b", ["DELETE"]),
        (ONE, ["DELETE", "GET"]),
        (f"{ONE}/gating-status", ["GET"]),
    ],
    ids=["bulk", "by-properties", "one", "gating-status"],
)
async def test_a_wrong_method_is_refused_as_jira_does(stage: Stage, family: str, path: str, methods: list[str]) -> None:
    """A path asked with a method that it has not is answered 405, with a bare array, and with those that it has."""
    for method in set(METHODS) - set(methods):
        reply = await stage.client("ci").request(method, family + path)
        assert (reply.status_code, reply.headers["allow"]) == (405, allow(methods))
        assert errors_in(reply) == [
            f"The method {method} is not allowed here; allowed: {', '.join(sorted(methods, reverse=True))}."
        ]


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        (BULK, "OPTIONS, POST"),
        (ONE, "DELETE, GET, HEAD, OPTIONS"),
        ("/oauth/token", "OPTIONS, POST"),
        ("/status", "GET, HEAD, OPTIONS"),
        ("/_edge/tenant_info", "GET, HEAD, OPTIONS"),
        ("/oauth/token/accessible-resources", "GET, HEAD, OPTIONS"),
        ("/api/v1/gates", "GET, HEAD, OPTIONS"),
        ("/api/v1/apps", "GET, HEAD, OPTIONS, POST"),
        ("/api/v1/apps/1", "DELETE, OPTIONS, PATCH"),
        ("/api/v1/settings", "GET, HEAD, OPTIONS, PUT"),
        ("/static/icon.svg", "GET, HEAD, OPTIONS"),
    ],
)
async def test_options_are_told(stage: Stage, path: str, allowed: str) -> None:
    """OPTIONS says which methods a path has, and promises nothing to other sites."""
    reply = await stage.client(None, origin="https://evil.example").options(path)
    assert (reply.status_code, reply.content, reply.headers["allow"]) == (204, b"", allowed)
    assert not [name for name in reply.headers if name.startswith("access-control")]


@pytest.mark.parametrize(
    ("who", "path"),
    [
        ("ci", ONE),
        ("ci", f"{ONE}/gating-status"),
        ("ci", f"{ONE}0"),
        (None, ONE),
        (None, BULK),
        (None, "/status"),
        (None, "/_edge/tenant_info"),
        (None, "/healthz"),
        ("admin", "/api/v1/gates"),
        (None, "/login"),
        (None, "/static/icon.svg"),
        (None, "/nothing"),
        (None, "/rest/api/3/user"),
    ],
)
async def test_head_is_get_without_a_body(stage: Stage, who: str | None, path: str) -> None:
    """HEAD has the status and the headers of GET, the length among them, and no body."""
    await stage.submit()
    got, head = await stage.client(who).get(path), await stage.client(who).head(path)
    assert (head.status_code, set(head.headers)) == (got.status_code, set(got.headers))
    assert [name for name in got.headers if got.headers[name] != head.headers[name] and name != "set-cookie"] == []
    assert (head.content, len(got.content) > 0) == (b"", True)


# --- the wrong API ---


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
@pytest.mark.parametrize("kind", PROVIDED)
async def test_what_is_not_taken_is_refused_in_words(stage: Stage, kind: str, method: str) -> None:
    """Builds and the like are answered 401 to strangers and 403 to apps, with a bare array that says why."""
    name = kind.partition("/")[0]
    for path in (f"/rest/{kind}/bulk", f"/jira/{name}/0.1/cloud/cloud/bulk", f"/ex/jira/cloud/rest/{kind}/bulk"):
        stranger = await stage.client().request(method, path)
        assert (stranger.status_code, bool(errors_in(stranger))) == (401, True)
        assert stranger.headers["www-authenticate"].startswith("Bearer")
        reply = await stage.client("ci").request(method, path)
        assert reply.status_code == 403
        assert "Mitregate takes deployments only" in errors_in(reply)[0]


@pytest.mark.parametrize(
    "path",
    ["/rest/api/3/user?accountId=1&expand=groups", "/rest/api/2/myself", "/ex/jira/cloud/rest/api/3/issue", "/rest/"],
)
async def test_the_platform_s_api_is_not_served(stage: Stage, path: str) -> None:
    """Whoever asks for users or issues is answered 401 or 404, in the platform's own shape."""
    stranger, reply = await stage.client().get(path), await stage.client("ci").get(path)
    assert (stranger.status_code, reply.status_code) == (401, 404)
    assert "token" in failure_in(stranger)
    assert "not served here" in failure_in(reply)


@pytest.mark.parametrize(
    "path", [f"{BULK}/x", "/jira/deployments/0.1/bulk", "/ex/jira/cloud/rest/deployments/0.2/bulk"]
)
async def test_an_unknown_path_of_the_deployments_api_is_a_bare_array(stage: Stage, path: str) -> None:
    """A path that the Deployments API does not have is answered 404, with a bare array."""
    reply = await stage.client("ci").post(path, json={})
    assert (reply.status_code, len(errors_in(reply))) == (404, 1)


@pytest.mark.parametrize(
    ("failure", "status"), [(StoreError("secret"), 503), (ZeroDivisionError("secret"), 500)], ids=["down", "surprise"]
)
@pytest.mark.parametrize("path", [ONE, "/rest/builds/0.1/bulk", "/rest/api/3/user"])
async def test_trouble_of_our_own_keeps_the_shape(stage: Stage, path: str, failure: Exception, status: int) -> None:
    """When the database fails, or something that nobody foresaw, the answer keeps its shape and tells no secret."""

    class Failing:
        """A store that fails."""

        async def read(self, _flow: object) -> object:
            """Fail."""
            raise failure

    stage.office.store = Failing()  # type: ignore[assignment]
    with structlog.testing.capture_logs() as logs:
        reply = await stage.client("ci").get(path)
    assert reply.status_code == status
    assert reply.headers["content-type"] == "application/json"
    assert ("retry-after" in reply.headers) is (status == 503)
    assert "secret" not in reply.text
    assert "secret" in str([entry.get("detail") or entry["exc_info"] for entry in logs])
    if status == 500:
        assert logs[0]["trace_id"] in reply.text


# --- in an odd form ---


@pytest.mark.parametrize("kind", [None, "text/plain", "application/x-www-form-urlencoded", "application/jwt", "?", ""])
async def test_a_submission_may_say_anything_of_its_kind(stage: Stage, kind: str | None) -> None:
    """A submission is read as JSON whatever its content type says, as sloppy clients need it."""
    headers = {} if kind is None else {"content-type": kind}
    reply = await stage.client("ci", **headers).post(BULK, content=b'{"deployments":[{}]}')
    assert (reply.status_code, len(reply.json()["rejectedDeployments"])) == (202, 1)


@pytest.mark.parametrize("kind", [None, "text/plain", "application/json", "application/x-www-form-urlencoded"])
async def test_json_is_recognised_at_the_token_s_door(stage: Stage, kind: str | None) -> None:
    """Client credentials in JSON are understood whatever the content type says, such as that of `curl -d`."""
    made = await stage.add_app("other")
    grant: dict[str, Any] = {
        "grant_type": "client_credentials",
        "client_id": made.app.client_id,
        "client_secret": made.client_secret,
    }
    headers = {} if kind is None else {"content-type": kind}
    reply = await stage.client(None, **headers).post("/oauth/token", content=b" \n" + json.dumps(grant).encode())
    assert (reply.status_code, reply.json().get("token_type")) == (200, "Bearer")


async def test_a_token_reaches_one_site(stage: Stage) -> None:
    """Whoever asks which sites a token reaches is named this one, with its cloud id and what the token may do there."""
    path = "/oauth/token/accessible-resources"
    (site,) = (await stage.client("ci").get(path)).json()
    assert site == {
        "id": "cloud",
        "url": BASE_URL,
        "name": "Mitregate",
        "scopes": ["delete:deployment-info:jira", "read:deployment-info:jira", "write:deployment-info:jira"],
        "avatarUrl": f"{BASE_URL}/static/icon.svg",
    }
    assert (await stage.client("admin").get(path)).json() == [{**site, "scopes": []}]
    refused = await stage.client().get(path)
    assert (refused.status_code, refused.json()["errorMessages"][0][:18]) == (401, "No token was sent.")
