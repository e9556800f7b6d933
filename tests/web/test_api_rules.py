"""The rulebook and its freezes over the native API."""

from typing import Any

import pytest
import yaml

from mitregate.wire.rulebook import read_rulebook
from mitregate.wire.rulebook_text import as_written, write_yaml
from tests.web.stage import Stage
from tests.wire.rulebooks import WHOLE, WHOLE_TEXT

RULES, FREEZES = "/api/v1/rules", "/api/v1/freezes"
SITE = "/jira/deployments/0.1/cloud/cloud"
YAML = {"content-type": "application/yaml"}


async def put(stage: Stage, text: str | bytes, who: str = "admin", query: str = "", **headers: str) -> Any:
    """Send a rulebook as YAML."""
    return await stage.client(who, **(YAML | headers)).put(f"{RULES}{query}", content=text)


async def test_rules_are_read_as_they_were_put(stage: Stage) -> None:
    """A rulebook that is put is given back, as YAML or JSON, with its revision as the tag."""
    reply = await put(stage, WHOLE_TEXT)
    assert reply.status_code == 200
    assert (reply.json()["revision"], reply.json()["isChanged"], reply.json()["isDryRun"]) == (1, True, False)
    read = await stage.client("viewer", accept="application/yaml").get(RULES)
    assert read.headers["content-type"].startswith("application/yaml")
    assert (read.headers["etag"], read.headers["vary"]) == ('"1"', "accept")
    assert read_rulebook(read.content) == WHOLE
    as_json = await stage.client("viewer").get(RULES)
    assert as_json.headers["content-type"] == "application/json"
    assert as_json.json() == as_written(WHOLE)


async def test_rules_can_be_put_as_json(stage: Stage) -> None:
    """The same keys are taken as JSON."""
    reply = await stage.client("admin").put(RULES, json=as_written(WHOLE))
    assert reply.json()["revision"] == 1
    assert read_rulebook((await stage.client("viewer", accept="text/yaml").get(RULES)).content) == WHOLE


async def test_nothing_is_written_twice(stage: Stage) -> None:
    """The same rules again make no new revision, and say so."""
    await put(stage, WHOLE_TEXT)
    again = (await put(stage, write_yaml(WHOLE))).json()
    assert again == {"revision": 1, "isChanged": False, "isDryRun": False, "changes": []}


async def test_a_dry_run_says_what_would_change(stage: Stage) -> None:
    """A dry run names every difference and counts the gates that would be held, and changes nothing."""
    await stage.submit()
    text = "freezes: [{name: now, when: {start: 2026-02-01}}]"
    plan = (await put(stage, text, query="?dryRun=true")).json()
    assert (plan["revision"], plan["isChanged"], plan["isDryRun"]) == (0, True, True)
    assert (plan["waiting"], plan["held"], plan["freed"]) == (1, 1, 0)
    (change,) = plan["changes"]
    assert (change["step"], change["section"], change["name"]) == ("add", "freezes", "now")
    assert "before" not in change
    assert (await stage.client("viewer").get(RULES)).json() == {}
    await put(stage, text)
    plan = (await put(stage, "{}", query="?dryRun=true")).json()
    assert (plan["waiting"], plan["held"], plan["freed"]) == (1, 0, 1)


@pytest.mark.parametrize("condition", ["query", "header", "weak"])
async def test_whoever_is_slower_is_refused(stage: Stage, condition: str) -> None:
    """Rules made from another revision are refused with 409, by the tag or the number; from the current one taken."""
    await put(stage, WHOLE_TEXT)

    async def put_at(revision: int) -> Any:
        headers = {"header": {"if-match": f'"{revision}"'}, "weak": {"if-match": f'W/"{revision}"'}}.get(condition, {})
        query = f"?revision={revision}" if condition == "query" else ""
        return await put(stage, "{}", query=query, **headers)

    refused = await put_at(0)
    assert (refused.status_code, refused.json()["detail"]) == (
        409,
        "The rules are not at revision 0, but at 1 by admin.",
    )
    assert (await put_at(1)).json()["revision"] == 2


async def test_any_revision_may_be_wanted(stage: Stage) -> None:
    """`If-Match: *` takes whatever there is; what is no tag is refused."""
    assert (await put(stage, "{}", **{"if-match": "*"})).status_code == 200
    refused = await put(stage, "{}", **{"if-match": "3"})
    assert (refused.status_code, refused.json()["detail"]) == (400, "If-Match is no ETag of the rulebook.")


async def test_faults_are_told_with_their_lines(stage: Stage) -> None:
    """Rules that cannot be are refused with every fault, its line and column, and nothing is changed."""
    reply = await put(stage, "freezes:\n  - name: x\n    wen: 3\nservices: 4\n")
    assert reply.status_code == 400
    first, second = reply.json()["detail"].splitlines()
    assert first.startswith("line 3, column 5: freezes[0]: there is no key 'wen' here")
    assert second.startswith("line 4, column 11: services: must be a list")
    assert reply.json()["advice"] == "Correct it; nothing has been changed."


async def test_the_form_must_be_said(stage: Stage) -> None:
    """Without a content type of its own a body is not guessed at; too long a one is refused."""
    reply = await stage.client("admin").put(RULES, content=b"{}")
    assert (reply.status_code, reply.json()["advice"]) == (
        400,
        "Send it as application/yaml or application/json in Content-Type.",
    )
    assert (await put(stage, b"#" * (600 * 1024))).status_code == 413
    assert (await put(stage, b"#" * (2 * 1024 * 1024))).status_code == 413


async def test_the_history_tells_who_changed_what(stage: Stage) -> None:
    """Every revision is listed with its author and what it changed, page by page, and can be read."""
    await put(stage, WHOLE_TEXT)
    await stage.client("change_manager").post(FREEZES, json={"name": "now"})
    client = stage.client("viewer")
    page = (await client.get(f"{RULES}/history?limit=1")).json()
    assert [(one["revision"], one["actor"], one["at"]) for one in page["items"]] == [
        (2, "change_manager", "2026-03-01T12:00:00Z")
    ]
    assert [(one["step"], one["name"]) for one in page["items"][0]["changes"]] == [("add", "now")]
    rest = (await client.get(f"{RULES}/history?cursor={page['next']}")).json()
    assert [one["revision"] for one in rest["items"]] == [1]
    assert "next" not in rest
    earlier = await client.get(f"{RULES}?revision=1")
    assert (earlier.json(), earlier.headers["etag"]) == (as_written(WHOLE), '"1"')
    assert (await client.get(f"{RULES}?revision=9")).status_code == 404


async def test_the_schema_is_open_to_editors(stage: Stage) -> None:
    """The schema needs no token, for editors have none."""
    found = (await stage.client().get(f"{RULES}/schema")).json()
    assert found["$defs"]["FreezeRule"]["properties"]["reason"]["description"].startswith("Why")


# --- freezes ---


async def test_a_freeze_without_times_begins_now(stage: Stage) -> None:
    """A freeze that says nothing of when holds from now on, until somebody ends it."""
    added = await stage.client("change_manager").post(FREEZES, json={"name": "a/b", "reason": "Incident"})
    assert added.status_code == 201
    assert added.json() == {
        "name": "a/b",
        "reason": "Incident",
        "holdsNow": True,
        "rule": {"name": "a/b", "when": {"start": "2026-03-01 12:00Z"}, "reason": "Incident"},
    }
    ended = await stage.client("change_manager").delete(FREEZES, params={"name": "a/b"})
    assert (ended.status_code, ended.content) == (204, b"")
    assert (await stage.client("viewer").get(FREEZES)).json() == {"items": []}
    again = await stage.client("change_manager").delete(FREEZES, params={"name": "a/b"})
    assert (again.status_code, again.json()["advice"]) == (404, "`mitregate freeze list` shows the freezes.")


async def test_freezes_say_when_they_hold(stage: Stage) -> None:
    """A freeze is listed with its end if it holds, and with when it comes next."""
    when = {"start": "2026-03-01 12:00", "length": "2h", "rule": "FREQ=DAILY"}
    await stage.client("admin").post(FREEZES, json={"name": "noon", "when": when})
    (found,) = (await stage.client("viewer").get(FREEZES)).json()["items"]
    assert found["holdsUntil"] == "2026-03-01T14:00:00Z"
    assert (found["nextFrom"], found["nextUntil"]) == ("2026-03-02T12:00:00Z", "2026-03-02T14:00:00Z")


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"name": "x", "when": {"start": "soon"}}, "when.start: 'soon' is no date and time"),
        ({"name": "x", "until": 1}, "there is no key 'until' here"),
        ({"name": "x", "holidays": ["y"]}, "freezes[0].holidays: There is no set of days 'y'."),
        ({}, "the key 'name' is missing."),
        ({"name": "a\0b"}, "name: has a NUL character"),
    ],
)
async def test_a_freeze_that_makes_no_sense_is_refused(stage: Stage, body: Any, said: str) -> None:
    """A freeze that cannot be is refused in words."""
    reply = await stage.client("admin").post(FREEZES, json=body)
    assert reply.status_code == 400
    assert said in reply.json()["detail"]


async def test_a_freeze_shuts_a_gate_for_the_next_who_asks(stage: Stage) -> None:
    """From the moment a freeze is added nobody is told that a gate is open, though no worker runs; then it goes on."""
    gate = await stage.submit()
    await stage.approve(gate)
    viewer, manager = stage.client("viewer"), stage.client("change_manager")
    path = f"/api/v1/gates/{gate.id}"
    assert (await viewer.get(path)).json()["gatingStatus"] == "allowed"
    status = f"{SITE}/pipelines/pipe/environments/prod/deployments/1/gating-status"
    assert (await stage.client("ci").get(status)).json()["gatingStatus"] == "allowed"
    await manager.post(FREEZES, json={"name": "now", "when": {"start": "2026-03-01", "end": "2026-03-02"}})
    assert (await stage.client("ci").get(status)).json()["gatingStatus"] == "awaiting"
    shown = (await viewer.get(path)).json()
    assert ([one["code"] for one in shown["reasons"]], shown["opensAt"]) == (["frozen"], "2026-03-03T00:00:00Z")
    await manager.delete(FREEZES, params={"name": "now"})
    assert (await stage.client("ci").get(status)).json()["gatingStatus"] == "allowed"


async def test_a_freeze_is_overridden(stage: Stage) -> None:
    """A change manager lets one deployment pass a freeze, with a reason that is shown with the gate."""
    gate = await stage.submit()
    await stage.approve(gate)
    await stage.client("admin").post(FREEZES, json={"name": "now"})
    path = f"/api/v1/gates/{gate.id}/override"
    assert (await stage.client("approver").post(path, json={"reason": "x"})).status_code == 403
    assert (await stage.client("change_manager").post(path, json={"reason": " "})).status_code == 400
    shown = (await stage.client("change_manager").post(path, json={"reason": "The site is down."})).json()
    assert shown["gatingStatus"] == "allowed"
    assert shown["override"] == {
        "freezes": ["now"],
        "actor": "change_manager",
        "at": "2026-03-01T12:00:00Z",
        "reason": "The site is down.",
    }
    again = await stage.client("change_manager").post(path, json={"reason": "x"})
    assert (again.status_code, again.json()["detail"]) == (409, "No freeze holds this deployment.")


@pytest.mark.parametrize(
    ("method", "path", "needed"),
    [
        ("GET", RULES, "view"),
        ("GET", f"{RULES}/history", "view"),
        ("GET", FREEZES, "view"),
        ("PUT", RULES, "administer"),
        ("PUT", f"{RULES}?dryRun=true", "administer"),
        ("POST", FREEZES, "plan"),
        ("DELETE", f"{FREEZES}?name=x", "plan"),
    ],
)
async def test_rules_need_permission(stage: Stage, method: str, path: str, needed: str) -> None:
    """Rules are read by whoever may view, freezes planned by whoever may plan, and the whole replaced by admins."""
    lacking = {"view": "ci", "administer": "change_manager", "plan": "approver"}[needed]
    content = b'{"name": "x"}' if method == "POST" else b"{}"
    reply = await stage.client(lacking, **YAML).request(method, path, content=content)
    assert reply.status_code == 403
    assert needed in reply.json()["detail"]
    assert (await stage.client().request(method, path, content=content)).status_code == 401


async def test_unknown_services_are_reported_as_jira_does(stage: Stage) -> None:
    """A deployment with a service that nobody knows is accepted, and the service reported."""
    await put(stage, "services: [{id: checkout, tier: 1}]")
    body = {
        "deployments": [
            {
                "deploymentSequenceNumber": 1,
                "updateSequenceNumber": 1,
                "associations": [{"associationType": "serviceIdOrKeys", "values": ["checkout", "ghost", ""]}],
                "displayName": "x",
                "url": "https://ci.example.com/1",
                "description": "x",
                "lastUpdated": "2026-03-01T12:00:00Z",
                "state": "pending",
                "pipeline": {"id": "pipe", "displayName": "shop", "url": "https://ci.example.com"},
                "environment": {"id": "prod", "displayName": "prod", "type": "production"},
            }
        ]
    }
    reply = await stage.client("ci").post(f"{SITE}/bulk", json=body)
    assert reply.status_code == 202
    assert len(reply.json()["acceptedDeployments"]) == 1
    assert reply.json()["unknownAssociations"] == [{"associationType": "serviceIdOrKeys", "values": ["ghost"]}]


async def test_what_is_put_is_what_yaml_says(stage: Stage) -> None:
    """The document that is given is plain YAML, which any other program reads."""
    await put(stage, WHOLE_TEXT)
    text = (await stage.client("viewer", accept="application/yaml").get(RULES)).text
    assert yaml.safe_load(text)["freezes"][0]["name"] == "year end"
