"""Jenkins servers on the command line, beside a server and over HTTP."""

import os
from pathlib import Path

import pytest

from tests.cli.running import Run

NAME = f"{os.getpid()}"


def test_a_jenkins_is_told_what_to_paste(run: Run, desk: str) -> None:
    """A Jenkins server is added with what is pasted there, each under the name that it has in Jenkins."""
    name = f"farm {desk} {NAME}"
    shown = run("app", "add", name, "--jenkins").well().out
    assert f"The Jenkins server '{name}' was added." in shown
    assert "Manage Jenkins > Atlassian Jira Software Cloud > Add Site" in shown
    assert "Site Name    127.0.0.1" in shown
    assert "/jenkins/web-trigger?jenkins_server_uuid=" in shown
    assert "The secret is shown only this once." in shown
    assert shown.count("Mind: ") == 2
    (listed,) = [app for app in run("app", "list", "--json").well().json["items"] if app["name"] == name]
    assert (listed["kind"], listed["jenkins"]["config"], "clientId" in listed) == ("jenkins", {}, False)
    (row,) = [line for line in run("app", "list").well().out.splitlines() if name in line]
    assert " jenkins " in row
    assert run("app", "remove", listed["jenkins"]["serverUuid"], "--json").well().json["removed"] is True


def test_a_jenkins_is_shown(run: Run, desk: str) -> None:
    """What is pasted into Jenkins is shown again, but for the secret; other apps are shown, too."""
    name = f"shown {desk} {NAME}"
    added = run("app", "add", name, "--jenkins", "--json").well().json
    assert added["webhookUrl"].endswith(f"/jenkins/web-trigger?jenkins_server_uuid={added['serverUuid']}")
    for word in (name, added["id"], added["serverUuid"]):
        shown = run("app", "show", word).well().out
        assert added["webhookUrl"] in shown
        assert added["secret"] not in shown
        assert shown.count("Mind: ") == 2
    assert run("app", "show", name, "--json").well().json["jenkins"]["serverUuid"] == added["serverUuid"]
    run("app", "remove", name).well()
    other = run("app", "add", f"plain {desk} {NAME}", "--json").well().json
    shown = run("app", "show", other["clientId"]).well().out
    assert other["clientId"] in shown
    assert "webhook" not in shown
    run("app", "remove", other["id"]).well()


def test_a_secret_is_replaced(run: Run, desk: str) -> None:
    """Another secret is shown once, and it is said for how long the old one is good."""
    name = f"rotated {desk} {NAME}"
    added = run("app", "add", name, "--jenkins", "--callback", "https://ci/x", "--json").well().json
    assert added["signingSecret"].startswith("whsec_")
    shown = run("app", "rotate", name).well().out
    assert "the old one is good until Jenkins has used the new one" in shown
    assert "the pencil beside the site" in shown
    assert "refused from now on" in run("app", "rotate", added["serverUuid"], "--at-once").well().out
    renewed = run("app", "rotate", added["id"], "--json").well().json
    assert renewed["secret"] != added["secret"]
    assert renewed["webhookUrl"] == added["webhookUrl"]
    run("app", "remove", name).well()


@pytest.mark.parametrize(
    ("argv", "kind"),
    [
        (["app", "add", "x", "--jenkins", "--scope", "read"], "Malformed"),
        (["app", "add", " ", "--jenkins"], "Malformed"),
        (["app", "add", "pipelines", "--jenkins"], "Stale"),
        (["app", "rotate", "pipelines"], "Malformed"),
        (["app", "rotate", "none"], "Unknown"),
        (["app", "show", "none"], "Unknown"),
    ],
    ids=" ".join,
)
def test_refusals(run: Run, desk: str, argv: list[str], kind: str) -> None:
    """What cannot be done ends with 2, saying why and what to do instead."""
    ended = run(*argv, "--json")
    assert (ended.code, ended.complaint["type"]) == (2, kind)
    assert ended.complaint["advice"]


def test_a_fit_address_needs_no_warning(run: Run, database: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the address is as the plugin wants it, nothing is in the way, and nothing is said of it."""
    monkeypatch.setenv("MITREGATE_BASE_URL", "https://gate.example.com")
    shown = run("app", "add", f"fit {NAME}", "--jenkins").well().out
    assert "Site Name    gate.example.com" in shown
    assert "Mind: " not in shown
