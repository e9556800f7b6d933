"""The Jenkins plugin 2.x, unmodified, through its own cycle over sockets."""

import time
from typing import Any

import pytest

from tests.acceptance.callers import Person
from tests.acceptance.house import House
from tests.fakes.jenkins_plugin import AbortedRun, FailedStep, JenkinsPlugin

JOB = "lighthouse/release/main"
ONE, OTHER = "harbour/Aa", "harbour/BB"
PAUSE_S = 0.5
"""Five seconds in the plugin."""


def added(person: Person, name: str = "jenkins") -> dict[str, Any]:
    """Add a Jenkins server."""
    made: dict[str, Any] = person.ask("POST", "/api/v1/apps/jenkins", json={"name": name}).expect(201).json
    return made


def plugin_of(made: dict[str, Any], skew: float = 0) -> JenkinsPlugin:
    """Paste into a plugin what was shown; its clock is *skew* seconds ahead."""
    return JenkinsPlugin(made["webhookUrl"], made["secret"], lambda: time.time() + skew, PAUSE_S)


def change_of(person: Person, job: str) -> str:
    """Find the change of the gate that a job waits at."""
    (key,) = [gate["changeKey"] for gate in person.get("/gates")["items"] if gate["project"] == job]
    return str(key)


def test_jenkins_is_connected(sqlite_house: House) -> None:
    """The connection is tested and saved, its settings are shown, and a build is told of; none of it is a trouble."""
    person = sqlite_house.first_user(sqlite_house.serve())
    plugin = plugin_of(added(person))
    assert plugin.test_connection() == "Successfully validated site credentials"
    plugin.save(autoBuildEnabled=True, autoDeploymentsRegex="^deploy to (?<envName>.*)$")
    (app,) = person.get("/apps")["items"]
    assert app["jenkins"]["config"] == {
        "ipAddress": "192.0.2.44",
        "autoBuildEnabled": "true",
        "autoDeploymentsEnabled": "false",
        "autoDeploymentsRegex": "^deploy to (?<envName>.*)$",
    }
    assert plugin.send_build(JOB, 57, "successful") == "SUCCESS_BUILD_ACCEPTED"
    assert person.get("/gates")["items"] == []


def test_jenkins_waits_and_deploys(house: House) -> None:
    """A build waits, over a restart of the server, goes on when a person approves, and completes its change."""
    server = house.serve()
    person = house.first_user(server)
    plugin = plugin_of(added(person))
    assert plugin.send(JOB, 58, "pending", is_gated=True) == "SUCCESS_DEPLOYMENT_ACCEPTED"
    assert plugin.check(JOB, 58) is False
    key = change_of(person, JOB)
    server.kill()
    house.again(server)
    assert plugin.check(JOB, 58) is False
    person.approve(key)
    assert plugin.check(JOB, 58) is True
    assert f"Related issues: {server.url}/changes/{key}, gating status: ALLOWED." in plugin.log[-1]
    # Within one second, for which the plugin has one number.
    assert plugin.send(JOB, 58, "in_progress") == "SUCCESS_DEPLOYMENT_ACCEPTED"
    assert plugin.send(JOB, 58, "successful") == "SUCCESS_DEPLOYMENT_ACCEPTED"
    assert person.change(key)["status"] == "Resolved"


def test_a_decline_aborts_the_run(sqlite_house: House) -> None:
    """A declined build is interrupted, with the link to its change in its log."""
    server = sqlite_house.serve()
    person = sqlite_house.first_user(server)
    plugin = plugin_of(added(person))
    plugin.send(JOB, 59, "pending", is_gated=True)
    key = change_of(person, JOB)
    person.decline(key)
    with pytest.raises(AbortedRun, match=f"{server.url}/changes/{key}, gating status: PREVENTED"):
        plugin.check(JOB, 59)


def test_what_goes_wrong_is_said_in_jenkins(sqlite_house: House) -> None:
    """A wrong secret, clocks that differ and a step that is missing are told in the build, at once."""
    person = sqlite_house.first_user(sqlite_house.serve())
    made = added(person)
    other = plugin_of({**made, "secret": added(person, "other")["secret"]})
    assert other.test_connection().startswith(
        "Error message from Jira: The token's signature does not fit. Compare the"
    )
    assert other.send(JOB, 60, "pending", is_gated=True) == "FAILURE_DEPLOYMENTS_API_RESPONSE"
    with pytest.raises(FailedStep, match="signature does not fit"):
        other.save()
    for skew, said in ((60, "The token is of the future"), (-600, "The token has expired")):
        assert f"Error message from Jira: {said}" in plugin_of(made, skew).test_connection()
    plugin = plugin_of(made)
    with pytest.raises(FailedStep, match=r"was not sent to Mitregate .* must run jiraSendDeploymentInfo"):
        plugin.check(JOB, 60)
    assert plugin.send(JOB, 60, "in_progress", is_gated=True) == "FAILURE_DEPLOYMENT_REJECTED"
    assert "is only valid with state 'pending'" in plugin.log[-1]
    assert plugin.calls == 4
    gone = plugin_of({**made, "webhookUrl": made["webhookUrl"] + "0"})
    assert "No Jenkins server with the id" in gone.test_connection()


def test_colliding_jobs_do_not_pass_as_each_other(house: House) -> None:
    """Of two jobs whose names have one hash neither passes by the approval of the other; the change says why."""
    server = house.serve()
    person = house.first_user(server)
    plugin = plugin_of(added(person))
    plugin.send(ONE, 7, "pending", is_gated=True)
    key = change_of(person, ONE)
    person.approve(key)
    assert plugin.check(ONE, 7) is True
    assert plugin.send(OTHER, 7, "pending", is_gated=True) == "SUCCESS_DEPLOYMENT_ACCEPTED"
    for job in (ONE, OTHER):
        with pytest.raises(FailedStep, match=f"{server.url}/changes/{key}, gating status: INVALID"):
            plugin.check(job, 7)
    (gate,) = person.change(key)["gates"]
    assert [reason["code"] for reason in gate["reasons"]] == ["key_collision"]
    assert "gate.contested" in server.said
    # Builds of other numbers, and jobs of other names, are not touched.
    for job, build in ((OTHER, 8), (JOB, 7)):
        plugin.send(job, build, "pending", is_gated=True)
        assert plugin.check(job, build) is False


def test_a_secret_changes_while_builds_run(sqlite_house: House) -> None:
    """While Jenkins has the old secret its builds go on; once it has used the new one, the old one is refused."""
    person = sqlite_house.first_user(sqlite_house.serve())
    made = added(person)
    old = plugin_of(made)
    renewed = person.ask("POST", f"/api/v1/apps/{made['id']}/rotate", json={}).expect(201).json
    assert old.send(JOB, 62, "pending", is_gated=True) == "SUCCESS_DEPLOYMENT_ACCEPTED"
    new = plugin_of(renewed)
    assert new.test_connection() == "Successfully validated site credentials"
    assert new.check(JOB, 62) is False
    with pytest.raises(FailedStep, match="signature does not fit"):
        old.check(JOB, 62)
