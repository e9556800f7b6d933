"""Deliveries and the audit log over the native API."""

from datetime import timedelta
from typing import Any

import httpx
import pytest

from mitregate.core.jobs import Outcome, Result
from mitregate.flows import deliver
from mitregate.flows.act import Act
from tests.web.stage import ROOT, Stage


@pytest.fixture
async def told(stage: Stage) -> Stage:
    """A stage with an app that is called back, and a gate of it: one delivery is open."""
    await stage.add_app("called", callback_url="https://ci.example.com/hook")
    await stage.submit(app="called")
    return stage


def _fail(act: Act) -> None:
    """A worker tries the delivery, and the receiver says no for good."""
    (claimed,) = deliver.claim(act, 1, ())
    outcome = Outcome(result=Result.NEVER, detail="404 Not Found", status=404)
    assert deliver.finish(act, claimed, outcome, act.now, timedelta(milliseconds=12))


async def _only(client: httpx.AsyncClient, **query: str) -> Any:
    (item,) = (await client.get("/api/v1/deliveries", params=query)).json()["items"]
    return item


async def test_a_delivery_says_how_it_stands(told: Stage) -> None:
    """An open delivery is shown with what it tells to whom, without a null."""
    client = told.client("viewer")
    item = await _only(client, state="open")
    gate = (await client.get("/api/v1/gates")).json()["items"][0]
    assert item.pop("id")
    assert item == {
        "provider": "webhook",
        "lane": told.apps["called"].app_id,
        "gateId": gate["id"],
        "status": "awaiting",
        "state": "open",
        "attempts": 0,
        "dueAt": "2026-03-01T12:00:00Z",
        "createdAt": "2026-03-01T12:00:00Z",
    }
    assert await _only(client, gateId=gate["id"])
    assert (await client.get("/api/v1/deliveries?gateId=other")).json() == {"items": []}


async def test_a_dead_delivery_shows_its_tries_and_is_retried(told: Stage) -> None:
    """A dead delivery says how it died; retried it is open again; done, there is nothing to retry."""
    await told.office.transact(ROOT, _fail)
    client = told.client("operator")
    item = await _only(client, state="dead")
    shown = (await client.get(f"/api/v1/deliveries/{item['id']}")).json()
    assert shown["tries"] == [
        {
            "number": 1,
            "startedAt": "2026-03-01T12:00:00Z",
            "durationMs": 12,
            "result": "never",
            "status": 404,
            "detail": "404 Not Found",
        }
    ]
    assert (shown["attempts"], shown["note"], shown["finishedAt"]) == (1, "404 Not Found", "2026-03-01T12:00:00Z")
    reply = await client.post(f"/api/v1/deliveries/{item['id']}/retry")
    assert (reply.status_code, reply.json()["state"]) == (200, "open")


async def test_a_done_delivery_is_not_retried(told: Stage) -> None:
    """A delivery that arrived cannot be sent again."""

    def arrive(act: Act) -> None:
        (claimed,) = deliver.claim(act, 1, ())
        assert deliver.finish(act, claimed, Outcome(result=Result.DONE, detail="200 OK"), act.now, timedelta())

    await told.office.transact(ROOT, arrive)
    client = told.client("operator")
    item = await _only(client, state="done")
    assert (await client.post(f"/api/v1/deliveries/{item['id']}/retry")).status_code == 409


async def test_pages_of_deliveries_follow_one_another(told: Stage) -> None:
    """Deliveries come newest first, in pages that neither overlap nor leave anything out."""
    for number in (2, 3):
        await told.submit(number, app="called")
    client = told.client("viewer")
    first = (await client.get("/api/v1/deliveries?limit=2")).json()
    second = (await client.get("/api/v1/deliveries", params={"limit": 2, "cursor": first["next"]})).json()
    ids = [item["id"] for item in (*first["items"], *second["items"])]
    assert len(ids) == len(set(ids)) == 3
    assert "next" not in second


async def test_deliveries_are_for_people_with_the_permission(told: Stage) -> None:
    """Nobody is 401, an app 403, a viewer sees but does not retry, and what is not there is 404."""
    item = await _only(told.client("viewer"))
    for method, path in (("GET", ""), ("GET", f"/{item['id']}"), ("POST", f"/{item['id']}/retry")):
        assert (await told.client().request(method, f"/api/v1/deliveries{path}")).status_code == 401
        assert (await told.client("called").request(method, f"/api/v1/deliveries{path}")).status_code == 403
    assert (await told.client("viewer").post(f"/api/v1/deliveries/{item['id']}/retry")).status_code == 403
    assert (await told.client("operator").get("/api/v1/deliveries/none")).status_code == 404
    assert (await told.client("operator").post("/api/v1/deliveries/none/retry")).status_code == 404
    assert (await told.client("operator").get("/api/v1/deliveries?state=lost")).status_code == 400


async def test_the_audit_log_names_who_did_what_from_where(stage: Stage) -> None:
    """A decision over the API stands in the audit log with actor, address, action, subject and detail."""
    await stage.submit()
    await stage.client("approver").post("/api/v1/changes/CHG-1/approve", json={"comment": "ok"})
    page = (await stage.client("auditor").get("/api/v1/audit?subject=CHG-1")).json()
    (entry,) = page["items"]
    assert (entry["actor"], entry["origin"], entry["action"]) == ("approver", "192.0.2.7", "change.approved")
    assert entry["detail"]["comment"] == "ok"
    assert entry["number"] >= 1


async def test_pages_of_the_audit_log_follow_one_another(stage: Stage) -> None:
    """Entries come newest first, in pages that neither overlap nor leave anything out."""
    client, numbers, query = stage.client("auditor"), [], {"limit": "5"}
    while True:
        page = (await client.get("/api/v1/audit", params=query)).json()
        numbers += [item["number"] for item in page["items"]]
        if "next" not in page:
            break
        query["cursor"] = page["next"]
    assert len(numbers) > 5
    assert numbers == sorted(set(numbers), reverse=True)


async def test_the_audit_log_is_for_auditors(stage: Stage) -> None:
    """Nobody is 401; whoever lacks the permission is 403."""
    assert (await stage.client().get("/api/v1/audit")).status_code == 401
    for who in ("approver", "ci"):
        assert (await stage.client(who).get("/api/v1/audit")).status_code == 403
