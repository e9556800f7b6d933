"""`delivery` and `audit`."""

import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.cli.running import Run, Server
from tests.fakes.sink import Sink, answers, running_sink


@pytest.fixture
def sink() -> Iterator[Sink]:
    """A receiver that first does not want to be told any more, then takes everything."""
    with running_sink() as running:
        yield running


def dead_delivery(run: Run, gate_id: str) -> dict[str, Any]:
    """Wait until a delivery of a gate is dead."""
    deadline = time.monotonic() + 20
    found: list[dict[str, Any]] = []
    while not found or found[0]["state"] != "dead":
        assert time.monotonic() < deadline, found
        found = run("delivery", "list", "--gate", gate_id, "--json").well().json["items"]
    return found[0]


def test_a_dead_delivery_is_seen_and_tried_again(
    run: Run, server: Server, sink: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A delivery that is dead is listed as such, shown with its tries, and goes out when it is tried again."""
    sink.tell(answers(410))
    for name, value in server.afar.items():
        monkeypatch.setenv(name, value)
    app = run("app", "add", "to be told", "--callback", sink.url, "--json").well().json
    monkeypatch.setenv("MITREGATE_CLIENT_ID", app["clientId"])
    monkeypatch.setenv("MITREGATE_CLIENT_SECRET", app["clientSecret"])
    run("submit", "--pipeline", "told", "--environment", "e", "--sequence", "1").well()
    gate = run("status", "--pipeline", "told", "--environment", "e", "--sequence", "1", "--json").json["id"]
    dead = dead_delivery(run, gate)
    shown = run("delivery", "show", dead["id"]).well().out
    assert "410" in shown
    assert "dead" in shown
    assert dead["id"] in run("delivery", "list", "--state", "dead").well().out
    assert run("delivery", "retry", dead["id"], "--json").well().json["state"] in {"open", "done"}
    deadline = time.monotonic() + 20
    while (state := run("delivery", "show", dead["id"], "--json").json["state"]) != "done":
        assert time.monotonic() < deadline, state
        time.sleep(0.05)
    again = run("delivery", "retry", dead["id"], "--json")
    assert (again.code, again.complaint["type"] in {"Stale", "IllegalTransition"}) == (2, True)


def test_a_delivery_that_is_not_there(run: Run, desk: str) -> None:
    """An id that no delivery has ends with 2."""
    assert run("delivery", "show", "none", "--json").complaint["type"] == "Unknown"
    assert run("delivery", "retry", "none").code == 2


def test_what_was_done_can_be_read(run: Run, desk: str) -> None:
    """The audit log tells who did what, also of one thing alone."""
    user = run("user", "add", f"seen {desk}", "--json").well().json["id"]
    (entry,) = run("audit", "list", "--subject", user, "--json").well().json["items"]
    assert entry["action"] == "user.added"
    assert f"seen {desk}" in run("audit", "list", "--subject", user).well().out
    assert "raise --limit" in run("audit", "list", "--limit", "1").err
    run("user", "remove", user).well()
