"""Clients as they are in the field, each through its own cycle, unmodified."""

import threading
import time

import pytest

from tests.acceptance.callers import until
from tests.acceptance.house import House
from tests.acceptance.receipts import receipts
from tests.acceptance.senders import CircleCi, GitHubForJira, GitLab, Jenkins, Upset, credentials_of
from tests.fakes.sink import running_sink

SECOND_CHANGES_S = 1.05
"""Jenkins numbers its updates by the second; two within one second are one."""


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
    jenkins.send(job, 58, "in_progress", wait_s=SECOND_CHANGES_S)
    jenkins.send(job, 58, "successful", wait_s=SECOND_CHANGES_S)
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
