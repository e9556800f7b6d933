"""Explanations and simulations over the native API."""

from typing import Any

import pytest
from msgspec.structs import replace

from mitregate.core.deployments import Deployment, Environment, EnvironmentType, Pipeline, State
from mitregate.core.gates import Gate
from mitregate.flows import review, withdraw
from mitregate.flows.review import Draft
from mitregate.flows.submit import submit
from tests.web.stage import ROOT, Stage

WHERE = {"pipelineId": "pipe", "environmentId": "prod", "deploymentSequenceNumber": "1"}
RULES = """
control: {projects: [{name: shop, control: always}], environments: [{type: production, control: always}]}
workflow: {cab_from: high}
conflicts: {more_approvals: 1}
services: [{id: checkout, tier: 1}]
waiting: [{name: all, expires_after: 7d, supersede: true}]
freezes: [{name: year end, when: {start: 2026-02-20, end: 2026-03-03}, reason: Accounts}]
hours: [{name: office, when: {start: 2026-01-05 09:00, length: 8h, rule: "FREQ=WEEKLY;BYDAY=MO,TU,WE,TH"}}]
"""


async def put_rules(stage: Stage, text: str = RULES) -> None:
    """Put rules in force."""
    client = stage.client("admin", **{"content-type": "application/yaml"})
    assert (await client.put("/api/v1/rules", content=text)).status_code == 200


async def explained(stage: Stage, gate: Gate, who: str = "viewer") -> Any:
    """Have a gate explained."""
    reply = await stage.client(who).get(f"/api/v1/gates/{gate.id}/explanation")
    assert reply.status_code == 200, reply.text
    return reply.json()


async def simulated(stage: Stage, who: str = "viewer", **query: Any) -> Any:
    """Have a deployment simulated."""
    given = {"project": "shop", "environment": "prod", "type": "production"} | query
    reply = await stage.client(who).get("/api/v1/simulation", params=given)
    assert reply.status_code == 200, reply.text
    return reply.json()


async def test_a_gate_is_explained_whole(stage: Stage) -> None:
    """Everything about a gate that waits is told: deployment, rules, change, reasons, time, calendar and story."""
    await put_rules(stage)
    gate = await stage.submit()
    await stage.client("approver").post("/api/v1/changes/CHG-1/approve", json={"comment": "Fine"})
    told = await explained(stage, gate)
    assert told["headline"].startswith("shop 1.1 → production waits: ")
    assert (told["outcome"], told["gateId"], told["stage"]) == ("required", gate.id, "held")
    assert told["gateLink"] == f"http://gate.test/gates/{gate.id}"
    assert told["deployment"] == {
        "appId": gate.key.app_id,
        "pipelineId": "pipe",
        "environmentId": "prod",
        "deploymentSequenceNumber": 1,
        "project": "shop",
        "version": "1.1",
        "environment": "production",
        "environmentType": "production",
        "url": "https://ci.example.com/run/1",
        "state": "pending",
        "said": "shop 1.1 → production",
    }
    assert told["rules"] == {
        "revision": 1,
        "inForce": 1,
        "side": "project",
        "left": "shop: always",
        "right": "* (production): always",
        "why": "It needs an approved change, whether it asks to be gated or not: both sides are always controlled.",
    }
    change = told["change"]
    assert (change["key"], change["link"], change["isThere"]) == ("CHG-1", "http://gate.test/changes/CHG-1", True)
    assert (change["found"]["how"], "passed" in change["found"]) == ("created", False)
    assert (change["type"], change["risk"], change["requestedBy"]) == ("normal", "medium", "ci")
    assert change["approvals"] == {
        "met": 1,
        "needed": 1,
        "stale": 0,
        "needs": [{"count": 1, "why": "a normal change needs the approval of one person"}],
    }
    assert change["decisions"] == [
        {"actor": "approver", "decision": "approve", "at": "2026-03-01T12:00:00Z", "comment": "Fine", "counts": True}
    ]
    assert [event.get("actor") for event in told["story"]] == ["ci", "approver"]


async def test_the_time_is_explained(stage: Stage) -> None:
    """What holds a gate now is told, what comes next, and when it opens at the earliest."""
    await put_rules(stage)
    gate = await stage.submit()
    await stage.approve(gate)
    told = await explained(stage, gate)
    assert [reason["code"] for reason in told["reasons"]] == ["frozen", "outside_hours"]
    assert told["when"] == ["At 2026-03-04 09:00:00 UTC at the earliest."]
    assert told["opensAt"] == "2026-03-04T09:00:00Z"
    assert told["calendar"] == {
        "frozen": [
            {
                "name": "year end",
                "reason": "Accounts",
                "start": "2026-02-20T00:00:00Z",
                "end": "2026-03-03T23:59:59.999999Z",
            }
        ],
        "hours": ["office"],
        "isWithinHours": False,
        "hoursTurnAt": "2026-03-02T09:00:00Z",
    }


async def test_a_deployment_is_explained_by_its_ids(stage: Stage) -> None:
    """By its ids the same is told, as long as it is clear whose deployment is meant."""
    gate = await stage.submit()
    viewer = stage.client("viewer")
    assert (await viewer.get("/api/v1/explanation", params=WHERE)).json() == await explained(stage, gate)
    await stage.add_app("cd")
    await stage.submit(app="cd")
    refused = await viewer.get("/api/v1/explanation", params=WHERE)
    assert (refused.status_code, refused.json()["detail"]) == (
        400,
        "Several apps have a deployment 1 of pipeline 'pipe' to 'prod': cd, ci.",
    )
    for name in ("ci", gate.key.app_id):
        told = (await viewer.get("/api/v1/explanation", params=WHERE | {"appId": name})).json()
        assert told["gateId"] == gate.id
    assert (await stage.client("ci").get("/api/v1/explanation", params=WHERE)).json()["gateId"] == gate.id
    missing = await viewer.get("/api/v1/explanation", params=WHERE | {"deploymentSequenceNumber": "2"})
    assert (missing.status_code, missing.json()["detail"]) == (
        404,
        "There is no deployment 2 of pipeline 'pipe' to 'prod'.",
    )
    assert (await viewer.get("/api/v1/explanation", params={"pipelineId": "pipe"})).status_code == 400


async def test_what_is_not_gated_is_explained(stage: Stage) -> None:
    """Of a deployment without a gate it is told that it has none, and why."""
    gate = await stage.submit()
    await stage.office.transact(stage.apps["ci"], withdraw.delete, gate.key)
    deployment = Deployment(
        key=gate.key,
        update_sequence_number=2,
        display_name="run 1",
        url="https://ci.example.com/run/1",
        description="",
        last_updated=stage.clock(),
        state=State.PENDING,
        pipeline=Pipeline(id="pipe", display_name="shop", url="https://ci.example.com/shop"),
        environment=Environment(id="prod", display_name="production", type=EnvironmentType.PRODUCTION),
        label="1.1",
    )
    await stage.office.transact(stage.apps["ci"], submit, [deployment])
    told = (await stage.client("viewer").get("/api/v1/explanation", params=WHERE)).json()
    assert (told["outcome"], told["headline"]) == ("no_gate", "shop 1.1 → production is not gated.")
    assert told["rules"]["why"].startswith("It does not ask to be gated")
    assert told["deployment"]["state"] == "pending"
    for name in ("gateId", "gateLink", "gatingStatus", "stage", "change", "calendar", "opensAt"):
        assert name not in told
    assert (told["reasons"], told["when"], told["story"]) == ([], [], [])


async def test_an_overdue_gate_is_decided_first(stage: Stage) -> None:
    """A gate whose time has come and that no worker has seen to is explained as it is by now."""
    gate = await stage.submit()
    await stage.approve(gate)
    await put_rules(stage, "freezes: [{name: x, when: {end: 2026-03-01 13:00}}]")
    assert (await explained(stage, gate))["gatingStatus"] == "awaiting"
    stage.clock.advance(hours=1, seconds=1)
    assert (await explained(stage, gate))["gatingStatus"] == "allowed"


async def test_an_app_is_told_less(stage: Stage) -> None:
    """An app is told of its own gate without names of people; of another one's it is told nothing."""
    gate = await stage.submit()
    await stage.client("approver").post("/api/v1/changes/CHG-1/approve", json={"comment": "Fine"})
    told = await explained(stage, gate, "ci")
    assert told["change"]["decisions"] == []
    assert "approver" not in str(told)
    assert "Fine" not in str(told)
    await stage.add_app("cd")
    assert (await stage.client("cd").get(f"/api/v1/gates/{gate.id}/explanation")).status_code == 404
    assert (await stage.client().get(f"/api/v1/gates/{gate.id}/explanation")).status_code == 401


async def test_a_change_that_is_not_there_is_told(stage: Stage) -> None:
    """Of a change that a deployment names and that is not there no more is told than that."""
    gate = await stage.submit(properties={"changeRequest": "CHG-77"})
    told = await explained(stage, gate)
    assert (told["change"]["key"], told["change"]["isThere"], "title" in told["change"]) == ("CHG-77", False, False)
    assert told["change"]["found"]["how"] == "missing"
    assert "approvals" not in told["change"]


async def test_a_deployment_is_simulated(stage: Stage) -> None:
    """Of a deployment that is not there yet all is told that would come of it, and nothing is kept."""
    await put_rules(stage)
    await stage.office.transact(ROOT, review.prepare, Draft(title="Move", services=("checkout",)))
    await stage.plan(replace(await stage.submit(), change_key="CHG-1"), stage.clock.now, None)
    query: dict[str, Any] = {
        "version": "2",
        "product": "GitLab",
        "service": ["checkout", "ghost"],
        "asks": "false",
        "plannedStart": "2026-03-05T10:00:00Z",
        "plannedEnd": "2026-03-05T12:00:00+01:00",
    }
    told = await simulated(stage, **query)
    assert told["headline"].startswith("shop 2 → prod would wait: ")
    change = told["change"]
    assert (change["key"], "link" in change, "requestedBy" in change) == ("CHG-new", False, False)
    assert change["title"] == 'GitLab: Deploy "shop" version 2 to "prod"'
    assert (change["plannedStart"], change["plannedEnd"]) == ("2026-03-05T10:00:00Z", "2026-03-05T11:00:00Z")
    assert (change["approvals"]["needed"], [one["key"] for one in change["conflicts"]]) == (3, ["CHG-1"])
    assert change["conflicts"][0]["isEarlier"] is True
    assert (told["opensAt"], told["endsAt"]) == ("2026-03-05T10:00:00Z", "2026-03-08T12:00:00Z")
    assert (told["unknownServices"], told["story"]) == (["ghost"], [])
    for name in ("gateId", "gateLink", "stage", "since"):
        assert name not in told
    for name in ("pipelineId", "deploymentSequenceNumber", "state"):
        assert name not in told["deployment"]
    assert [gate["id"] for gate in (await stage.client("viewer").get("/api/v1/gates")).json()["items"]] != []
    assert len((await stage.client("viewer").get("/api/v1/changes")).json()["items"]) == 2


async def test_a_simulation_takes_all_that_a_deployment_says(stage: Stage) -> None:
    """Another instant, type of change, number, runbook, environment id and commit are taken as they are given."""
    await put_rules(stage)
    emergency = await simulated(stage, changeType="emergency", at="2026-03-10T20:00:00Z")
    assert (emergency["change"]["type"], emergency["calendar"]["hours"]) == ("emergency", [])
    later = await simulated(stage, at="2026-03-10T10:00:00Z")
    assert (later["calendar"]["frozen"], later["calendar"]["isWithinHours"]) == ([], True)
    assert later["calendar"]["hoursTurnAt"] == "2026-03-10T17:00:00Z"
    assert later["endsAt"] == "2026-03-17T10:00:00Z"
    named = await simulated(stage, change="CHG-9")
    assert (named["gatingStatus"], named["change"]["found"]["how"]) == ("invalid", "missing")
    run = await simulated(stage, runbook="true", asks="false")
    assert (run["outcome"], run["rules"]["side"]) == ("no_gate", "runbook")
    gate = await stage.submit()
    again = await simulated(stage, environment="production", environmentId="prod", version="1.1", appId="ci")
    assert (again["change"]["key"], again["change"]["found"]["how"]) == (gate.change_key, "redeployed")
    assert again["supersedes"] == ["shop 1.1, number 1 of pipe"]
    assert (await simulated(stage, commit=["r@5e"]))["outcome"] == "required"


@pytest.mark.parametrize(
    ("query", "status", "said"),
    [
        ({"commit": "5e"}, 400, "The commit '5e' has no repository."),
        ({"at": "2026-03-10T10:00:00"}, 400, "offset"),
        ({"plannedStart": "2026-03-10T10:00:00Z", "plannedEnd": "2026-03-09T10:00:00Z"}, 400, "The planned end lies"),
        ({"appId": "nobody"}, 404, "There is no app 'nobody'."),
        ({"type": "moon"}, 400, "moon"),
    ],
)
async def test_a_sketch_that_makes_no_sense(stage: Stage, query: dict[str, str], status: int, said: str) -> None:
    """What cannot be imagined is refused, with what is wrong."""
    given = {"project": "shop", "environment": "prod"} | query
    refused = await stage.client("viewer").get("/api/v1/simulation", params=given)
    assert refused.status_code == status
    assert said in refused.json()["detail"]
