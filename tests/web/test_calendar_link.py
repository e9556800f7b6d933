"""The calendar that programs subscribe to, over HTTP."""

from datetime import UTC, datetime
from typing import Any

import pytest
from icalendar import Calendar

from tests.web.stage import BASE_URL, Stage

PATHS = ("/calendar.ics", "/api/v1/calendar.ics")
FREEZE = {"name": "year end", "when": {"start": "2026-03-02", "end": "2026-03-02", "zone": "Europe/Berlin"}}


async def link(stage: Stage, who: str = "viewer", **more: Any) -> Any:
    """Make a link."""
    reply = await stage.client(who).post("/api/v1/calendar/link", json={"label": "Outlook", **more})
    assert reply.status_code == 201, reply.text
    return reply.json()


@pytest.mark.parametrize("path", PATHS)
async def test_programs_subscribe_by_a_link(stage: Stage, path: str) -> None:
    """The address alone is enough; what comes is a calendar with freezes and planned changes, and nobody else's."""
    await stage.client("admin").post("/api/v1/freezes", json=FREEZE)
    gate = await stage.submit()
    await stage.plan(gate, datetime(2026, 3, 5, 20, tzinfo=UTC), datetime(2026, 3, 5, 22, tzinfo=UTC))
    made = await link(stage)
    assert made["url"].startswith(f"{BASE_URL}/calendar.ics?token=mgf_")
    assert (made["label"], "expiresAt" in made) == ("Outlook", False)
    reply = await stage.client().get(path + made["url"].partition("/calendar.ics")[2])
    assert reply.status_code == 200
    assert reply.headers["content-type"] == "text/calendar; charset=utf-8"
    assert reply.headers["cache-control"] == "private"
    frozen, change = Calendar.from_ical(reply.content).events
    assert (str(frozen["SUMMARY"]), frozen.start) == ("Frozen: year end", datetime(2026, 3, 1, 23, tzinfo=UTC))
    assert frozen.end == datetime(2026, 3, 2, 23, tzinfo=UTC)
    assert (change.start, change.end) == (datetime(2026, 3, 5, 20, tzinfo=UTC), datetime(2026, 3, 5, 22, tzinfo=UTC))
    assert str(change["URL"]) == f"{BASE_URL}/changes/{gate.change_key}"


async def test_what_is_known_is_not_sent_again(stage: Stage) -> None:
    """Who has the calendar already is told so, until it says something else."""
    await stage.client("admin").post("/api/v1/freezes", json=FREEZE)
    client = stage.client("viewer")
    first = await client.get(PATHS[0])
    again = await client.get(PATHS[0], headers={"if-none-match": f'W/{first.headers["etag"]}, "x"'})
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", first.headers["etag"])
    assert again.headers["cache-control"] == "private"
    stage.clock.advance(hours=1)
    await stage.client("admin").delete("/api/v1/freezes", params={"name": "year end"})
    assert (await client.get(PATHS[0], headers={"if-none-match": first.headers["etag"]})).status_code == 200


async def test_only_a_part_may_be_wanted(stage: Stage) -> None:
    """Freezes, changes, or what concerns a service; other words are refused."""
    await stage.client("admin").post("/api/v1/freezes", json={**FREEZE, "reach": {"services": ["ledger"]}})
    client = stage.client("viewer")
    found = {}
    for query in ("", "?only=freezes", "?only=changes", "?service=ledger", "?service=shop&service=b:ledger"):
        found[query] = len(Calendar.from_ical((await client.get(PATHS[0] + query)).content).events)
    assert found["?only=changes"] == 0
    assert [found[query] for query in ("", "?only=freezes", "?service=ledger")] == [1, 1, 1]
    assert (await client.get(PATHS[0] + "?only=everything")).status_code == 400


async def test_a_link_is_listed_and_revoked(stage: Stage) -> None:
    """A link is among the tokens of whoever made it, without its secret, and is revoked as they are."""
    made = await link(stage, days=3)
    assert made["expiresAt"] == "2026-03-04T12:00:00Z"
    client = stage.client("viewer")
    found = next(one for one in (await client.get("/api/v1/tokens")).json()["items"] if one["id"] == made["id"])
    assert (found["kind"], found["label"]) == ("feed", "Outlook")
    assert (await client.delete(f"/api/v1/tokens/{made['id']}")).status_code == 204
    assert (await stage.client().get(made["url"])).status_code == 401


async def test_a_link_opens_nothing_else(stage: Stage) -> None:
    """Its secret is good for no other door, and no other secret is good in the address."""
    made = await link(stage, "admin")
    secret = made["url"].partition("token=")[2]
    client = stage.client()
    for path in ("/api/v1/gates", "/api/v1/me", *PATHS):
        assert (await client.get(path, headers={"authorization": f"Bearer {secret}"})).status_code == 401
    assert (await client.get(f"/api/v1/gates?token={secret}")).status_code == 401
    reply = await client.get(PATHS[0], params={"token": stage.tokens["admin"]})
    assert reply.status_code == 401
    assert "not the token of a calendar's link" in reply.json()["detail"]
    assert reply.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("path", PATHS)
async def test_nobody_else_sees_it(stage: Stage, path: str) -> None:
    """Without a token, or as an app, there is no calendar."""
    assert (await stage.client().get(path)).status_code == 401
    assert (await stage.client("ci").get(path)).status_code == 403
    assert (await stage.client("viewer").head(path)).status_code == 200


async def test_links_are_made_for_oneself(stage: Stage) -> None:
    """For others only administrators make links; an app has none."""
    me = (await stage.client("viewer").get("/api/v1/tokens")).json()["items"][0]["userId"]
    assert (await link(stage, "admin", userId=me))["url"]
    refused = await stage.client("approver").post("/api/v1/calendar/link", json={"label": "x", "userId": me})
    assert refused.status_code == 403
    assert (await stage.client("ci").post("/api/v1/calendar/link", json={"label": "x"})).status_code == 400
