"""`apply` and `export` of apps and users, on the database beside a server and over HTTP."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.cli.running import Cooked, Run

NAME = f"declared {os.getpid()}"


@pytest.fixture
def file(run: Run, desk: str, tmp_path: Path) -> Iterator[Path]:
    """A file with what there is, to which each test goes back at its end."""
    kept = tmp_path / "kept.yaml"
    kept.write_text(run("export").well().out)
    path = tmp_path / "settings.yaml"
    path.write_text(kept.read_text())
    yield path
    run("apply", str(kept), "--prune", "--yes", "--json").well()


def change(file: Path, **sections: list[dict[str, Any]]) -> None:
    """Add to some sections of a file."""
    said = yaml.safe_load(file.read_text())
    file.write_text(yaml.safe_dump({**said, **{name: said[name] + more for name, more in sections.items()}}))


def test_apps_and_users_are_applied(run: Run, file: Path) -> None:
    """The plan names them, secrets are shown once at the end, and the export of it changes nothing."""
    app = {"name": NAME, "scopes": ["read", "write"], "callback_url": "https://ci/x"}
    change(file, apps=[app, {"name": f"{NAME} too", "kind": "jenkins"}], users=[{"name": NAME, "role": "viewer"}])
    planned = run("apply", str(file), "--dry-run")
    assert (planned.code, "secret" in planned.out) == (1, False)
    assert f"+ apps: {NAME}\n" in planned.out
    assert f"+ users: {NAME}\n" in planned.out
    shown = run("apply", str(file), "--yes").well().out
    assert "The settings are in force; the rules are at revision " in shown
    assert f"The secrets of the app '{NAME}' are shown only this once:" in shown
    secret = shown.partition("client secret   ")[2].split()[0]
    assert "whsec_" in shown
    assert "Webhook URL" in shown
    exported = run("export").well().out
    file.write_text(exported)
    assert app in yaml.safe_load(exported)["apps"]
    assert secret not in exported
    again = run("apply", str(file), "--prune").well().out
    assert again.startswith("Nothing to change; the rules are at revision ")
    assert secret not in again
    assert run("apply", str(file), "--prune", "--dry-run").well().code == 0


def test_secrets_are_in_json_once(run: Run, file: Path) -> None:
    """With --json the secrets are in what is answered, and never again; a change of scopes has none."""
    change(file, apps=[{"name": NAME}])
    done = run("apply", str(file), "--yes", "--json").well().json
    (secrets,) = done["secrets"]
    assert set(secrets) == {"id", "name", "clientId", "clientSecret"}
    file.write_text(yaml.safe_dump({"apps": [{"name": NAME, "scopes": ["read"]}]}))
    changed = run("apply", str(file), "--yes", "--json").well().json
    assert [(one["step"], one["name"]) for one in changed["changes"]] == [("change", NAME)]
    assert "secrets" not in changed
    assert run("app", "show", NAME, "--json").well().json["scopes"] == ["read:deployment-info:jira"]


def test_nobody_is_removed_unless_one_says_so(run: Run, file: Path, submitted: Cooked) -> None:
    """Who is not in the file is named and left; --prune says in so many words what goes with an app."""
    submitted()
    run("app", "add", NAME).well()
    run("user", "add", NAME).well()
    shown = run("apply", str(file)).well().out
    assert shown.startswith("Nothing to change; ")
    assert f"Not in the file, but left; --prune removes them:\n  apps: {NAME}\n  users: {NAME}\n" in shown
    assert run("apply", str(file), "--dry-run").well().code == 0
    planned = run("apply", str(file), "--prune", "--dry-run")
    assert planned.code == 1
    assert f"- apps: {NAME}\n" in planned.out
    assert "    with its 0 deployments; the 0 that wait are given up\n" in planned.out
    assert "but left" not in planned.out
    everything = file.with_name("nobody.yaml")
    everything.write_text("apps: []\n")
    waits = run("apply", str(everything), "--prune", "--dry-run").out
    assert "- apps: pipelines\n" in waits
    assert "with its 0 deployments" in waits.partition(f"- apps: {NAME}")[2]
    assert "with its 0 deployments" not in waits.partition("- apps: pipelines")[2]
    run("apply", str(file), "--prune", "--yes").well()
    assert run("app", "show", NAME, "--json").complaint["type"] == "Unknown"
    assert run("user", "remove", NAME, "--json").complaint["type"] == "Unknown"


def test_sections_that_are_not_in_the_file_stay(run: Run, file: Path) -> None:
    """A file with one section says which others it leaves as they are."""
    file.write_text(yaml.safe_dump({"users": [{"name": NAME, "role": "viewer"}]}))
    shown = run("apply", str(file), "--yes").well().out
    (line,) = [line for line in shown.splitlines() if line.startswith("Not in the file, so left as they are: ")]
    assert ("control" in line, "apps" in line, "users" in line) == (True, True, False)
    assert "  users: root\n" in shown
    file.write_text(yaml.safe_dump({"users": [{"name": NAME, "role": "auditor"}]}))
    assert '"role":"auditor"' in run("apply", str(file), "--yes").well().out


@pytest.mark.usefixtures("as_admin")
def test_nobody_applies_themselves_away(run: Run, tmp_path: Path) -> None:
    """An administrator is neither removed nor demoted by a file, not even in a plan; it ends with 2."""
    path = tmp_path / "users.yaml"
    for text in ("users: []", "users: [{name: root, role: viewer}]"):
        path.write_text(text)
        refused = run("apply", str(path), "--prune", "--dry-run", "--json")
        assert (refused.code, refused.complaint["type"]) == (2, "Forbidden")
        assert refused.complaint["advice"] == "Leave yourself in the file as you are, or ask another administrator."


def test_faults_are_told_with_their_lines(run: Run, file: Path) -> None:
    """What cannot be, given what there is, is told with line and column as well."""
    file.write_text("apps:\n  - name: pipelines\n    kind: jenkins\n")
    refused = run("apply", str(file), "--yes", "--json")
    assert (refused.code, refused.complaint["type"]) == (2, "Malformed")
    assert refused.complaint["error"] == (
        "line 3, column 11: apps[0].kind: There is an app 'pipelines' of the kind oauth, which it stays. "
        "Choose another name."
    )
