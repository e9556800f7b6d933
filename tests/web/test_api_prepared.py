"""Over the native API: changes that are prepared by hand, their types, their conflicts, and who must approve them."""

from typing import Any

import pytest

from tests.web.stage import Stage

PREPARED = {
    "title": " Move the ledger ",
    "description": "Step by step.",
    "services": ["ledger", "b:bGVkZ2Vy", ""],
    "covers": {"project": "shop", "environment": "prod", "version": "2.*"},
    "plannedStart": "2026-03-01T22:00:00+01:00",
    "plannedEnd": "2026-03-02T00:00:00Z",
}


async def test_a_change_is_prepared_by_hand(stage: Stage) -> None:
    """A change that is prepared says what it is for, how risky it is, when, and who must approve it."""
    reply = await stage.client("change_manager").post("/api/v1/changes", json=PREPARED)
    assert reply.status_code == 201
    shown = reply.json()
    assert (shown["key"], shown["title"], shown["type"]) == ("CHG-1", "Move the ledger", "normal")
    assert shown["services"][0] == "ledger"
    assert shown["covers"] == PREPARED["covers"]
    assert (shown["plannedStart"], shown["plannedEnd"]) == ("2026-03-01T21:00:00Z", "2026-03-02T00:00:00Z")
    assert (shown["risk"], shown["riskWhy"]) == ("medium", "unmapped environment, no known service, counted as tier 2")
    assert shown["progress"] == {
        "met": 0,
        "needed": 1,
        "stale": 0,
        "needs": [{"count": 1, "why": "a normal change needs the approval of one person"}],
    }
    assert shown["wanted"] == "Somebody must approve it."
    assert shown["gates"] == []


async def test_what_was_prepared_is_approved_before_it_is_waited_for(stage: Stage) -> None:
    """An approval of a prepared change holds for the deployment that names it, and that it covers, and no other."""
    await stage.client("change_manager").post(
        "/api/v1/changes", json={**PREPARED, "plannedStart": None, "plannedEnd": None}
    )
    client = stage.client("approver")
    seen = (await client.get("/api/v1/changes/CHG-1")).json()["digest"]
    shown = (await client.post("/api/v1/changes/CHG-1/approve", json={"seen": seen})).json()
    assert (shown["status"], shown["progress"]["met"]) == ("Planning", 1)
    assert "wanted" not in shown
    again = await client.post("/api/v1/changes/CHG-1/approve")
    assert (again.status_code, again.json()["detail"]) == (
        403,
        "approver has approved CHG-1 already, and one person counts once.",
    )
    covered = await stage.submit(1, label="2.0", properties={"changeRequest": "CHG-1"})
    other = await stage.submit(2, label="3.0", properties={"changeRequest": "chg-1"})
    shown = (await client.get("/api/v1/changes/CHG-1")).json()
    assert [(gate["id"], gate["gatingStatus"], gate["found"]) for gate in shown["gates"]] == [
        (covered.id, "allowed", "supplied"),
        (other.id, "awaiting", "supplied"),
    ]
    assert shown["progress"] == {**shown["progress"], "met": 0, "needed": 1, "stale": 1}
    assert shown["wanted"] == (
        "Somebody must approve it. The approval by approver was given to something else, and is asked for again."
    )


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({}, "'title'"),
        ({"title": " "}, "1 to 255"),
        ({"title": "x" * 256}, "1 to 255"),
        ({"title": "x", "description": "x" * 10_001}, "10000"),
        ({"title": "x", "type": "standard"}, "'type'"),
        ({"title": "x", "covers": {"project": "shop"}}, "'environment'"),
        ({"title": "x", "covers": {"project": "", "environment": "*", "version": "*"}}, "printable"),
        ({"title": "x", "services": ["a\u0000"]}, "printable"),
        ({"title": "x", "plannedStart": "2026-03-01T22:00:00"}, "offset"),
        ({"title": "x", "plannedStart": "2026-03-02T00:00:00Z", "plannedEnd": "2026-03-01T00:00:00Z"}, "before"),
    ],
)
async def test_what_cannot_be_prepared_is_refused(stage: Stage, body: dict[str, Any], said: str) -> None:
    """A change without a title, or whose parts make no sense, is refused in words that name the part."""
    reply = await stage.client("change_manager").post("/api/v1/changes", json=body)
    assert reply.status_code == 400
    assert said in reply.json()["detail"]


async def test_a_change_becomes_an_emergency(stage: Stage) -> None:
    """Who may override makes a change an emergency and normal again; who may only decide is told who approves it."""
    await stage.submit()
    manager, approver = stage.client("change_manager"), stage.client("approver")
    shown = (await manager.post("/api/v1/changes/CHG-1/type", json={"type": "emergency", "comment": "Fire"})).json()
    assert (shown["type"], shown["comments"][0]["body"]) == ("emergency", "Fire")
    assert shown["wanted"] == "Somebody with the permission 'override' must approve it."
    assert shown["gates"][0]["reasons"][0]["remedy"] == "Somebody who may override freezes must approve CHG-1."
    refused = await approver.post("/api/v1/changes/CHG-1/approve")
    assert (refused.status_code, refused.json()["advice"]) == (
        403,
        "Ask a change manager or an administrator to approve it.",
    )
    assert (await manager.post("/api/v1/changes/CHG-1/type", json={"type": "normal"})).json()["type"] == "normal"
    assert (await approver.post("/api/v1/changes/CHG-1/type", json={"type": "emergency"})).status_code == 403
    standard = await manager.post("/api/v1/changes/CHG-1/type", json={"type": "standard"})
    assert (standard.status_code, "by the catalogue" in standard.json()["detail"]) == (409, True)
    assert (await approver.post("/api/v1/changes/CHG-1/approve")).status_code == 200
    late = await manager.post("/api/v1/changes/CHG-1/type", json={"type": "emergency"})
    assert (late.status_code, late.json()["detail"]) == (
        409,
        "The type of CHG-1 cannot be changed any more; its status is 'Implementing'.",
    )


async def test_conflicts_are_shown_before_anybody_approves(stage: Stage) -> None:
    """A change lists the other open ones for the same services at the same time, with their windows."""
    manager = stage.client("change_manager")
    await manager.post("/api/v1/changes", json=PREPARED)
    second = await manager.post("/api/v1/changes", json={**PREPARED, "title": "Mend the ledger", "covers": None})
    assert second.json()["conflicts"] == [
        {
            "key": "CHG-1",
            "title": "Move the ledger",
            "status": "Peer review / change manager approval",
            "plannedStart": "2026-03-01T21:00:00Z",
            "plannedEnd": "2026-03-02T00:00:00Z",
            "services": ["ledger"],
            "isEarlier": True,
        }
    ]
    await stage.client("approver").post("/api/v1/changes/CHG-1/decline")
    assert (await manager.get("/api/v1/changes/CHG-2")).json()["conflicts"] == []


async def test_open_changes_are_listed_by_themselves(stage: Stage) -> None:
    """What is over is left out of the open ones, page by page."""
    for number in range(1, 5):
        await stage.submit(number)
    await stage.client("approver").post("/api/v1/changes/CHG-3/decline")
    client = stage.client("viewer")
    page = (await client.get("/api/v1/changes", params={"open": "true", "limit": "2"})).json()
    assert [item["key"] for item in page["items"]] == ["CHG-4", "CHG-2"]
    page = (await client.get("/api/v1/changes", params={"open": "true", "cursor": page["next"]})).json()
    assert [item["key"] for item in page["items"]] == ["CHG-1"]
    assert len((await client.get("/api/v1/changes")).json()["items"]) == 4
