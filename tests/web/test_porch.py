"""Behind proxies: who calls, and the path that the proxy gave the server."""

import re
from collections.abc import Sequence
from pathlib import Path

import httpx
import pytest
from msgspec.structs import replace

from mitregate.web import rendering
from mitregate.web.app import make_app
from mitregate.web.throttle import LIMIT
from mitregate.wire.addresses import parse_networks
from tests.web.browsing import FROM_HERE, Browser
from tests.web.stage import BASE_URL, ROOT, Stage

PEER = "192.0.2.7"
"""Where the stage's clients come from."""

ONE = "/rest/deployments/0.1/pipelines/a%2Fb/environments/prod/deployments/1"


def behind_proxies(stage: Stage, networks: str = PEER) -> Stage:
    """Make the stage's server believe proxies in some networks."""
    stage.asgi = make_app(stage.office, trusted_proxies=parse_networks(networks))
    return stage


def below(stage: Stage, path: str = "/gate") -> Stage:
    """Put the stage's server below a path of its host."""
    stage.office.ports = replace(stage.office.ports, base_url=BASE_URL + path)
    stage.asgi = make_app(stage.office)
    return stage


async def origins(stage: Stage) -> list[str]:
    """Tell where the audit log says that actions came from, the newest first."""
    entries = (await stage.client("admin").get("/api/v1/audit")).json()["items"]
    return [entry.get("origin", "") for entry in entries]


# --- who calls ---


@pytest.mark.parametrize(
    ("networks", "headers", "origin"),
    [
        (PEER, {"x-forwarded-for": "203.0.113.7"}, "203.0.113.7"),
        (PEER, {"x-forwarded-for": "1.1.1.1, 203.0.113.7"}, "203.0.113.7"),
        (PEER, {"forwarded": 'for="[2001:db8::5]:4711";proto=https'}, "2001:db8::5"),
        (PEER, {"x-forwarded-for": "nonsense"}, PEER),
        (PEER, {}, PEER),
        ("10.0.0.0/8", {"x-forwarded-for": "203.0.113.7"}, PEER),
        ("", {"x-forwarded-for": "203.0.113.7", "forwarded": "for=203.0.113.7"}, PEER),
    ],
)
async def test_the_audit_log_sees_the_caller(stage: Stage, networks: str, headers: dict[str, str], origin: str) -> None:
    """What is done is on record with the address of who did it, as far as a trusted proxy says it."""
    behind_proxies(stage, networks)
    reply = await stage.client("admin", **headers).post("/api/v1/users", json={"name": "Ann", "role": "viewer"})
    assert reply.status_code == 201
    assert (await origins(stage))[0] == origin


async def test_guesses_are_counted_by_who_makes_them(stage: Stage) -> None:
    """Behind a proxy one caller's guesses are not another one's, and a list of one's own makes no new caller."""
    behind_proxies(stage)

    async def guess(forwarded: str) -> int:
        grant = {"grant_type": "client_credentials", "client_id": "x", "client_secret": "x"}
        return (await stage.client(None, **{"x-forwarded-for": forwarded}).post("/oauth/token", json=grant)).status_code

    assert [await guess(f"1.1.1.{number}, 203.0.113.7") for number in range(LIMIT + 1)] == [401] * LIMIT + [429]
    assert await guess("203.0.113.8") == 401


async def test_a_form_may_come_from_the_host_that_the_proxy_was_called_by(stage: Stage) -> None:
    """A trusted proxy may call the server by another name than people do; from others such a word counts nothing."""
    await stage.submit()
    forwarded = {"x-forwarded-host": "other.test", "x-forwarded-proto": "https"}
    from_there = {**forwarded, "origin": "https://other.test", "sec-fetch-site": "same-origin"}
    for networks, status in ((PEER, 303), ("10.0.0.0/8", 403)):
        browser = Browser(behind_proxies(stage, networks))
        await browser.sign_in("approver")
        form = (await browser.see("/changes/CHG-1")).forms["/changes/CHG-1/comment"]
        reply = await browser.post("/changes/CHG-1/comment", headers=from_there, **form | {"comment": "x"})
        assert reply.status_code == status


@pytest.mark.parametrize(
    "headers",
    [
        {"forwarded": 'for="'},
        {"forwarded": "for=" + "a," * 20_000},
        {"x-forwarded-for": "[" * 5000},
        {"x-forwarded-for": ",", "x-forwarded-proto": ",", "x-forwarded-host": ","},
        {"x-forwarded-host": "a\x01b", "x-forwarded-proto": "é"},
        {"forwarded": ";;=;=,=;", "x-forwarded-for": ""},
    ],
    ids=range(6),
)
async def test_no_header_of_a_proxy_breaks_the_server(stage: Stage, headers: dict[str, str]) -> None:
    """Headers that make no sense are passed over, by whomever they are sent."""
    behind_proxies(stage)
    sent = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
    for path, status in (("/status", 200), ("/login", 200), (ONE, 401)):
        assert (await stage.client().get(path, headers=sent)).status_code == status


# --- below a path ---


@pytest.mark.parametrize("prefix", ["", "/gate"], ids=["stripped", "as it came"])
@pytest.mark.parametrize(
    ("who", "path", "status"),
    [
        ("ci", ONE, 404),
        ("ci", "/jira/deployments/0.1/cloud/cloud/pipelines/a/environments/b/deployments/1/gating-status", 404),
        ("ci", "/rest/builds/0.1/bulk", 403),
        (None, "/status", 200),
        (None, "/_edge/tenant_info", 200),
        (None, "/healthz", 200),
        ("admin", "/api/v1/me", 200),
        (None, "/login", 200),
        (None, "/static/mitregate.css", 200),
        (None, "/nothing", 404),
    ],
)
async def test_the_proxy_may_take_the_path_off_or_leave_it(
    stage: Stage, prefix: str, who: str | None, path: str, status: int
) -> None:
    """Every door opens with the path of the address before it, and without."""
    reply = await below(stage).client(who).get(prefix + path)
    assert reply.status_code == status


async def test_ids_keep_their_slashes_below_a_path(stage: Stage) -> None:
    """An id that holds a slash is found below a path as it is without one."""
    deployment = {"pipeline": {"id": "a/b"}, "environment": {"id": "prod"}, "deploymentSequenceNumber": 1}
    client = below(stage).client("ci")
    rejected = (await client.post("/gate/rest/deployments/0.1/bulk", json={"deployments": [deployment]})).json()
    assert rejected["rejectedDeployments"][0]["key"]["pipelineId"] == "a/b"
    assert (await client.delete("/gate" + ONE)).status_code == 202


@pytest.mark.parametrize("path", ["/gates", "/gatekeeper/login", "/other/login", "/gate%2Flogin", "/gateau"])
async def test_another_path_is_not_taken_for_it(stage: Stage, path: str) -> None:
    """What only begins like the path of the address is something else."""
    assert (await below(stage).client().get(path)).status_code == 404


@pytest.mark.parametrize("base", ["/jira", "/rest", "/api", "/gate/way"])
async def test_the_path_may_look_like_one_of_ours(stage: Stage, base: str) -> None:
    """Under a path that our own begin with, too, requests arrive, whether the proxy takes it off or not."""
    client = below(stage, base).client("ci")
    on_premises = ONE.replace("/rest/deployments/0.1", "/jira/deployments/0.1/cloud/cloud")
    for prefix in ("", base):
        assert (await client.delete(prefix + ONE)).status_code == 202
        assert (await client.delete(prefix + on_premises)).status_code == 202
        assert (await client.get(f"{prefix}/api/v1/me")).json()["kind"] == "app"


def leading_out(page_links: Sequence[str], base: str) -> list[str]:
    """List the links of a page that leave the path."""
    return [link for link in page_links if link.startswith("/") and not link.startswith(f"{base}/")]


async def test_pages_work_below_a_path(stage: Stage) -> None:
    """Links, forms, redirects and cookies of the pages carry the path, so that a person gets through all of them."""
    gate = await below(stage).submit()
    browser = Browser(stage)
    sent = await browser.client.get("/gate/changes/CHG-1")
    assert (sent.status_code, sent.headers["location"]) == (303, "/gate/login?next=/changes/CHG-1")
    signed_in = await browser.send(sent.headers["location"], "/gate/login", token=stage.tokens["admin"])
    assert signed_in.headers["location"] == "/gate/changes/CHG-1"
    assert "Path=/gate" in signed_in.headers["set-cookie"]
    for path in ("/gate", "/gate/", "/gate/changes/CHG-1", f"/gate/gates/{gate.id}", "/gate/api/docs", "/gate/setup"):
        page = await browser.see(path)
        places = [
            given[name] for _, given in page.tags for name in ("href", "src", "action", "formaction") if name in given
        ]
        assert "/gate/static/mitregate.css" in places
        assert leading_out(places, "/gate") == []
    approved = await browser.send("/gate/changes/CHG-1", "/gate/changes/CHG-1/approve")
    assert approved.headers["location"] == "/gate/changes/CHG-1?said=approved"
    assert "Approved." in (await browser.follow(approved)).text
    missing = await browser.post("/gate/changes/CHG-1/approve", FROM_HERE, form_token="x")
    assert '<a href="/gate/changes/CHG-1">Back to the change</a>' in missing.text
    out = await browser.send("/gate/", "/gate/logout")
    assert out.headers["location"] == "/gate/login?said=signed-out"


async def test_links_elsewhere_carry_the_path(stage: Stage) -> None:
    """The links in a gating status and in the API lead below the path as well."""
    gate = await below(stage).submit()
    status = await stage.client("ci").get(
        "/gate/rest/deployments/0.1/pipelines/pipe/environments/prod/deployments/1/gating-status"
    )
    assert status.json()["details"][0]["issueLink"] == f"{BASE_URL}/gate/changes/CHG-1"
    assert (
        (await stage.client("admin").get(f"/gate/api/v1/gates/{gate.id}"))
        .json()["link"]
        .startswith(f"{BASE_URL}/gate/")
    )
    assert (await stage.client().get("/gate/api/openapi.json")).json()["servers"] == [{"url": f"{BASE_URL}/gate"}]


def test_no_template_forgets_the_path() -> None:
    """Every link to a page of ours begins with the path of the address."""
    templates = list((Path(rendering.__file__).parent / "templates").glob("*.html"))
    assert templates
    bare = re.compile(r"""(?:href|src|action|formaction)=["'](?:/|\{\{ here)""")
    assert [found for page in templates for found in bare.findall(page.read_text(encoding="utf-8"))] == []


# --- over https ---


@pytest.mark.parametrize(
    ("base", "told"),
    [
        ("http://gate.test", False),
        ("https://gate.test", True),
        ("https://gate.test:443/gate", True),
        ("https://ci.test:8470", False),
    ],
)
async def test_browsers_are_told_to_keep_to_https(stage: Stage, base: str, told: bool) -> None:
    """Where people reach the server over https, browsers are told to ask by nothing else, unless ports are shared."""
    stage.office.ports = replace(stage.office.ports, base_url=base)
    for path in ("/login", "/api/v1/about", "/nothing", "/static/icon.svg"):
        reply: httpx.Response = await stage.client().get(path)
        assert ("strict-transport-security" in reply.headers) is told


async def test_a_local_caller_needs_no_proxy(stage: Stage) -> None:
    """A caller inside the process, who has no address, is let through."""
    behind_proxies(stage)
    app, sent = stage.asgi, []

    async def send(message: dict[str, object]) -> None:
        sent.append(message)

    scope: dict[str, object] = {
        "type": "http",
        "method": "GET",
        "path": "/status",
        "raw_path": b"/status",
        "headers": [],
        "client": None,
    }
    await app({**scope, "mitregate.principal": ROOT}, None, send)
    assert sent[0]["status"] == 200
