"""`submit`, as an app of a real server."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.cli.running import COMMAND, Run, Server, outside
from tests.fakes.sink import answers, hangs_up, is_busy, running_sink

WHERE = ("--pipeline", "a/b c", "--environment", "eu")


@pytest.mark.usefixtures("as_app")
def test_a_pending_deployment_is_gated(run: Run) -> None:
    """A pending deployment asks to be gated by itself; its gating status and its change are shown."""
    told = run("submit", *WHERE, "--sequence", "1", "--json").well().json
    assert told["acceptedDeployments"] == [
        {"pipelineId": "a/b c", "environmentId": "eu", "deploymentSequenceNumber": 1}
    ]
    (state,) = told["gatingStatuses"]
    assert state["gatingStatus"] == "awaiting"
    assert "/changes/CHG-" in state["details"][0]["issueLink"]
    shown = run("submit", *WHERE, "--sequence", "1").well().out
    assert "accepted: a/b c → eu #1" in shown
    assert "awaiting: a/b c → eu #1" in shown


@pytest.mark.usefixtures("as_app")
def test_everything_that_can_be_said(run: Run) -> None:
    """Every option reaches the deployment."""
    argv = [*WHERE, "--sequence", "2", "--update-sequence", "7", "--state", "pending", "--gate", "--json"]
    argv += ["--pipeline-name", "Shop", "--pipeline-url", "https://ci/p", "--environment-name", "Europe"]
    argv += ["--environment-type", "staging", "--version", "9.9", "--display-name", "Shop 9.9", "--url", "https://ci/2"]
    argv += ["--description", "two\nlines", "--issue", "SHOP-1", "--service", "s-1", "--commit", "repo@git@abc"]
    run("submit", *argv).well()
    gate = run("status", *WHERE, "--sequence", "2", "--json").well().json
    assert (gate["project"], gate["version"], gate["environment"]) == ("Shop", "9.9", "Europe")
    assert (gate["environmentType"], gate["url"]) == ("staging", "https://ci/2")


@pytest.mark.usefixtures("as_app")
def test_a_deployment_that_does_not_ask(run: Run) -> None:
    """One that is not pending, or says --no-gate, is accepted and not gated, so there is nothing to wait for."""
    assert run("submit", *WHERE, "--sequence", "3", "--no-gate", "--json").well().json["gatingStatuses"] == []
    assert run("submit", *WHERE, "--sequence", "4", "--state", "successful", "--json").json["gatingStatuses"] == []
    ended = run("submit", *WHERE, "--sequence", "5", "--no-gate", "--wait", "--json")
    assert (ended.code, ended.complaint["type"]) == (2, "Malformed")


@pytest.mark.usefixtures("as_app")
def test_a_rejected_deployment(run: Run) -> None:
    """A deployment that is rejected ends with 2, and its messages are shown."""
    argv = ("submit", *WHERE, "--sequence", "6", "--state", "successful", "--gate")
    ended = run(*argv)
    assert ended.code == 2
    assert "rejected: a/b c → eu #6" in ended.out
    assert "initiate_deployment_gating" in ended.out
    assert run(*argv, "--json").json["rejectedDeployments"][0]["errors"]


@pytest.mark.usefixtures("as_app")
@pytest.mark.parametrize(
    ("argv", "kind"),
    [
        (["--pipeline", "x"], "Malformed"),
        ([*WHERE, "--sequence", "1", "--commit", "abc"], "Malformed"),
        ([*WHERE, "--sequence", "1", "--file", "x.json"], "Malformed"),
        (["--file", "missing.json"], "Malformed"),
        (["--file", "broken.json"], "Malformed"),
        (["--file", "many.json"], "TooLarge"),
        ([*WHERE, "--sequence", "1", "--environment-type", "moon"], "Malformed"),
    ],
    ids=" ".join,
)
def test_what_cannot_be_submitted(run: Run, tmp_path: Path, argv: list[str], kind: str) -> None:
    """What is incomplete, contradictory, unreadable or too large ends with 2, before or after it was sent."""
    (tmp_path / "broken.json").write_text("{")
    (tmp_path / "many.json").write_text(json.dumps({"deployments": [{}] * 101}))
    ended = run("submit", *argv, "--json")
    assert (ended.code, ended.complaint["type"]) == (2, kind)


def bulk(number: int) -> dict[str, Any]:
    """Write a body with one deployment that is right and one that is not."""
    right = {
        "deploymentSequenceNumber": number,
        "updateSequenceNumber": 1,
        "displayName": "d",
        "url": None,
        "description": "two\nlines",
        "lastUpdated": "2026-02-03T09:41:07Z",
        "state": "pending",
        "pipeline": None,
        "environment": {"id": "eu", "displayName": "Europe", "type": "production"},
        "issueKeys": [""],
        "commands": [{"command": "initiate_deployment_gating"}],
    }
    return {"deployments": [right, {**right, "state": "flying"}]}


@pytest.mark.usefixtures("as_app")
def test_a_file_is_sent_as_it_is(run: Run, tmp_path: Path) -> None:
    """A bulk file is submitted as it is; what is wrong with one deployment spares the other."""
    (tmp_path / "bulk.json").write_text(json.dumps(bulk(1)))
    ended = run("submit", "--file", "bulk.json", "--json")
    assert ended.code == 2
    assert len(ended.json["acceptedDeployments"]) == len(ended.json["rejectedDeployments"]) == 1
    assert ended.json["gatingStatuses"][0]["gatingStatus"] == "awaiting"


@pytest.mark.usefixtures("as_app")
def test_standard_input(server: Server, tmp_path: Path) -> None:
    """A bulk file can come by standard input."""
    ended = subprocess.run(
        [*COMMAND, "submit", "--file", "-", "--json"],
        input=json.dumps(bulk(2)).encode(),
        env={**outside(), **server.as_app},
        cwd=tmp_path,
        capture_output=True,
        check=False,
    )
    assert (ended.returncode, ended.stderr) == (2, b"")
    assert json.loads(ended.stdout)["acceptedDeployments"][0]["deploymentSequenceNumber"] == 2


def test_without_credentials(run: Run, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without client credentials it ends with 3; with wrong ones with 2."""
    monkeypatch.setenv("MITREGATE_URL", server.url)
    ended = run("submit", *WHERE, "--sequence", "1", "--json")
    assert (ended.code, ended.complaint["type"]) == (3, "Misconfigured")
    monkeypatch.setenv("MITREGATE_CLIENT_ID", "x")
    monkeypatch.setenv("MITREGATE_CLIENT_SECRET", "y")
    ended = run("submit", *WHERE, "--sequence", "1", "--json")
    assert (ended.code, ended.complaint["type"]) == (2, "Unproven")


def test_nobody_there(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that does not answer ends with 4; without MITREGATE_URL it is looked for on this machine."""
    monkeypatch.setenv("MITREGATE_PORT", "9")
    monkeypatch.setenv("MITREGATE_CLIENT_ID", "x")
    monkeypatch.setenv("MITREGATE_CLIENT_SECRET", "y")
    ended = run("submit", *WHERE, "--sequence", "1", "--json")
    assert (ended.code, ended.complaint["type"]) == (4, "Unreachable")
    assert "http://127.0.0.1:9" in ended.complaint["advice"]


def test_a_server_that_is_away_for_a_moment(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """A submission is tried again while the server does not answer or asks for time; that is said once."""
    key = {"pipelineId": "a/b c", "environmentId": "eu", "deploymentSequenceNumber": 1}
    about = {"version": "1", "baseUrl": "", "database": "sqlite", "time": "2026-02-03T09:41:07Z"}
    with running_sink() as sink:
        sink.tell(hangs_up, answers(200, b'{"access_token": "mga_1"}'), answers(200, json.dumps(about).encode()))
        sink.tell(is_busy("0"), answers(202, json.dumps({"acceptedDeployments": [key]}).encode()), answers(404))
        where = f"127.0.0.1:{sink.port}"
        monkeypatch.setenv("MITREGATE_URL", f"http://{where}")
        monkeypatch.setenv("MITREGATE_CLIENT_ID", "x")
        monkeypatch.setenv("MITREGATE_CLIENT_SECRET", "y")
        ended = run("submit", *WHERE, "--sequence", "1").well()
        assert ended.out == "accepted: a/b c → eu #1\n"
        assert ended.err.splitlines() == [
            f"{where} gave no reply: it closed the connection without a reply. Trying on.",
            "The server answers again.",
        ]
        assert [taken.target.rpartition("/")[2] for taken in sink.requests] == [
            *("token", "token", "about", "bulk", "bulk", "gating-status")
        ]


def test_a_token_that_cannot_be_sent(run: Run, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """A token with a line break amid it ends with 2, and is not shown."""
    monkeypatch.setenv("MITREGATE_URL", server.url)
    monkeypatch.setenv("MITREGATE_TOKEN", "mgt_x\nmgt_y")
    ended = run("status", "--json")
    assert (ended.code, ended.complaint["type"]) == (2, "Unproven")
    assert "MITREGATE_TOKEN" in ended.complaint["advice"]
    assert "mgt_y" not in ended.err
