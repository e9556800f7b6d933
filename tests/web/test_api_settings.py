"""Settings as code over the native API: the rules, the apps and the users as one document."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
import yaml

from mitregate.flows import jenkins
from tests.web.connecting import Host, open_host
from tests.web.stage import ROOT, Stage
from tests.wire.rulebooks import WHOLE_TEXT

SETTINGS = "/api/v1/settings"
APPS = "apps: [{name: ci}, {name: gitlab, scopes: [write], callback_url: 'https://ci.example.com/hook'}]"


@pytest.fixture
async def host(stage: Stage) -> AsyncIterator[Host]:
    """A stage with a Connect app beside it."""
    async with open_host(stage) as host:
        yield host


async def put(stage: Stage, text: str, query: str = "", who: str = "admin", **headers: str) -> Any:
    """Send settings as YAML."""
    sent = {"content-type": "application/yaml", **headers}
    return await stage.client(who, **sent).put(f"{SETTINGS}{query}", content=text)


async def test_settings_are_read_as_they_are(stage: Stage) -> None:
    """All sections are given, as YAML or JSON, with a tag for all of it and without any secret; a revision is rules."""
    await put(stage, WHOLE_TEXT)
    await stage.office.transact(ROOT, jenkins.add_server, "jenkins")
    reply = await stage.client("admin", accept="application/yaml").get(SETTINGS)
    assert reply.headers["content-type"].startswith("application/yaml")
    read = yaml.safe_load(reply.text)
    assert read["apps"] == [{"name": "ci"}, {"name": "jenkins", "kind": "jenkins"}]
    assert {"name": "viewer", "role": "viewer"} in read["users"]
    as_json = await stage.client("admin").get(SETTINGS)
    assert (as_json.headers["etag"], as_json.headers["vary"]) == (reply.headers["etag"], "accept")
    assert as_json.json()["freezes"][0]["name"] == "year end"
    assert as_json.json()["apps"] == read["apps"]
    for secret in ("secret", "hash", "client"):
        assert secret not in reply.text
    earlier = await stage.client("admin").get(f"{SETTINGS}?revision=0")
    assert (any(earlier.json().values()), "apps" in earlier.json(), "etag" in earlier.headers) == (False, False, False)
    assert (await stage.client("admin").get(f"{SETTINGS}?revision=9")).status_code == 404


async def test_whoever_views_sees_the_rules_alone(stage: Stage) -> None:
    """Apps and users are for administrators; an app sees nothing, and nobody else puts anything in force."""
    seen = (await stage.client("viewer").get(SETTINGS)).json()
    assert ("freezes" in seen, "apps" in seen, "users" in seen) == (True, False, False)
    assert (await stage.client("ci").get(SETTINGS)).status_code == 403
    for who in ("change_manager", "ci"):
        for query in ("", "?dryRun=true"):
            assert (await put(stage, "groups: []", query, who)).status_code == 403


async def test_settings_that_were_read_change_nothing(stage: Stage) -> None:
    """What was read can be put back, as YAML or JSON, and nothing is changed, even with pruning."""
    await put(stage, WHOLE_TEXT + APPS)
    client = stage.client("admin", accept="application/yaml")
    reply = await client.get(SETTINGS)
    again = (await put(stage, reply.text, "?prune=true", **{"if-match": reply.headers["etag"]})).json()
    assert again == {
        "version": reply.headers["etag"].strip('"'),
        "revision": 1,
        "isChanged": False,
        "isDryRun": False,
        "changes": [],
        "left": [],
        "untouched": [],
    }
    as_json = (await stage.client("admin").get(SETTINGS)).json()
    assert (await stage.client("admin").put(f"{SETTINGS}?dryRun=true", json=as_json)).json()["isChanged"] is False


async def test_secrets_are_shown_once(stage: Stage) -> None:
    """Apps that are added come with secrets that work, once; a dry run has none."""
    planned = (await put(stage, APPS, "?dryRun=true")).json()
    assert [(one["step"], one["name"]) for one in planned["changes"]] == [("add", "gitlab")]
    assert "secrets" not in planned
    done = (await put(stage, APPS + "\nusers: [{name: admin, role: admin}]")).json()
    (secrets,) = done["secrets"]
    assert set(secrets) == {"id", "name", "clientId", "clientSecret", "signingSecret"}
    pair = {"client_id": secrets["clientId"], "client_secret": secrets["clientSecret"]}
    reply = await stage.client().post("/oauth/token", json={"grant_type": "client_credentials", **pair})
    assert reply.json()["scope"] == "write:deployment-info:jira"
    assert len(done["left"]) == 5
    assert {"section": "users", "name": "viewer"} in done["left"]
    assert "secrets" not in (await put(stage, APPS)).json()
    done = (await put(stage, "apps: [{name: jenkins, kind: jenkins}]")).json()
    assert {"siteName", "webhookUrl", "secret"} < set(done["secrets"][0])
    audit = (await stage.client("auditor").get("/api/v1/audit?limit=200")).text
    for secret in (secrets["clientSecret"], secrets["signingSecret"], done["secrets"][0]["secret"]):
        assert secret not in audit


async def test_a_dry_run_says_what_pruning_removes(stage: Stage) -> None:
    """The plan counts the deployments that go with an app, and those that wait; pruning removes them."""
    await stage.submit(1)
    await stage.submit(2)
    planned = (await put(stage, "apps: []", "?dryRun=true")).json()
    assert (planned["isChanged"], planned["left"]) == (False, [{"section": "apps", "name": "ci"}])
    assert "removals" not in planned
    planned = (await put(stage, "apps: []", "?dryRun=true&prune=true")).json()
    assert planned["removals"] == [{"app": "ci", "deployments": 2, "waiting": 2}]
    assert (planned["waiting"], planned["isDryRun"]) == (2, True)
    done = (await put(stage, "apps: []", "?prune=true")).json()
    assert (done["isChanged"], done["left"]) == (True, [])
    assert (await stage.client("admin").get("/api/v1/apps")).json()["items"] == []


async def test_whoever_is_slower_is_refused(stage: Stage) -> None:
    """Settings planned against another version are refused with 409: a rule, an app or a user has changed since."""
    seen = (await put(stage, "apps: []", "?dryRun=true")).json()["version"]
    await stage.add_app("new")
    refused = await put(stage, "apps: []", "?prune=true", **{"if-match": f'"{seen}"'})
    assert (refused.status_code, refused.json()["advice"]) == (409, "Look at the plan as it is now: apply it again.")
    seen = (await put(stage, "apps: []", "?dryRun=true")).json()["version"]
    assert (await put(stage, "apps: []", "?prune=true", **{"if-match": f'W/"{seen}"'})).status_code == 200
    assert (await put(stage, "users: []", **{"if-match": "*"})).status_code == 200
    assert (await put(stage, "users: []", **{"if-match": '"3"'})).status_code == 400


async def test_administrators_stay_what_they_are(stage: Stage) -> None:
    """Whoever applies settings cannot be removed or demoted by them."""
    for text in ("users: []", "users: [{name: admin, role: viewer}]"):
        refused = await put(stage, text, "?prune=true")
        assert (refused.status_code, "Leave yourself in the file" in refused.json()["advice"]) == (403, True)
    assert (await stage.client("admin").get("/api/v1/me")).json()["role"] == "admin"


async def test_faults_are_told_with_their_lines(stage: Stage) -> None:
    """Every fault is told with line and column, those with what there is, too, and nothing is changed."""
    reply = await put(stage, "freezes:\n  - name: x\n    wen: 3\napps:\n  - name: ci\n    kind: jenkin\n")
    assert reply.status_code == 400
    first, second = reply.json()["detail"].splitlines()
    assert first.startswith("line 3, column 5: freezes[0]: there is no key 'wen' here")
    assert second.startswith("line 6, column 11: apps[0].kind: must be one of oauth, connect, jenkins")
    reply = await put(stage, "groups: [{name: a}]\napps:\n  - name: ci\n    kind: jenkins\n")
    assert reply.json()["detail"].startswith("line 4, column 11: apps[0].kind: There is an app 'ci' of the kind oauth")
    assert (await stage.client("viewer").get(SETTINGS)).json()["groups"] == []


async def test_the_form_must_be_said(stage: Stage) -> None:
    """Without a content type of its own a body is not guessed at; too long a one is refused."""
    reply = await stage.client("admin").put(SETTINGS, content=b"{}")
    assert (reply.status_code, reply.json()["detail"]) == (400, "The form of the settings is not said.")
    assert (await put(stage, "#" * (600 * 1024))).status_code == 413


async def test_the_schema_is_open_to_editors(stage: Stage) -> None:
    """The schema needs no token, for editors have none."""
    found = (await stage.client().get(f"{SETTINGS}/schema")).json()
    assert found["$defs"]["DeclaredApp"]["properties"]["scopes"]["items"]["enum"][:3] == ["read", "write", "delete"]


async def test_connect_apps_are_told_what_happens_to_them(host: Host) -> None:
    """Settings disable, enable and remove a Connect app, which is told of it afterwards; they never install one."""
    text = (
        f"apps:\n  - {{name: ci}}\n  - {{name: Deployer, kind: connect, descriptor_url: '{host.app.descriptor_url}'}}\n"
    )
    refused = await put(host.stage, text)
    assert refused.json()["detail"].startswith("line 3, column 5: apps[1]: The Connect app 'Deployer' is not installed")
    assert f"Run `mitregate app install {host.app.descriptor_url}` first." in refused.json()["detail"]
    await host.installed()
    assert (await put(host.stage, text)).json()["isChanged"] is False
    exported = (await host.stage.client("admin").get(SETTINGS)).json()["apps"]
    assert exported[0] == {"name": "Deployer", "kind": "connect", "descriptor_url": host.app.descriptor_url}
    for enabled, event in (("false", "disabled"), ("true", "enabled")):
        done = (await put(host.stage, text.replace("kind: connect", f"kind: connect, enabled: {enabled}"))).json()
        assert [(told["app"], told["event"], told["reception"]) for told in done["told"]] == [
            ("Deployer", event, "taken")
        ]
        assert host.app.events[-1].path == f"/{event}"
    done = (await put(host.stage, "apps: [{name: ci}]", "?prune=true")).json()
    assert [told["event"] for told in done["told"]] == ["uninstalled"]
    assert await host.listed() == []
