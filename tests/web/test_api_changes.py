"""Changes over the native API."""

from datetime import timedelta
from typing import Any

import httpx
import pytest

from mitregate.core.deployments import State
from tests.web.stage import BASE_URL, Stage


async def test_a_change_is_shown_with_all_that_belongs_to_it(stage: Stage) -> None:
    """A change is shown with its gates, comments, approvals and possible transitions, and without a null."""
    gate = await stage.submit()
    shown = (await stage.client("viewer").get("/api/v1/changes/CHG-1")).json()
    assert [each["id"] for each in shown.pop("gates")] == [gate.id]
    assert shown.pop("description")
    assert len(shown.pop("digest")) == 64
    assert shown == {
        "key": "CHG-1",
        "title": 'Mitregate: Deploy "shop" version 1.1 to "production"',
        "type": "normal",
        "risk": "medium",
        "riskWhy": "production environment, no known service, counted as tier 2",
        "services": [],
        "progress": {
            "met": 0,
            "needed": 1,
            "stale": 0,
            "needs": [{"count": 1, "why": "a normal change needs the approval of one person"}],
        },
        "wanted": "Somebody must approve it.",
        "conflicts": [],
        "status": "Peer review / change manager approval",
        "requestedBy": "ci",
        "createdAt": "2026-03-01T12:00:00Z",
        "updatedAt": "2026-03-01T12:00:00Z",
        "link": f"{BASE_URL}/changes/CHG-1",
        "comments": [],
        "transitions": ["Approve", "Decline", "Cancel", "Emergency override"],
        "approvals": [],
    }


async def test_an_approval_lets_the_gate_go(stage: Stage) -> None:
    """Approving answers with the change as it is then: approved by whom, with what comment, its gate allowed."""
    await stage.submit()
    reply = await stage.client("approver").post("/api/v1/changes/CHG-1/approve", json={"comment": "Looks good"})
    assert reply.status_code == 200
    shown = reply.json()
    assert shown["status"] == "Implementing"
    assert [(each["actor"], each["decision"], each["comment"]) for each in shown["approvals"]] == [
        ("approver", "approve", "Looks good")
    ]
    assert shown["gates"][0]["gatingStatus"] == "allowed"


async def test_an_approval_needs_no_body(stage: Stage) -> None:
    """A change is approved by an empty request too."""
    await stage.submit()
    reply = await stage.client("approver").post("/api/v1/changes/CHG-1/approve")
    assert (reply.status_code, reply.json()["status"]) == (200, "Implementing")


async def test_an_approval_of_what_was_not_seen_is_refused(stage: Stage) -> None:
    """A client that sends the digest it was shown does not approve what changed in between."""
    await stage.submit()
    client = stage.client("approver")
    seen = (await client.get("/api/v1/changes/CHG-1")).json()["digest"]
    await stage.submit(update_sequence_number=2, label="6.6.6")
    reply = await client.post("/api/v1/changes/CHG-1/approve", json={"seen": seen})
    assert (reply.status_code, reply.json()["type"]) == (409, "urn:mitregate:problem:Stale")
    seen = (await client.get("/api/v1/changes/CHG-1")).json()["digest"]
    assert (await client.post("/api/v1/changes/CHG-1/approve", json={"seen": seen})).status_code == 200


async def test_declining_shuts_the_gate(stage: Stage) -> None:
    """Declining answers with the declined change, its gate prevented."""
    await stage.submit()
    shown = (await stage.client("approver").post("/api/v1/changes/CHG-1/decline", json={"comment": "No"})).json()
    assert (shown["status"], shown["gates"][0]["gatingStatus"]) == ("Declined", "prevented")


async def test_a_change_is_moved_by_hand(stage: Stage) -> None:
    """A transition that is possible is taken, with its comment."""
    await stage.submit()
    body = {"transition": "Cancel", "comment": "Not needed"}
    shown = (await stage.client("change_manager").post("/api/v1/changes/CHG-1/transition", json=body)).json()
    assert (shown["status"], shown["comments"][0]["body"]) == ("Canceled", "Not needed")


async def test_a_window_is_planned_and_taken_away(stage: Stage) -> None:
    """A window takes the place of the one before; a side that is left out or null is open."""
    await stage.submit()
    client = stage.client("change_manager")
    body: dict[str, Any] = {"start": "2026-03-01T23:00:00+01:00", "end": "2026-03-02T02:00:00Z"}
    shown = (await client.put("/api/v1/changes/CHG-1/window", json=body)).json()
    assert (shown["plannedStart"], shown["plannedEnd"]) == ("2026-03-01T22:00:00Z", "2026-03-02T02:00:00Z")
    shown = (await client.put("/api/v1/changes/CHG-1/window", json={"start": None})).json()
    assert "plannedStart" not in shown
    assert "plannedEnd" not in shown


async def test_a_comment_is_added(stage: Stage) -> None:
    """A comment is shown with its author and time."""
    await stage.submit()
    shown = (await stage.client("viewer").post("/api/v1/changes/CHG-1/comments", json={"text": "Why?"})).json()
    assert shown["comments"] == [{"author": "viewer", "body": "Why?", "at": "2026-03-01T12:00:00Z"}]


async def test_pages_of_changes_follow_one_another(stage: Stage) -> None:
    """Changes come newest first, in pages that neither overlap nor leave anything out, also by status."""
    for number in range(1, 6):
        await stage.submit(number)
    client, seen, query = stage.client("viewer"), [], {"limit": "2"}
    for expected in (2, 2, 1):
        page = (await client.get("/api/v1/changes", params=query)).json()
        assert len(page["items"]) == expected
        seen += [item["key"] for item in page["items"]]
        query["cursor"] = page.get("next", "")
    assert seen == ["CHG-5", "CHG-4", "CHG-3", "CHG-2", "CHG-1"]
    assert not query["cursor"]
    await stage.client("approver").post("/api/v1/changes/CHG-2/decline")
    declined = (await client.get("/api/v1/changes", params={"status": "Declined"})).json()
    assert [item["key"] for item in declined["items"]] == ["CHG-2"]


async def approved_twice(stage: Stage) -> httpx.Response:
    """Somebody approves what is approved already."""
    await stage.client("approver").post("/api/v1/changes/CHG-1/approve")
    return await stage.client("admin").post("/api/v1/changes/CHG-1/approve")


async def declined_when_nobody_waits(stage: Stage) -> httpx.Response:
    """Somebody declines when the deployment has been given up."""
    await stage.submit(update_sequence_number=2, state=State.CANCELLED)
    return await stage.client("approver").post("/api/v1/changes/CHG-1/decline")


async def moved_where_no_way_leads(stage: Stage) -> httpx.Response:
    """Somebody takes a transition that does not exist from here."""
    return await stage.client("admin").post("/api/v1/changes/CHG-1/transition", json={"transition": "Close"})


async def planned_when_over(stage: Stage) -> httpx.Response:
    """Somebody plans the window of a declined change."""
    await stage.client("approver").post("/api/v1/changes/CHG-1/decline")
    return await stage.client("admin").put("/api/v1/changes/CHG-1/window", json={})


@pytest.mark.parametrize(
    "refused", [approved_twice, declined_when_nobody_waits, moved_where_no_way_leads, planned_when_over]
)
async def test_what_the_workflow_does_not_know_is_a_conflict(stage: Stage, refused: Any) -> None:
    """An illegal step is refused with 409 and advice, and changes nothing."""
    await stage.submit()
    reply = await refused(stage)
    assert reply.status_code == 409
    assert reply.json()["type"] == "urn:mitregate:problem:IllegalTransition"
    assert reply.json()["advice"]


@pytest.mark.parametrize(
    ("method", "path", "body", "role"),
    [
        ("POST", "approve", {}, "viewer"),
        ("POST", "decline", {}, "operator"),
        ("POST", "transition", {"transition": "Cancel"}, "approver"),
        ("PUT", "window", {}, "approver"),
        ("GET", "", None, "ci"),
        ("POST", "approve", {}, "ci"),
        ("POST", "comments", {"text": "hi"}, "ci"),
    ],
)
async def test_whoever_may_not_is_refused(stage: Stage, method: str, path: str, body: Any, role: str) -> None:
    """Each act on a change needs its permission; an app has none."""
    await stage.submit()
    reply = await stage.client(role).request(method, f"/api/v1/changes/CHG-1/{path}".rstrip("/"), json=body)
    assert reply.status_code == 403
    assert (await stage.client("viewer").get("/api/v1/changes/CHG-1")).json()["approvals"] == []


@pytest.mark.parametrize("key", ["CHG-2", "CHG-01", "chg", "CHG--1", "%3Cscript%3E"])
async def test_an_unknown_change_does_not_exist(stage: Stage, key: str) -> None:
    """What is not the key of a change is answered with 404, whatever is asked of it."""
    await stage.submit()
    client = stage.client("admin")
    for reply in (
        await client.get(f"/api/v1/changes/{key}"),
        await client.post(f"/api/v1/changes/{key}/approve"),
        await client.post(f"/api/v1/changes/{key}/decline"),
        await client.post(f"/api/v1/changes/{key}/transition", json={"transition": "Cancel"}),
        await client.put(f"/api/v1/changes/{key}/window", json={}),
        await client.post(f"/api/v1/changes/{key}/comments", json={"text": "hi"}),
    ):
        assert reply.status_code == 404, reply.text


@pytest.mark.parametrize(
    ("method", "path", "body", "said"),
    [
        ("POST", "approve", {"remark": "x"}, "'remark'"),
        ("POST", "approve", {"comment": 1}, "'comment'"),
        ("POST", "approve", {"comment": "x" * 10_001}, "10001"),
        ("POST", "approve", [], "body"),
        ("POST", "transition", {}, "'transition'"),
        ("POST", "transition", {"transition": "Fly"}, "'transition'"),
        ("PUT", "window", {"start": "tomorrow"}, "'start'"),
        ("PUT", "window", {"start": "2026-03-01T22:00:00"}, "offset"),
        ("PUT", "window", {"start": "2026-03-02T00:00:00Z", "end": "2026-03-01T00:00:00Z"}, "before"),
        ("POST", "comments", {"text": " "}, "empty"),
        ("POST", "comments", {}, "'text'"),
    ],
)
async def test_a_body_that_is_not_understood_is_explained(
    stage: Stage, method: str, path: str, body: Any, said: str
) -> None:
    """A malformed body is refused with 400, saying which field is wrong."""
    await stage.submit()
    reply = await stage.client("admin").request(method, f"/api/v1/changes/CHG-1/{path}", json=body)
    assert reply.status_code == 400
    assert said in reply.json()["detail"]


async def test_a_cursor_of_ones_own_is_refused(stage: Stage) -> None:
    """A cursor that was not given out is refused, naming the field."""
    for path in ("/api/v1/changes", "/api/v1/audit"):
        reply = await stage.client("admin").get(path, params={"cursor": "x"})
        assert (reply.status_code, "'cursor'" in reply.json()["detail"]) == (400, True)


async def test_a_stale_approval_is_asked_for_again(stage: Stage) -> None:
    """A new window makes the approval stale; the gate waits until the change is approved again."""
    await stage.submit()
    client = stage.client("admin")
    await client.post("/api/v1/changes/CHG-1/approve")
    end = (stage.clock() + timedelta(hours=1)).isoformat()
    shown = (await client.put("/api/v1/changes/CHG-1/window", json={"end": end})).json()
    assert shown["gates"][0]["gatingStatus"] == "awaiting"
    shown = (await client.post("/api/v1/changes/CHG-1/approve")).json()
    assert (shown["gates"][0]["gatingStatus"], len(shown["approvals"])) == ("allowed", 2)
