"""Gates over the native API."""

from datetime import timedelta
from typing import Any

import pytest

from mitregate.core.deployments import State
from mitregate.core.people import Scope
from tests.web.stage import BASE_URL, Stage


async def test_a_gate_says_what_holds_it(stage: Stage) -> None:
    """A gate is shown with its status, every reason, its change and links, and without a null."""
    gate = await stage.submit()
    reply = await stage.client("viewer").get(f"/api/v1/gates/{gate.id}")
    assert reply.status_code == 200
    assert reply.json() == {
        "id": gate.id,
        "appId": stage.apps["ci"].app_id,
        "pipelineId": "pipe",
        "environmentId": "prod",
        "deploymentSequenceNumber": 1,
        "project": "shop",
        "version": "1.1",
        "environment": "production",
        "environmentType": "production",
        "url": "https://ci.example.com/run/1",
        "stage": "held",
        "gatingStatus": "awaiting",
        "since": "2026-03-01T12:00:00Z",
        "reasons": [
            {
                "code": "waiting_for_approval",
                "message": gate.verdict.reasons[0].message,
                "remedy": gate.verdict.reasons[0].remedy,
            }
        ],
        "changeKey": "CHG-1",
        "found": "created",
        "changeLink": f"{BASE_URL}/changes/CHG-1",
        "revision": 1,
        "createdAt": "2026-03-01T12:00:00Z",
        "link": f"{BASE_URL}/gates/{gate.id}",
    }


async def test_a_gate_says_when_it_opens_and_until_when(stage: Stage) -> None:
    """A gate with a window says when it opens at the earliest, and once open until when it is allowed."""
    gate = await stage.submit()
    start, end = stage.clock() + timedelta(hours=1), stage.clock() + timedelta(hours=2)
    await stage.plan(gate, start, end)
    await stage.approve(gate)
    client = stage.client("viewer")
    before = (await client.get(f"/api/v1/gates/{gate.id}")).json()
    assert (before["gatingStatus"], before["opensAt"]) == ("awaiting", "2026-03-01T13:00:00Z")
    assert "goodUntil" not in before
    stage.clock.advance(hours=1)
    after = (await client.get(f"/api/v1/gates/{gate.id}")).json()
    assert (after["gatingStatus"], after["goodUntil"]) == ("allowed", "2026-03-01T14:00:00Z")
    assert "opensAt" not in after


@pytest.mark.parametrize(
    ("path", "levels"),
    [
        ("/api/v1/gates/{}", ()),
        ("/api/v1/gates/{}/wait", ()),
        ("/api/v1/gates", ("items", 0)),
        ("/api/v1/changes/CHG-1", ("gates", 0)),
    ],
)
async def test_a_gate_is_decided_anew_before_it_is_shown(stage: Stage, path: str, levels: tuple[Any, ...]) -> None:
    """A gate whose window has closed is nowhere shown as allowed, though no worker runs."""
    gate = await stage.submit()
    await stage.plan(gate, None, stage.clock() + timedelta(hours=1))
    await stage.approve(gate)
    stage.clock.advance(hours=1, microseconds=1)
    shown = (await stage.client("viewer").get(path.format(gate.id))).json()
    for level in levels:
        shown = shown[level]
    assert shown["gatingStatus"] == "prevented"


async def test_pages_of_gates_follow_one_another(stage: Stage) -> None:
    """Gates come newest first, in pages that neither overlap nor leave anything out."""
    ids = [(await stage.submit(number)).id for number in range(1, 6)]
    client, seen, cursor = stage.client("viewer"), [], None
    for expected in (2, 2, 1):
        query = {"limit": 2} | ({"cursor": cursor} if cursor else {})
        page = (await client.get("/api/v1/gates", params=query)).json()
        assert len(page["items"]) == expected
        seen += [item["id"] for item in page["items"]]
        cursor = page.get("next")
    assert cursor is None
    assert seen == ids[::-1]


async def test_gates_are_found_by_what_they_are(stage: Stage) -> None:
    """Each condition of the list of gates leaves out what does not meet it."""
    await stage.add_app("other")
    first, second = await stage.submit(1), await stage.submit(2)
    foreign = await stage.submit(3, app="other")
    await stage.approve(second)
    await stage.submit(1, update_sequence_number=2, state=State.CANCELLED)
    client = stage.client("viewer")

    async def found(**query: str | int) -> list[str]:
        reply = await client.get("/api/v1/gates", params=query)
        return [item["id"] for item in reply.json()["items"]]

    assert await found(status="allowed") == [second.id]
    assert await found(stage="finished") == [first.id]
    assert await found(stage="held", status="awaiting") == [foreign.id]
    assert await found(appId=stage.apps["other"].app_id or "") == [foreign.id]
    assert await found(deploymentSequenceNumber=2) == [second.id]
    assert await found(pipelineId="elsewhere") == []
    assert await found(environmentId="prod", limit=200) == [foreign.id, second.id, first.id]


async def test_an_app_sees_its_own_gates_only(stage: Stage) -> None:
    """Another app's gate is in no list of an app, and asked for by id it does not exist, nor is it waited for."""
    await stage.add_app("other")
    own, foreign = await stage.submit(1), await stage.submit(2, app="other")
    client = stage.client("ci")
    listed = (await client.get("/api/v1/gates", params={"appId": foreign.key.app_id})).json()
    assert [item["id"] for item in listed["items"]] == [own.id]
    assert (await client.get(f"/api/v1/gates/{own.id}")).status_code == 200
    assert (await client.get(f"/api/v1/gates/{foreign.id}")).status_code == 404
    assert (await client.get(f"/api/v1/gates/{foreign.id}/wait?timeout=0")).status_code == 404


async def test_an_app_without_the_read_scope_reads_nothing(stage: Stage) -> None:
    """An app that may only write is refused its gates."""
    await stage.add_app("writer", scopes=frozenset({Scope.WRITE}))
    gate = await stage.submit(app="writer")
    client = stage.client("writer")
    for path in ("/api/v1/gates", f"/api/v1/gates/{gate.id}", f"/api/v1/gates/{gate.id}/wait?timeout=0"):
        assert (await client.get(path)).status_code == 403


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("status=open", "status"),
        ("stage=1", "stage"),
        ("limit=0", "limit"),
        ("limit=201", "limit"),
        ("limit=many", "limit"),
        ("deploymentSequenceNumber=x", "deploymentSequenceNumber"),
    ],
)
async def test_a_condition_that_is_not_understood_is_named(stage: Stage, query: str, field: str) -> None:
    """A query that is not understood is refused as malformed, naming the field."""
    reply = await stage.client("viewer").get(f"/api/v1/gates?{query}")
    assert reply.status_code == 400
    assert reply.headers["content-type"] == "application/problem+json"
    assert field in reply.json()["detail"]


async def test_a_word_that_is_not_known_is_answered_with_those_that_are(stage: Stage) -> None:
    """Where a condition is one of a few words, the refusal lists them."""
    reply = await stage.client("viewer").get("/api/v1/gates?status=open")
    assert reply.json()["detail"].endswith("; it is one of awaiting, allowed, prevented, invalid.")


async def test_an_unknown_gate_does_not_exist(stage: Stage) -> None:
    """A gate that is not there is answered with 404 and advice."""
    reply = await stage.client("viewer").get("/api/v1/gates/nothing")
    assert reply.status_code == 404
    assert reply.json()["type"] == "urn:mitregate:problem:Unknown"
    assert reply.json()["advice"]
