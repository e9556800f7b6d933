"""`status` and `wait`: as an app, as a person over HTTP, and beside the server."""

import json
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.cli.running import PATIENCE, Begin, Cooked, Run, Server, first_line, running_server

Waits = Callable[[str], tuple[dict[str, Any], subprocess.Popen[bytes]]]


@pytest.fixture
def waits(server: Server, submitted: Cooked, start: Begin) -> Waits:
    """Let somebody wait, in a process of its own, for a gate of its own: as the app, as a person, on the database."""

    def wait(who: str) -> tuple[dict[str, Any], subprocess.Popen[bytes]]:
        gate = submitted()
        process = start("wait", gate["id"], "--json", environ=getattr(server, who))
        assert "awaiting" in first_line(process.stderr)
        assert "waits for approval" in first_line(process.stderr)
        return gate, process

    return wait


def where(gate: dict[str, str]) -> tuple[str, ...]:
    """Write the options that name a gate's deployment."""
    return ("--pipeline", gate["pipelineId"], "--environment", gate["environmentId"], "--sequence", "-7")


def test_what_waits(run: Run, desk: str, submitted: Cooked) -> None:
    """Without arguments the gates that wait are shown, each with why, and what would open it."""
    gate = submitted(label="7.7.7")
    items = run("status", "--limit", "500", "--json").well().json["items"]
    assert {one["gatingStatus"] for one in items} == {"awaiting"}
    assert gate["id"] in {one["id"] for one in items}
    shown = run("status", "--limit", "500").well().out
    assert "7.7.7" in shown
    assert "An approver must approve" in shown


def test_one_gate(run: Run, desk: str, submitted: Cooked) -> None:
    """A gate is shown by its id, or by its deployment, with its earliest opening."""
    gate = submitted()
    run("change", "plan", gate["changeKey"], "--start", "2035-01-01T00:00Z").well()
    assert run("status", *where(gate), "--json").well().json["id"] == gate["id"]
    shown = run("status", gate["id"]).well().out
    assert "opens at the earliest  2035-01-01 00:00:00 UTC" in shown
    by_pipeline = run("status", "--pipeline", gate["pipelineId"], "--json").well().json["items"]
    assert [one["id"] for one in by_pipeline] == [gate["id"]]


def test_an_app_is_told_that_it_sees_its_own(server: Server, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """An app that asks what waits is told that other apps' gates are not shown; a program reads the gates alone."""
    for name, value in server.as_app.items():
        monkeypatch.setenv(name, value)
    assert "sees its own gates only" in run("status").well().err
    assert run("status", "--json").well().err == ""


def test_nothing_to_show(run: Run, database: Path) -> None:
    """Where nothing waits that is said, and it is no error."""
    assert run("status").well().out == "No gate waits.\n"
    assert run("status", "--pipeline", "x").well().out == "There is no such gate.\n"
    assert run("status", "--json").well().json == {"items": []}


@pytest.mark.parametrize("command", ["status", "wait"])
@pytest.mark.parametrize(
    ("argv", "kind"),
    [
        (["none"], "Unknown"),
        (["--pipeline", "x", "--environment", "y", "--sequence", "1"], "Unknown"),
        (["none", "--pipeline", "x", "--environment", "y", "--sequence", "1"], "Malformed"),
    ],
    ids=["no-gate", "no-deployment", "both"],
)
def test_gates_that_cannot_be_found(run: Run, desk: str, command: str, argv: list[str], kind: str) -> None:
    """A gate that is not there, or not clearly named, ends with 2."""
    ended = run(command, *argv, "--json")
    assert (ended.code, ended.complaint["type"]) == (2, kind)


def test_waiting_for_nothing_in_particular(run: Run, database: Path) -> None:
    """`wait` must be told what for."""
    assert run("wait", "--json").complaint["type"] == "Malformed"
    assert run("wait", "--pipeline", "x", "--json").complaint["type"] == "Malformed"


def test_a_decided_gate_is_not_waited_for(run: Run, desk: str, submitted: Cooked) -> None:
    """`wait` ends at once with 0 where it is allowed already, with 1 where it is prevented or was withdrawn."""
    allowed, prevented, started = submitted(), submitted(), submitted()
    run("change", "approve", allowed["changeKey"]).well()
    run("change", "decline", prevented["changeKey"]).well()
    ended = run("wait", allowed["id"], "--json").well()
    assert (ended.json["gatingStatus"], ended.err) == ("allowed", "")
    ended = run("wait", *where(prevented))
    assert (ended.code, ended.out.splitlines()[0].endswith(": prevented")) == (1, True)
    assert run("wait", started["id"], "--timeout", "0").code == 4


def test_time_is_over(run: Run, desk: str, submitted: Cooked) -> None:
    """`wait` ends with 4 when the time is over, having said why it waits; JSON shows the gate as it is."""
    gate = submitted()
    ended = run("wait", gate["id"], "--timeout", "0.1")
    assert ended.code == 4
    assert "An approver must approve" in ended.err
    assert ended.err.splitlines()[-2].endswith("is still awaiting after 0.1 s.")
    ended = run("wait", gate["id"], "--timeout", "0", "--json")
    assert (ended.code, ended.json["gatingStatus"]) == (4, "awaiting")


@pytest.mark.usefixtures("as_admin")
@pytest.mark.parametrize("who", ["as_app", "afar", "beside"])
@pytest.mark.parametrize(("decision", "code"), [("approve", 0), ("decline", 1)], ids=["allowed", "prevented"])
def test_a_decision_ends_the_wait(waits: Waits, run: Run, who: str, decision: str, code: int) -> None:
    """Whoever waits, as the app, as a person, or on the database, is told of the decision when it is made."""
    gate, process = waits(who)
    run("change", decision, gate["changeKey"]).well()
    out, _ = process.communicate(timeout=PATIENCE)
    assert process.returncode == code
    assert json.loads(out)["gatingStatus"] == {0: "allowed", 1: "prevented"}[code]


@pytest.mark.usefixtures("as_admin")
def test_reasons_are_told_when_they_change(waits: Waits, run: Run) -> None:
    """Why it waits is written once, and again only when the reasons are others."""
    gate, process = waits("afar")
    run("change", "plan", gate["changeKey"], "--end", "+1h").well()
    run("change", "plan", gate["changeKey"], "--start", "+1h", "--end", "+2h").well()
    assert process.stderr is not None
    said = ""
    while "The change window opens at" not in said:
        said += first_line(process.stderr)
    run("change", "decline", gate["changeKey"]).well()
    _, err = process.communicate(timeout=PATIENCE)
    said += err.decode()
    assert process.returncode == 1
    assert said.count("waits for approval") == 1
    assert said.count("The change window opens at") == 1


def test_a_restart_is_survived(tmp_path: Path, run: Run, start: Begin, monkeypatch: pytest.MonkeyPatch) -> None:
    """`wait` goes on when the server is killed and comes back, having said so once."""
    with running_server(tmp_path) as server:
        for name, value in server.as_app.items():
            monkeypatch.setenv(name, value)
        run("submit", "--pipeline", "p", "--environment", "e", "--sequence", "1").well()
        process = start("wait", "--pipeline", "p", "--environment", "e", "--sequence", "1", environ=server.as_app)
        said = first_line(process.stderr)
        assert server.stop(signal.SIGKILL) == -signal.SIGKILL
        while "Trying on." not in said:
            said += first_line(process.stderr)
        server.start()
        for name, value in server.afar.items():
            monkeypatch.setenv(name, value)
        run("change", "approve", "CHG-1").well()
        out, err = process.communicate(timeout=PATIENCE)
        said += err.decode()
    assert (process.returncode, b"allowed" in out) == (0, True), said
    assert said.count("Trying on.") == said.count("The server answers again.") == 1


def test_nobody_there_until_the_end(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nobody answers until the time is over, `wait` ends with 4."""
    monkeypatch.setenv("MITREGATE_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("MITREGATE_TOKEN", "mgt_x")
    ended = run("wait", "gate", "--timeout", "0.7")
    assert ended.code == 4
    assert ended.err.count("Trying on.") == 1


@pytest.mark.usefixtures("as_admin")
def test_submit_and_wait(server: Server, run: Run, start: Begin, tmp_path: Path) -> None:
    """`submit --wait` ends as `wait` does, and its JSON is one document with the gate in it."""
    argv = ("submit", "--pipeline", str(tmp_path), "--environment", "e", "--sequence", "1", "--wait", "--json")
    process = start(*argv, environ=server.as_app)
    said = first_line(process.stderr) + first_line(process.stderr)
    run("change", "approve", next(word for word in said.split() if word.startswith("CHG-"))).well()
    out, _ = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0
    told = json.loads(out)
    assert [state["gatingStatus"] for state in told["gatingStatuses"]] == ["awaiting"]
    assert [gate["gatingStatus"] for gate in told["gates"]] == ["allowed"]


def test_outside_text_is_shown_as_it_is(run: Run, desk: str, submitted: Cooked) -> None:
    """What a submission says can neither colour nor command a terminal, nor break the lines of a table."""
    gate = submitted(label="\x1b[31mred\x1b[0m [bold]x[/bold] :smile:\nnext")
    for shown in (run("status", gate["id"]), run("wait", gate["id"], "--timeout", "0")):
        assert "\x1b" not in shown.out + shown.err
        assert "[31mred\ufffd[0m [bold]x[/bold] :smile: next" in shown.out + shown.err
    assert "\x1b" not in run("status", "--limit", "500").well().out
    assert run("status", gate["id"], "--json").json["version"].startswith("\x1b[31m")
