"""Rules from a file, `freeze`, `gate override` and `rules`: on the database beside a server, and over HTTP."""

import json
import os
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from mitregate.core.rulebook import Rulebook
from mitregate.wire.declared import HEADER, read_declared
from tests.cli.running import COMMAND, PATIENCE, Cooked, Run
from tests.wire.rulebooks import WHOLE, WHOLE_TEXT


def rules_in(data: bytes, *, is_json: bool = False) -> Rulebook:
    """Read the rules out of a file that was exported."""
    return read_declared(data, lambda _: [], is_json=is_json).onto(Rulebook())


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A file with a whole rulebook."""
    path = tmp_path / "rules.yaml"
    path.write_text(WHOLE_TEXT)
    return path


@pytest.fixture(autouse=True)
def _clean(run: Run, desk: str, tmp_path: Path) -> Iterator[None]:
    """Each test begins without rules, and leaves none behind for the other tests on this server."""
    empty = tmp_path / "empty.yaml"
    empty.write_text(run("export", "--revision", "0").well().out)
    run("apply", str(empty), "--yes", "--json").well()
    yield
    run("apply", str(empty), "--yes", "--json").well()


# --- rules from a file ---


def test_rules_are_applied_and_exported(run: Run, file: Path) -> None:
    """What is applied is shown as a plan, is in force, and is exported as a file that changes nothing when applied."""
    shown = run("apply", str(file), "--yes").well().out
    assert "+ freezes: year end\n" in shown
    assert '"reason":"Annual accounts"' in shown
    assert "would be held and 0 freed." in shown
    assert "The settings are in force; the rules are at revision " in shown
    exported = run("export").well().out
    assert exported.startswith(HEADER)
    assert rules_in(exported.encode()) == WHOLE
    file.write_text(exported)
    again = run("apply", str(file)).well().out
    assert again.startswith("Nothing to change; the rules are at revision ")
    assert rules_in(json.dumps(run("export", "--json").well().json).encode(), is_json=True) == WHOLE


def test_changes_are_shown_with_what_was(run: Run, file: Path) -> None:
    """A changed part is shown as it was and as it will be, and a removed one as it was."""
    run("apply", str(file), "--yes").well()
    file.write_text(
        WHOLE_TEXT.replace("Annual accounts", "Stocktaking")
        .replace("titles:\n", "titles: {}\n")
        .replace("  GitLab", "#")
    )
    shown = run("apply", str(file), "--dry-run").out
    assert "~ freezes: year end\n" in shown
    assert "Annual accounts" in shown.partition("was ")[2].partition("will be")[0]
    assert "Stocktaking" in shown.partition("will be ")[2]
    assert "- titles: GitLab\n" in shown


def test_a_dry_run_ends_with_one_if_something_would_change(run: Run, file: Path) -> None:
    """A dry run changes nothing; its exit code says whether the file is in force, for checks in pipelines."""
    before = run("export").well().out
    plan = run("apply", str(file), "--dry-run", "--json")
    assert (plan.code, plan.json["isDryRun"], plan.json["isChanged"]) == (1, True, True)
    assert run("export").well().out == before
    run("apply", str(file), "--yes").well()
    assert run("apply", str(file), "--dry-run").well().code == 0


@pytest.mark.parametrize("more", [[], ["--json"]])
def test_nobody_is_asked_where_nobody_can_answer(run: Run, file: Path, more: list[str]) -> None:
    """Without a terminal nothing is changed unless one says so, and one is told how."""
    refused = run("apply", str(file), *more)
    assert refused.code == 2
    assert "Add --yes to change it, or --dry-run to see what would change." in refused.err
    assert run("export", "--json").well().json["freezes"] == []


@pytest.mark.parametrize(("answer", "code", "groups"), [("y", 0, 1), ("n", 1, 0)])
def test_one_is_asked_at_a_terminal(run: Run, file: Path, answer: str, code: int, groups: int) -> None:
    """At a terminal the plan is shown and one is asked; no leaves everything as it is, and ends with 1."""
    ours, theirs = os.openpty()
    os.write(ours, f"{answer}\n".encode())
    command = [*COMMAND, "apply", str(file)]
    ran = subprocess.run(command, stdin=theirs, capture_output=True, text=True, timeout=PATIENCE, check=False)
    os.close(theirs)
    os.close(ours)
    assert ran.returncode == code, ran
    assert "Change this?" in ran.stderr
    assert "+ groups: shop" in ran.stdout
    assert len(run("export", "--json").well().json["groups"]) == groups


def test_rules_may_be_json(run: Run, tmp_path: Path) -> None:
    """A file whose name ends so is read as JSON."""
    path = tmp_path / "rules.JSON"
    path.write_text('{"groups": [{"name": "x"}]}')
    assert run("apply", str(path), "--yes", "--json").well().json["changes"][0]["name"] == "x"


def test_faults_are_told_with_their_lines(run: Run, file: Path) -> None:
    """Faults in a file are told with line and column, and end with 2."""
    file.write_text("freezes:\n  - name: x\n    wen: 3\n")
    refused = run("apply", str(file), "--yes", "--json")
    assert (refused.code, refused.complaint["type"]) == (2, "Malformed")
    assert refused.complaint["error"].startswith("line 3, column 5: freezes[0]: there is no key 'wen' here")


def test_a_file_that_is_not_there(run: Run) -> None:
    """A file that cannot be read is named, with how to come by one."""
    refused = run("apply", "nowhere.yaml", "--json").complaint
    assert refused["error"] == "The file nowhere.yaml cannot be read: No such file or directory."
    assert refused["advice"] == "`mitregate export > settings.yaml` writes one to begin with."


def test_earlier_rules_can_be_had_again(run: Run, file: Path) -> None:
    """The history lists revisions with what they changed; each can be exported."""
    revision = run("apply", str(file), "--yes", "--json").well().json["revision"]
    listed = run("rules", "history", "--limit", "1").well().out
    assert "+ freezes: year end" in listed
    assert str(revision) in listed
    assert run("rules", "history", "--json").well().json["items"][0]["revision"] == revision
    earlier = run("export", "--revision", str(revision - 1), "--json").well().json
    assert (any(earlier.values()), "freezes" in earlier, "apps" in earlier) == (False, True, False)
    assert run("export", "--revision", "99999", "--json").complaint["type"] == "Unknown"


# --- freezes ---


def test_a_freeze_holds_and_is_ended(run: Run, submitted: Cooked) -> None:
    """A freeze holds what was allowed at once, is listed, and lets it go when it is ended."""
    gate = submitted()
    run("change", "approve", gate["changeKey"]).well()
    added = run("freeze", "add", "incident/7", "--end", "+2h", "--reason", "Looking into it").well().out
    assert added.startswith("incident/7 holds now, until ")
    shown = run("status", gate["id"]).well().out
    assert "The freeze 'incident/7' holds until " in shown
    assert "(Looking into it)." in shown
    assert "opens at the earliest" in shown
    listed = run("freeze", "list").well().out
    assert "incident/7" in listed
    assert run("freeze", "list", "--json").well().json["items"][0]["holdsNow"] is True
    assert run("freeze", "end", "incident/7").well().out == "incident/7 is ended.\n"
    assert run("status", gate["id"], "--json").well().json["gatingStatus"] == "allowed"
    assert run("freeze", "list").well().out == "There is no freeze.\n"


def test_a_freeze_for_later(run: Run) -> None:
    """A freeze may come again, in a zone, for some alone; it says when it begins."""
    year = datetime.now(UTC).year + 1
    options = ("--start", f"{year}-01-01 18:00", "--length", "2h", "--rule", "FREQ=DAILY", "--zone", "Asia/Tokyo")
    only = ("--project", "shop", "--project", "bank*", "--type", "production", "--service", "checkout", "--strict")
    shown = run("freeze", "add", "weekends", *options, *only, "--json").well().json
    assert shown["rule"] == {
        "name": "weekends",
        "when": {
            "start": f"{year}-01-01 18:00",
            "length": "2h",
            "rule": "FREQ=DAILY",
            "zone": "Asia/Tokyo",
        },
        "reach": {"projects": ["shop", "bank*"], "types": ["production"], "services": ["checkout"]},
        "spares_emergencies": False,
    }
    assert shown["nextFrom"] == f"{year}-01-01T09:00:00Z"
    assert f"begins {year}-05-01 00:00:00 UTC" in run("freeze", "add", "may", "--day", f"{year}-05-01").well().out


def test_freezes_that_make_no_sense(run: Run) -> None:
    """A freeze that cannot be, or is not there, is refused with 2."""
    assert run("freeze", "add", "x", "--end", "soon", "--json").complaint["type"] == "Malformed"
    assert run("freeze", "add", "x", "--start", "+soon", "--json").complaint["type"] == "Malformed"
    assert run("freeze", "end", "x", "--json").complaint["type"] == "Unknown"


def test_a_freeze_is_overridden(run: Run, submitted: Cooked) -> None:
    """One deployment is let pass a freeze, with a reason, which its gate shows from then on."""
    gate = submitted()
    run("change", "approve", gate["changeKey"]).well()
    run("freeze", "add", "now").well()
    shown = run("gate", "override", gate["id"], "--reason", "The site is down.").well().out
    assert "allowed" in shown
    assert "overrode now: The site is down." in shown
    again = run("gate", "override", gate["id"], "--reason", "x", "--json")
    assert (again.code, again.complaint["type"]) == (2, "IllegalTransition")
    assert run("gate", "override", gate["id"], "--json").code == 2
