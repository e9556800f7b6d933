"""Connect apps on the command line: `app install`, `enable`, `disable`, `new-key`, and what others say of them."""

import os
from collections.abc import Iterator

import pytest

from tests.cli.running import Run, Server
from tests.fakes.connect_app import ConnectApp
from tests.fakes.sink import answers, running


@pytest.fixture
def app(server: Server, desk: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[ConnectApp]:
    """A Connect app of the test's own that finds the keys at the server, and may be called."""
    monkeypatch.setenv("MITREGATE_OUTBOUND_ALLOW", "127.0.0.0/8")
    with running(ConnectApp(f"com.example.{desk}-{os.getpid()}")) as app:
        app.keys_at = f"{server.url}/connect/install-keys"
        app.changes = {"name": f"Deployer {desk} {os.getpid()}"}
        yield app


def test_an_app_is_installed_and_removed(run: Run, app: ConnectApp, server: Server) -> None:
    """An app is installed by its descriptor, shown with what it is, and removed by its key; each time it is told so."""
    said = run("app", "install", app.descriptor_url).well().out
    name = app.changes["name"]
    assert said.startswith(f"The app '{name}' was installed.\n")
    for words in (app.key, app.base_url, f"{app.base_url}/gating", "enabled", "jiraDeploymentGating"):
        assert words in said
    told = f"{name} answered with HTTP 204."
    where = f"It was told that this server is at {server.url}, as MITREGATE_BASE_URL says."
    assert said.endswith(f"installed: {told}\nenabled: {told}\n{where}\n")
    assert [event.body["baseUrl"] for event in app.events] == [server.url] * 2
    (row,) = [line for line in run("app", "list").well().out.splitlines() if app.key in line]
    assert f"{name}  connect  {app.key}" in row
    assert app.base_url in run("app", "show", app.key).well().out
    removed = run("app", "remove", app.key).well().out
    assert removed == f"The app '{name}' was removed.\nuninstalled: {told}\n"
    assert [event.path for event in app.events] == ["/installed", "/enabled", "/uninstalled"]
    assert app.refused == []


def test_programs_get_what_the_server_says(run: Run, app: ConnectApp) -> None:
    """With --json all is there: the app, and what it answered."""
    made = run("app", "install", app.descriptor_url, "--json").well().json
    assert (made["kind"], made["connect"]["key"]) == ("connect", app.key)
    assert [told["event"] for told in made["told"]] == ["installed", "enabled"]
    switched = run("app", "disable", app.key, "--json").well().json
    assert (switched["connect"]["state"], switched["told"][0]["event"]) == ("disabled", "disabled")
    removed = run("app", "remove", made["id"], "--json").well().json
    assert {name: value for name, value in removed.items() if name != "told"} == {
        "id": made["id"],
        "name": app.changes["name"],
        "removed": True,
    }
    assert [told["event"] for told in removed["told"]] == ["uninstalled"]


def test_an_app_is_disabled_and_enabled(run: Run, app: ConnectApp) -> None:
    """A disabled app is listed as such; what it answers is shown, and changes nothing."""
    run("app", "install", app.descriptor_url).well()
    app.tell(answers(500, b"\x1b[2J no"))
    name = app.changes["name"]
    said = run("app", "disable", app.key).well().out
    assert said == f"The app '{name}' is disabled.\ndisabled: {name} answered with HTTP 500: [2J no.\n"
    (row,) = [line for line in run("app", "list").well().out.splitlines() if app.key in line]
    assert "connect, disabled" in row
    assert run("app", "enable", name).well().out.startswith(f"The app '{name}' is enabled.\nenabled: ")
    run("app", "remove", app.key).well()


def test_what_is_not_installed_is_said_why(run: Run, app: ConnectApp, desk: str) -> None:
    """An app that refuses ends the command with 2, and one that cannot be reached with 4, each in words."""
    app.tell(answers(403, b"We are closed."))
    ended = run("app", "install", app.descriptor_url)
    assert (ended.code, ended.out) == (2, "")
    name = app.changes["name"]
    assert ended.err.splitlines()[0] == (
        f"error: {name} answered with HTTP 403: We are closed. {name} was not installed."
    )
    ended = run("app", "install", "http://127.0.0.1:1/app.json", "--json")
    assert (ended.code, ended.complaint["type"]) == (4, "Unreachable")
    ended = run("app", "install", "app.json", "--json")
    said = "The address of the descriptor is not a complete http or https URL without a user name in it."
    assert (ended.code, ended.complaint["error"]) == (2, said)
    assert app.key not in run("app", "list").well().out


def test_an_internal_app_is_not_called_without_leave(run: Run, app: ConnectApp, desk: str) -> None:
    """Where the settings do not list its network an internal app is not called, and the setting is named."""
    with pytest.MonkeyPatch.context() as environment:
        environment.delenv("MITREGATE_OUTBOUND_ALLOW")
        ended = run("app", "install", app.descriptor_url)
    # The setting counts where the call is made: over HTTP that is the server, which has it.
    assert (ended.code, "MITREGATE_OUTBOUND_ALLOW" in ended.err) == ((4, True) if desk == "beside" else (0, False))
    assert ("counts where the call is made" in ended.err) is (desk == "beside")
    if desk == "afar":
        run("app", "remove", app.key).well()


def test_a_new_key_signs(run: Run, app: ConnectApp) -> None:
    """After a new key is made an app is installed with it; where it is fetched is shown."""
    said = run("app", "new-key").well().out
    assert f"{app.keys_at}/" in said
    made = run("app", "new-key", "--json").well().json
    run("app", "install", app.descriptor_url).well()
    assert app.refused == []
    assert made["link"] == f"{app.keys_at}/{made['id']}"
    run("app", "remove", app.key).well()
