"""Waiting for a gate over the native API."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import httpx
import pytest

from mitregate.core.deployments import State
from mitregate.core.gates import Gate
from mitregate.flows import review
from tests.web.stage import ROOT, Stage, until

Question = asyncio.Task[httpx.Response]


async def ask(stage: Stage, gate: Gate, timeout: int = 20, **query: int) -> Question:  # noqa: ASYNC109
    """Ask for a gate and return once the server holds the caller."""
    asked = stage.client("ci").get(f"/api/v1/gates/{gate.id}/wait", params={"timeout": timeout} | query)
    question = asyncio.create_task(asked)
    await until(lambda: len(stage.office.waiters) == 1)
    return question


async def answer(question: Question) -> dict[str, Any]:
    """Give what the server answered, which is 200 whatever happened."""
    async with asyncio.timeout(5):
        reply = await question
    assert reply.status_code == 200
    shown: dict[str, Any] = reply.json()
    return shown


async def test_an_approval_ends_the_wait(stage: Stage) -> None:
    """Whoever waits is told at once when the gate is allowed."""
    gate = await stage.submit()
    question = await ask(stage, gate)
    await stage.approve(gate)
    assert (await answer(question))["gatingStatus"] == "allowed"
    assert len(stage.office.waiters) == 0


async def test_declining_ends_the_wait(stage: Stage) -> None:
    """Whoever waits is told at once when the gate is prevented."""
    gate = await stage.submit()
    question = await ask(stage, gate)
    await stage.office.transact(ROOT, review.decline, "CHG-1", "not today")
    assert (await answer(question))["gatingStatus"] == "prevented"


async def test_a_wait_ends_with_its_time(stage: Stage) -> None:
    """When nothing happens, the gate is told as it is once the time is over, and not before."""
    gate = await stage.submit()
    began = asyncio.get_running_loop().time()
    shown = await answer(await ask(stage, gate, timeout=1))
    assert asyncio.get_running_loop().time() - began >= 1
    assert shown["gatingStatus"] == "awaiting"


async def test_a_wait_ends_when_the_window_opens(stage: Stage) -> None:
    """Whoever waits is told when the window opens, though no worker runs and nobody commits anything."""
    gate = await stage.submit()
    await stage.plan(gate, stage.clock() + timedelta(seconds=0.2), None)
    await stage.approve(gate)
    question = await ask(stage, gate)
    stage.clock.advance(seconds=0.2)
    assert (await answer(question))["gatingStatus"] == "allowed"


async def test_a_wait_ends_when_the_window_closes(stage: Stage) -> None:
    """Whoever waits for a gate that nobody approves is told when its window is over."""
    gate = await stage.submit()
    await stage.plan(gate, None, stage.clock() + timedelta(seconds=0.2))
    question = await ask(stage, gate)
    stage.clock.advance(seconds=0.3)
    assert (await answer(question))["gatingStatus"] == "prevented"


async def test_a_clock_that_lags_behind_does_not_open_early(stage: Stage) -> None:
    """While the clock says that the window is not open, whoever waits goes on waiting."""
    gate = await stage.submit()
    await stage.plan(gate, stage.clock() + timedelta(seconds=0.05), None)
    await stage.approve(gate)
    assert (await answer(await ask(stage, gate, timeout=1)))["gatingStatus"] == "awaiting"


async def test_a_revision_that_is_known_is_not_told_again(stage: Stage) -> None:
    """With the revision that the caller knows a wait ends at the next one, though the gate still waits."""
    gate = await stage.submit()
    question = await ask(stage, gate, revision=gate.revision)
    await stage.plan(gate, stage.clock() + timedelta(hours=1), None)
    shown = await answer(question)
    assert (shown["gatingStatus"], shown["revision"]) == ("awaiting", gate.revision + 1)


async def test_an_earlier_revision_is_answered_at_once(stage: Stage) -> None:
    """Whoever knows an earlier revision only does not wait."""
    gate = await stage.submit()
    reply = await stage.client("ci").get(f"/api/v1/gates/{gate.id}/wait?timeout=60&revision={gate.revision - 1}")
    assert reply.json()["revision"] == gate.revision


async def allowed(stage: Stage, gate: Gate) -> None:
    """The gate is approved."""
    await stage.approve(gate)


async def gone(stage: Stage, gate: Gate) -> None:
    """The deployment is given up while it waits."""
    await stage.submit(update_sequence_number=2, state=State.CANCELLED)


@pytest.mark.parametrize("happened", [allowed, gone])
async def test_what_is_over_is_answered_at_once(stage: Stage, happened: Callable[[Stage, Gate], Any]) -> None:
    """Nobody waits for a gate that is decided or whose deployment does not wait any more."""
    gate = await stage.submit()
    await happened(stage, gate)
    async with asyncio.timeout(2):
        reply = await stage.client("ci").get(f"/api/v1/gates/{gate.id}/wait?timeout=60")
    assert reply.status_code == 200


async def test_a_server_that_stops_sends_everybody_home(stage: Stage) -> None:
    """When the server stops, whoever waits is answered, and whoever comes afterwards is not held."""
    gate = await stage.submit()
    question = await ask(stage, gate)
    stage.office.waiters.release()
    assert (await answer(question))["gatingStatus"] == "awaiting"
    async with asyncio.timeout(2):
        await stage.client("ci").get(f"/api/v1/gates/{gate.id}/wait?timeout=60")


async def test_a_caller_that_goes_away_is_forgotten(stage: Stage) -> None:
    """Nobody is held in the name of a caller that has closed the connection."""
    gate = await stage.submit()
    is_gone = asyncio.Event()
    inbox = iter([{"type": "http.request", "body": b"", "more_body": False}])

    async def receive() -> dict[str, Any]:
        if (message := next(inbox, None)) is not None:
            return message
        await is_gone.wait()
        return {"type": "http.disconnect"}

    async def send(_message: Any) -> None:
        pass

    path = f"/api/v1/gates/{gate.id}/wait"
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"timeout=60",
        "root_path": "",
        "headers": [(b"authorization", f"Bearer {stage.tokens['ci']}".encode())],
        "client": ("192.0.2.7", 4711),
        "server": ("gate.test", 80),
    }
    held = asyncio.ensure_future(stage.asgi(scope, receive, send))
    await until(lambda: len(stage.office.waiters) == 1)
    is_gone.set()
    async with asyncio.timeout(2):
        await held
    assert len(stage.office.waiters) == 0


@pytest.mark.parametrize("query", ["timeout=61", "timeout=-1", "timeout=soon", "revision=x"])
async def test_a_wait_of_another_length_is_refused(stage: Stage, query: str) -> None:
    """A wait lasts from 0 to 60 seconds; anything else is refused, naming the field."""
    gate = await stage.submit()
    reply = await stage.client("ci").get(f"/api/v1/gates/{gate.id}/wait?{query}")
    assert reply.status_code == 400
    assert query.partition("=")[0] in reply.json()["detail"]
