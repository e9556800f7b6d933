"""`app`, `user` and `token`, on the database beside a server and over HTTP."""

import os
from pathlib import Path

import pytest

from tests.cli.running import Run, Server

NAME = f"{os.getpid()}"


def test_an_app_comes_and_goes(run: Run, desk: str) -> None:
    """An app is added with secrets that are shown once, listed without them, and removed by its name."""
    name = f"shop {desk} {NAME}"
    added = run("app", "add", name, "--scope", "read", "--scope", "write", "--callback", "https://ci/x", "--json").json
    assert set(added) >= {"id", "clientId", "clientSecret", "cloudId", "signingSecret"}
    assert added["scopes"] == ["read:deployment-info:jira", "write:deployment-info:jira"]
    (listed,) = [app for app in run("app", "list", "--json").well().json["items"] if app["id"] == added["id"]]
    assert listed["callbackUrl"] == "https://ci/x"
    assert "clientSecret" not in listed
    assert name in run("app", "list").well().out
    assert run("app", "remove", name, "--json").well().json == {"id": added["id"], "name": name, "removed": True}
    assert run("app", "remove", added["id"], "--json").complaint["type"] == "Unknown"


def test_an_app_is_told_how_to_submit(run: Run, desk: str, server: Server) -> None:
    """For people the secrets come with the lines that put them into the environment."""
    shown = run("app", "add", f"told {desk} {NAME}").well().out
    assert f"set MITREGATE_URL={server.url} as well" in shown
    assert "export MITREGATE_CLIENT_SECRET=" in shown
    assert "only this once" in shown
    assert "was removed" in run("app", "remove", f"told {desk} {NAME}").well().out


@pytest.mark.parametrize(
    ("argv", "kind"),
    [
        (["app", "add", " "], "Malformed"),
        (["app", "add", "x", "--scope", "everything"], "Malformed"),
        (["app", "add", "x", "--callback", "ftp://ci"], "Malformed"),
        (["app", "add", "pipelines"], "Stale"),
        (["user", "add", "root"], "Stale"),
        (["user", "remove", "nobody"], "Unknown"),
        (["token", "add", "nobody"], "Unknown"),
        (["token", "remove", "none"], "Unknown"),
    ],
    ids=" ".join,
)
def test_refusals_are_the_same_here_and_there(run: Run, desk: str, argv: list[str], kind: str) -> None:
    """What the server refuses ends with 2 and the same error, whichever way it was asked."""
    ended = run(*argv, "--json")
    assert (ended.code, ended.complaint["type"]) == (2, kind)
    what, advice = run(*argv).err.splitlines()
    assert what == f"error: {ended.complaint['error']}"
    assert advice == ended.complaint["advice"]


@pytest.mark.parametrize(
    ("host", "is_told"), [("10.1.2.3", True), ("localhost", True), ("[::1]", True), ("ci.test", False)]
)
def test_an_internal_callback_is_told_what_it_needs(run: Run, database: Path, host: str, is_told: bool) -> None:
    """Whoever registers an internal address is told at once which setting lets it be called."""
    shown = run("app", "add", "inside", "--callback", f"http://{host}:8080/hook").well().out
    assert ("MITREGATE_OUTBOUND_ALLOW" in shown) is is_told


def test_whose_token_must_be_said_here(run: Run, database: Path) -> None:
    """Whoever works on the local database has no tokens, so that a user must be named."""
    for command in ("add", "list"):
        complaint = run("token", command, "--json").complaint
        assert (complaint["type"], "mitregate user list" in complaint["advice"]) == ("Malformed", True)


def test_an_app_is_changed_in_place(run: Run, desk: str) -> None:
    """Scopes and the callback are changed one by one; the first callback comes with a secret that is shown once."""
    name = f"changed {desk} {NAME}"
    added = run("app", "add", name, "--json").well().json
    changed = run("app", "change", name, "--scope", "read", "--json").well().json
    assert (changed["id"], changed["scopes"]) == (added["id"], ["read:deployment-info:jira"])
    shown = run("app", "change", name, "--callback-url", "https://ci/x").well().out
    assert "whsec_" in shown
    assert "shown only this once" in shown
    shown = run("app", "change", name, "--callback", "https://ci/y").well().out
    assert "https://ci/y" in shown
    assert "whsec_" not in shown
    assert "callback  none" in run("app", "change", name, "--no-callback").well().out
    assert "callbackUrl" not in run("app", "show", name, "--json").well().json
    for argv in ([], ["--callback", "https://ci/x", "--no-callback"], ["--scope", "everything"]):
        assert run("app", "change", name, *argv, "--json").complaint["type"] == "Malformed"
    run("app", "remove", name).well()


def test_a_client_secret_is_replaced(run: Run, desk: str) -> None:
    """Another secret is shown once; how long the old one is good is said, and it can be ended."""
    name = f"renewed {desk} {NAME}"
    added = run("app", "add", name, "--json").well().json
    shown = run("app", "new-secret", name).well().out
    assert f"mitregate app end-secrets {added['id']}" in shown
    assert added["clientSecret"] not in shown
    assert "good until it is ended" in run("app", "show", name).well().out
    assert "is good until 2" in run("app", "new-secret", name, "--old-until", "+24h").well().out
    assert len(run("app", "show", name, "--json").well().json["earlierSecrets"]) == 2
    assert "only the newest is good now" in run("app", "end-secrets", name).well().out
    assert "earlierSecrets" not in run("app", "end-secrets", name, "--json").well().json
    assert "refused from now on" in run("app", "new-secret", name, "--at-once").well().out
    renewed = run("app", "new-secret", name, "--json").well().json
    assert renewed["clientSecret"] not in {added["clientSecret"], ""}
    assert run("app", "new-secret", name, "--old-until", "soon", "--json").complaint["type"] == "Malformed"
    run("app", "remove", name).well()


def test_a_user_gets_another_role(run: Run, desk: str) -> None:
    """A role is changed by the user's name."""
    name = f"promoted {desk} {NAME}"
    run("user", "add", name).well()
    assert run("user", "change", name, "--role", "auditor").well().out == f"The user '{name}' is auditor now.\n"
    assert run("user", "change", name, "--role", "admin", "--json").well().json["role"] == "admin"
    run("user", "remove", name).well()


def test_a_user_comes_and_goes(run: Run, desk: str) -> None:
    """A user is added with a role, gets tokens that are shown once, and is removed with them."""
    name = f"ann {desk} {NAME}"
    user = run("user", "add", name, "--role", "viewer", "--json").well().json
    assert (user["name"], user["role"]) == (name, "viewer")
    assert name in run("user", "list").well().out
    made = run("token", "add", name, "--label", "laptop", "--days", "2", "--json").well().json
    assert made["token"].startswith("mgt_")
    (listed,) = run("token", "list", user["id"], "--json").well().json["items"]
    assert (listed["id"], listed["label"]) == (made["id"], "laptop")
    assert "laptop" in run("token", "list", name).well().out
    assert run("token", "remove", made["id"], "--json").well().json == {"id": made["id"], "removed": True}
    assert run("token", "list", name, "--json").json["items"] == []
    assert "export MITREGATE_TOKEN=mgt_" in run("token", "add", name).well().out
    assert run("user", "remove", name, "--json").well().json["id"] == user["id"]
    assert user["id"] not in run("user", "list", "--json").out


def test_people_are_told_what_was_done(run: Run, desk: str) -> None:
    """Without --json each of these commands says in a sentence what it did."""
    name = f"bob {desk} {NAME}"
    assert "was added as approver" in run("user", "add", name).well().out
    token = run("token", "add", name, "--json").json["id"]
    assert "was removed" in run("token", "remove", token).well().out
    assert "was removed" in run("user", "remove", name).well().out


def test_one_s_own_tokens(run: Run, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a user a token is one's own, for whoever asks over HTTP."""
    for setting, value in server.afar.items():
        monkeypatch.setenv(setting, value)
    made = run("token", "add", "--label", "mine", "--json").well().json
    assert made["id"] in run("token", "list", "--json").well().out
    run("token", "remove", made["id"]).well()


def test_a_viewer_may_not_administer(run: Run, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a person's role does not allow is refused with 2, over HTTP."""
    for setting, value in server.afar.items():
        monkeypatch.setenv(setting, value)
    run("user", "add", f"eve {NAME}", "--role", "viewer").well()
    monkeypatch.setenv("MITREGATE_TOKEN", run("token", "add", f"eve {NAME}", "--json").json["token"])
    ended = run("app", "list", "--json")
    assert (ended.code, ended.complaint["type"]) == (2, "Forbidden")
