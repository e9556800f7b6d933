"""The web-trigger of the Jenkins plugin 2.x: what it answers, in which words, and what its settings look like."""

import json
from typing import Any

import pytest
from structlog.testing import capture_logs

from mitregate.core.errors import Misconfigured, StoreError
from mitregate.flows import review, withdraw
from mitregate.web.jenkins import BODY_LIMIT
from tests.fakes.jenkins_plugin import build_event, gating_query, hash_of, token_of
from tests.web.farm import JOB, PING, TWIN, Server, open_server, said
from tests.web.stage import ROOT, Stage


@pytest.fixture
async def server(stage: Stage) -> Server:
    """A Jenkins server called jenkins."""
    return await open_server(stage)


# --- what it answers ---


async def test_a_ping_is_answered(server: Server) -> None:
    """The test of the connection is answered in the plugin's own words."""
    reply = await server.post(PING)
    assert (reply.status_code, reply.json(), reply.headers["content-type"]) == (
        200,
        {"success": True},
        "application/json",
    )


async def test_a_deployment_is_submitted(server: Server, stage: Stage) -> None:
    """A deployment event is answered as Jira answers, with all four lists; it waits, and carries whose it is."""
    key = {"pipelineId": str(hash_of(JOB)), "environmentId": "prod-eu", "deploymentSequenceNumber": 58}
    assert await server.tell("pending", is_gated=True) == {
        "acceptedDeployments": [key],
        "rejectedDeployments": [],
        "unknownIssueKeys": [],
        "unknownAssociations": [],
    }
    marks = {"source": "jenkins", "cloudId": "cloud", "jenkinsServerUuid": server.made.server.server_uuid}
    (found,) = await stage.office.read(lambda uow: uow.deployments.by_properties(server.made.app.id, marks))
    assert (found.pipeline_id, found.sequence_number) == (str(hash_of(JOB)), 58)
    status = await server.ask()
    assert {name: status[name] for name in key} == key
    assert status["gatingStatus"] == "awaiting"
    assert status["details"][0]["type"] == "issue"


async def test_a_gate_follows_its_change(server: Server, stage: Stage) -> None:
    """A build is told awaiting, then allowed when its change is approved, and the change is completed at its end."""
    await server.tell("pending", is_gated=True)
    key = (await server.ask())["details"][0]["issueKey"]
    await stage.office.transact(ROOT, review.approve, key, "")
    assert (await server.ask())["gatingStatus"] == "allowed"
    await server.tell("in_progress")
    await server.tell("successful")
    change = await stage.client("admin").get(f"/api/v1/changes/{key}")
    assert change.json()["status"] == "Resolved"


async def test_an_overdue_gate_is_decided_first(server: Server, stage: Stage) -> None:
    """A build that asks after the end of its window is told so, although no worker has looked at the clock."""
    await server.tell("pending", is_gated=True)
    key = (await server.ask())["details"][0]["issueKey"]
    await stage.office.transact(ROOT, review.plan, key, None, stage.clock())
    await stage.office.transact(ROOT, review.approve, key, "")
    assert (await server.ask())["gatingStatus"] == "allowed"
    stage.clock.advance(seconds=1)
    assert (await server.ask())["gatingStatus"] == "prevented"


async def test_what_is_rejected_is_told(server: Server) -> None:
    """A deployment that asks for gating when it has begun is rejected by itself, in the 202."""
    found = await server.tell("in_progress", is_gated=True)
    assert found["acceptedDeployments"] == []
    assert "only valid with state 'pending'" in found["rejectedDeployments"][0]["errors"][0]["message"]


async def test_builds_are_answered_and_not_kept(server: Server, stage: Stage) -> None:
    """A build event is answered as Jira's builds API does, and leaves nothing behind."""
    reply = await server.post(build_event(JOB, 12, "successful", stage.clock().timestamp()))
    assert (reply.status_code, reply.json()) == (
        202,
        {
            "acceptedBuilds": [{"pipelineId": str(hash_of(JOB)), "buildNumber": 12}],
            "rejectedBuilds": [],
            "unknownIssueKeys": [],
        },
    )
    assert await stage.office.read(lambda uow: uow.deployments.of_app(server.made.app.id)) == []


async def test_settings_are_shown(server: Server, stage: Stage) -> None:
    """What the plugin tells of its settings is shown with the app, and never its secret."""
    reply = await server.post({"requestType": "pluginConfig", "ipAddress": "192.0.2.44", "autoBuildEnabled": True})
    assert (reply.status_code, reply.json()) == (200, {"success": True})
    listed = (await stage.client("admin").get("/api/v1/apps")).json()["items"]
    (app,) = [app for app in listed if app["name"] == "jenkins"]
    assert (app["kind"], app["jenkins"]) == (
        "jenkins",
        {
            "serverUuid": server.made.server.server_uuid,
            "config": {"ipAddress": "192.0.2.44", "autoBuildEnabled": "true"},
        },
    )
    assert "clientId" not in app
    assert server.secret not in json.dumps(listed)


async def test_a_content_type_is_not_asked_for(server: Server) -> None:
    """What the body is called makes no difference; the token alone counts, line ends around it or not."""
    token = token_of(PING, server.secret, server.stage.clock().timestamp())
    for kind in ("application/jwt", "text/plain", "application/json"):
        assert (await server.post_raw(f" {token}\n", **{"content-type": kind})).status_code == 200


# --- what it refuses ---


async def test_a_status_that_nobody_asked_for_says_what_to_do(server: Server) -> None:
    """A build without a gate is told which step has to come first; and when it came without asking for gating."""
    assert said(await server.post(gating_query(JOB, 58)), 404) == (
        f"Build 58 of this job (pipeline id '{hash_of(JOB)}') was not sent to Mitregate for the environment id "
        "'prod-eu', so there is no gating status. Before checkGatingStatus, the same build must run "
        "jiraSendDeploymentInfo with the same environmentId, with state: 'pending' and enableGating: true, and "
        "with serviceIds or issueKeys, without which it sends nothing."
    )
    await server.tell("pending")
    assert "was sent without asking for gating" in said(await server.post(gating_query(JOB, 58)), 404)


async def test_the_wrong_secret_is_said_to_be_wrong(server: Server, stage: Stage) -> None:
    """A token signed with another secret is refused in words that name the secret, and it is on record in the log."""
    server.secret = "guess" * 8
    with capture_logs() as logs:
        words = said(await server.post(PING))
    assert words == (
        "The token's signature does not fit. Compare the secret in Jenkins with the one that belongs to this webhook "
        "URL, and the clocks of both machines: here it is 2026-03-01 12:00:00 UTC."
    )
    assert [entry["event"] for entry in logs] == ["jenkins.refused"]


@pytest.mark.parametrize(("seconds", "word"), [(1, "future"), (-400, "expired")])
async def test_clocks_that_differ_are_said_to_differ(server: Server, seconds: float, word: str) -> None:
    """A token of the future, or one that has expired, is refused with what the clock says here."""
    now = server.stage.clock().timestamp() + seconds
    words = said(await server.post_raw(token_of(PING, server.secret, now)))
    assert word in words
    assert "here it is 2026-03-01 12:00:00 UTC" in words


@pytest.mark.parametrize(
    ("target", "words"),
    [
        ("/jenkins/web-trigger", "The webhook URL does not say which Jenkins server it belongs to"),
        ("/jenkins/web-trigger?jenkins_server_uuid=", "has no 'jenkins_server_uuid'"),
        ("/jenkins/web-trigger?jenkins_server_uuid=nobody", "No Jenkins server with the id 'nobody' is known here"),
        ("/jenkins/web-trigger?jenkins_server_uuid=%00", "NUL"),
    ],
)
async def test_an_address_of_nobody_is_refused(server: Server, target: str, words: str) -> None:
    """Who sends to an address without a server, or with one that is not known, is told so."""
    token = token_of(PING, server.secret, server.stage.clock().timestamp())
    assert words in said(await server.post_raw(token, target))


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        ({"requestType": "tea"}, "The request type 'tea' is not known here"),
        ({"requestType": "event", "eventType": "tea"}, "The event type 'tea' is not known here"),
        ({"requestType": "event", "eventType": "deployment"}, "must be a JSON object, not null"),
        (
            {"requestType": "event", "eventType": "deployment", "payload": {"deployments": []}},
            "at least one deployment",
        ),
        (
            {"requestType": "event", "eventType": "build", "payload": {}},
            "The payload of the build event cannot be read",
        ),
        ({"requestType": "gatingStatus"}, "'pipelineId' must be text"),
    ],
)
async def test_what_is_not_known_is_refused(server: Server, request_: dict[str, Any], words: str) -> None:
    """A request of another kind is refused in words."""
    assert words in said(await server.post(request_))


async def test_a_body_without_end_is_refused(server: Server) -> None:
    """A body beyond the limit is refused unread."""
    assert "more than" in said(await server.post_raw(b"x" * (BODY_LIMIT + 1)), 413)


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE"])
async def test_only_post_is_answered(server: Server, method: str) -> None:
    """Whoever opens the webhook URL in a browser is told what it is for."""
    reply = await server.stage.client().request(method, server.target)
    assert (reply.status_code, reply.headers["allow"]) == (405, "OPTIONS, POST")
    assert method == "HEAD" or "which sends POST" in reply.text


async def test_options_are_answered(server: Server) -> None:
    """Whoever asks which methods there are is told."""
    reply = await server.stage.client().options(server.target)
    assert (reply.status_code, reply.headers["allow"], reply.content) == (204, "OPTIONS, POST", b"")


async def test_a_server_that_was_removed_is_unknown(server: Server, stage: Stage) -> None:
    """A server whose app was removed is refused from then on."""
    await stage.office.transact(ROOT, withdraw.remove_app, server.made.app.id)
    assert "perhaps it was removed" in said(await server.post(PING))


class Failing:
    """A store that fails in one way."""

    def __init__(self, failure: Exception) -> None:
        self.failure = failure

    async def read(self, _flow: object) -> None:
        """Fail."""
        raise self.failure


@pytest.mark.parametrize(
    ("failure", "status", "words"),
    [
        (StoreError("at /secret/place"), 503, "The database did not answer as it should. Nothing needs to be changed"),
        (
            Misconfigured("It was sealed with another key."),
            400,
            "It was sealed with another key. Run `mitregate doctor`",
        ),
        (ZeroDivisionError("secret"), 500, "Something went wrong in Mitregate: "),
    ],
    ids=["down", "operator", "surprise"],
)
async def test_what_fails_here_is_said(server: Server, failure: Exception, status: int, words: str) -> None:
    """What passes is answered so that the plugin tries again; what an operator must mend is told to whoever builds."""
    server.stage.office.store = Failing(failure)  # type: ignore[assignment]
    reply = await server.post(PING)
    assert words in said(reply, status)
    assert "secret" not in reply.text
    assert ("retry-after" in reply.headers) is (status == 503)


# --- two jobs with one hash ---


async def test_colliding_jobs_are_told_apart(server: Server, stage: Stage) -> None:
    """When two jobs with one hash claim a gate, both are told invalid, the page says why, and the log warns."""
    await server.tell("pending", is_gated=True)
    key = (await server.ask())["details"][0]["issueKey"]
    await stage.office.transact(ROOT, review.approve, key, "")
    assert (await server.ask())["gatingStatus"] == "allowed"
    with capture_logs() as logs:
        assert (await server.tell("pending", job=TWIN, is_gated=True))["acceptedDeployments"] != []
    (warning,) = [entry for entry in logs if entry["event"] == "gate.contested"]
    assert (warning["log_level"], warning["app"]) == ("warning", "jenkins")
    assert [(await server.ask(job))["gatingStatus"] for job in (JOB, TWIN)] == ["invalid", "invalid"]
    (gate,) = (await stage.client("admin").get("/api/v1/gates")).json()["items"]
    (reason,) = gate["reasons"]
    assert (reason["code"], reason["message"]) == ("key_collision", warning["why"])
    assert "The jobs 'harbour/Aa' and 'harbour/BB' share the pipeline id" in reason["message"]
