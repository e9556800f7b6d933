"""Clients as they are in the field, each through its own cycle, unmodified."""

import threading
import time

import pytest

from tests.acceptance.callers import basic, until
from tests.acceptance.house import House
from tests.acceptance.receipts import receipts
from tests.acceptance.reporters import CircleCi, CircleCiOrb, GitHubForJira, HighwayThree
from tests.acceptance.senders import GitLab, Jenkins, Upset, credentials_of
from tests.fakes.sink import running_sink


@pytest.mark.parametrize("job", ["lighthouse/release/main", "-1290177344"], ids=["folders", "hash"])
def test_jenkins_waits_and_deploys(sqlite_house: House, job: str) -> None:
    """Jenkins waits step by step, over a restart of the server, goes on when a person approves, and reports the end."""
    server = sqlite_house.serve()
    person = sqlite_house.first_user(server)
    jenkins = Jenkins(server.url, credentials_of(sqlite_house.app(person, "jenkins").made))
    assert jenkins.send(job, 58, "pending", is_gated=True) == "accepted"
    assert jenkins.check(job, 58) is False
    results: list[bool] = []
    waiting = threading.Thread(target=lambda: results.append(jenkins.wait_until_allowed(job, 58)))
    waiting.start()
    server.kill()
    time.sleep(0.3)
    sqlite_house.again(server)
    (gate,) = person.get("/gates")["items"]
    person.approve(gate["changeKey"])
    waiting.join(20)
    assert results == [True]
    # It numbers its updates by the second, and begins and ends within one.
    for state in ("in_progress", "successful"):
        assert jenkins.send(job, 58, state) == "accepted"
    assert person.change(gate["changeKey"])["status"] == "Resolved"
    jenkins.close()


def test_jenkins_aborts(sqlite_house: House) -> None:
    """A decline aborts the run in Jenkins, and a status that nobody has asked for fails its step."""
    server = sqlite_house.serve()
    person = sqlite_house.first_user(server)
    jenkins = Jenkins(server.url, credentials_of(sqlite_house.app(person, "jenkins").made))
    jenkins.send("lighthouse", 59, "pending", is_gated=True)
    person.decline(person.get("/gates")["items"][0]["changeKey"])
    assert jenkins.wait_until_allowed("lighthouse", 59) is False
    calls = jenkins.calls
    with pytest.raises(Upset, match="404"):
        jenkins.check("lighthouse", 60)
    assert jenkins.calls == calls + 1 + (1 + Jenkins.RETRIES)
    jenkins.close()


def test_jenkins_asks_too_late(sqlite_house: House) -> None:
    """A step that asks to be held when the deployment runs already logs why it was rejected; the next step fails."""
    server = sqlite_house.serve()
    person = sqlite_house.first_user(server)
    jenkins = Jenkins(server.url, credentials_of(sqlite_house.app(person, "jenkins").made))
    said = jenkins.send("lighthouse", 61, "in_progress", is_gated=True)
    assert said.startswith("rejected: the command 'initiate_deployment_gating' is only valid with state 'pending'")
    with pytest.raises(Upset, match="404"):
        jenkins.check("lighthouse", 61)
    jenkins.close()


def test_gitlab_is_told_and_deploys(sqlite_house: House) -> None:
    """GitLab is told of its blocked deployment by callback, runs and succeeds; one without a job is no trouble."""
    server = sqlite_house.serve()
    person = sqlite_house.first_user(server)
    with running_sink() as sink:
        app = sqlite_house.app(person, "gitlab", sink.url)
        gitlab = GitLab(server.url, credentials_of(app.made))
        for status in ("created", "blocked"):
            gitlab.send(412, status)
            time.sleep(0.005)
        (gate,) = person.get("/gates")["items"]
        change = person.approve(gate["changeKey"])
        sink.wait(2)
        heard = receipts(sink, app.made["signingSecret"])
        assert [(receipt.key, receipt.status) for receipt in heard] == [
            (("20871", "61", 412), "awaiting"),
            (("20871", "61", 412), "allowed"),
        ]
        assert "harbour/ferry" in change["title"]
        assert "\n" not in change["title"]
        for status in ("running", "success"):
            gitlab.send(412, status)
            time.sleep(0.005)
        assert person.change(gate["changeKey"])["status"] == "Resolved"
        for status in ("running", "success"):
            gitlab.send(9, status, has_job=False)
            time.sleep(0.005)
        assert gitlab.trouble == []
        gitlab.close()
        assert len(person.get("/gates")["items"]) == 1


def test_github_for_jira_sends_and_disconnects(sqlite_house: House) -> None:
    """GitHub for Jira sends without trouble, history first, and disconnecting takes all away that it had sent."""
    server = sqlite_house.serve()
    person = sqlite_house.first_user(server)
    github = GitHubForJira(server.url, credentials_of(sqlite_house.app(person, "github").made))
    for number in range(2147485001, 2147485004):
        github.send(number, "successful", operation="BACKFILL")
    for state in ("pending", "in_progress", "successful"):
        time.sleep(0.005)
        github.send(2147485099, state)
    assert github.trouble == []
    assert [github.reads(number) for number in (2147485001, 2147485099)] == [200, 200]
    assert person.get("/gates")["items"] == []
    # Another repository, in the same pipeline and environment: GitHub's task and environment are but names.
    github.send(2147485100, "successful", repository=90211)
    github.disconnect(repository=90211)
    assert [github.reads(number) for number in (2147485099, 2147485100)] == [200, 404]
    github.disconnect()
    until(lambda: [github.reads(number) for number in (2147485001, 2147485099)] == [404, 404])
    github.close()


def test_circleci_sends(sqlite_house: House) -> None:
    """CircleCI's numbers as strings and its empty keys are accepted, run after run, and nothing is unknown."""
    server = sqlite_house.serve()
    person = sqlite_house.first_user(server)
    circle = CircleCi(server.url, credentials_of(sqlite_house.app(person, "circleci").made))
    for run in (731, 732):
        for second, state in enumerate(["pending", "in_progress", "successful"]):
            circle.send(run, state, second=second)
        assert circle.state(run) == "successful"
        # The same second again: accepted, and without effect.
        circle.send(run, "failed", second=2)
        assert circle.state(run) == "successful"
    circle.close()


def test_circleci_names_the_gate_as_its_webhook(sqlite_house: House) -> None:
    """The orb 2.x posts to the bulk address, with id and secret for its token; a refusal stops it in our words."""
    server = sqlite_house.serve()
    person = sqlite_house.first_user(server)
    app = sqlite_house.app(person, "circleci")
    orb = CircleCiOrb(server.url, basic(app.made["clientId"], app.made["clientSecret"]))
    for run in (741, 742):
        orb.notify(run, "successful")
    with pytest.raises(Upset, match="has a service id longer than 255 characters"):
        orb.notify(743, "failed", service="b:" + "x" * 255)
    stranger = CircleCiOrb(server.url, "a token of CircleCI's own")
    with pytest.raises(Upset, match="401"):
        stranger.notify(744, "successful")
    for each in (orb, stranger):
        each.close()


def test_highwaythree_uploads(sqlite_house: House) -> None:
    """The action's run ends under the number of its begin; what comes again changes nothing, and a refusal is told."""
    server = sqlite_house.serve()
    person = sqlite_house.first_user(server)
    action = HighwayThree(server.url, credentials_of(sqlite_house.app(person, "ropes").made))
    run = 11223344556
    for state, kept in [("in_progress", "in_progress"), ("successful", "successful"), ("failed", "successful")]:
        action.upload(run, state)
        assert action.state(run) == kept
    with pytest.raises(Upset, match="'issueKeys' has ' ROPE-2', which is no issue key"):
        action.upload(run + 1, "successful", keys="ROPE-1, ROPE-2")
    action.close()
