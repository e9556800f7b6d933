"""Gates from the asker's side: `status` and `wait`."""

import asyncio
import itertools
import math
import time
from collections.abc import Awaitable, Callable
from typing import Annotated

import typer

from mitregate import settings
from mitregate.cli.desk import Desk, answer, ask, ask_pages, decoded, is_app, path
from mitregate.cli.exits import NO, OK
from mitregate.cli.gates import Deployment, conditions, find_gate, show_gate, show_gates
from mitregate.cli.options import AsJson, Environment, Limit, Pipeline, Sequence
from mitregate.cli.records import Gate, Page
from mitregate.cli.terminal import STYLES, moment, plain, say, show, show_json
from mitregate.cli.tracing import say_more
from mitregate.core.errors import MitregateError, Unsettled
from mitregate.core.gates import GatingStatus, Stage

HELD = 50
"""Seconds that the server is asked to hold one wait."""

PAUSES = (0.5, 1.0, 2.0, 4.0, 8.0, 15.0)
"""Seconds before each further try while the server does not answer; the last one for all that follow."""

GateId = Annotated[str | None, typer.Argument(help="The gate's id.", metavar="GATE", show_default=False)]


def status(
    gate: GateId = None,
    *,
    pipeline: Pipeline = None,
    environment: Environment = None,
    sequence: Sequence = None,
    limit: Limit = 50,
    json: AsJson = False,
) -> None:
    """Show gates: which wait, why, what would open them, and when at the earliest.

    Without arguments it shows the gates that wait; with some of --pipeline, --environment and --sequence all gates that
    these fit, decided or not; with a gate's id, or all three, that one gate.
    """
    deployment = (pipeline, environment, sequence)
    is_one = gate is not None or all(part is not None for part in deployment)
    if is_one:
        body = answer(lambda desk: find_gate(desk, gate, deployment), for_app=True)
        if json:
            show_json(body)
        else:
            show_gate(decoded(body, Gate))
        return
    page = answer(lambda desk: _gates(desk, deployment, limit), for_app=True)
    if json:
        show_json(page)
    elif page.items:
        show_gates([decoded(item, Gate) for item in page.items])
        say_more(page)
    else:
        show("No gate waits." if deployment == (None, None, None) else "There is no such gate.")
    if is_app(settings.load()) and not json:
        say("Asked as the app of MITREGATE_CLIENT_ID, which sees its own gates only.")


async def _gates(desk: Desk, deployment: Deployment, limit: int) -> Page:
    query = conditions(deployment)
    if deployment == (None, None, None):
        query |= {"status": GatingStatus.AWAITING, "stage": Stage.HELD}
    return await ask_pages(desk, path("gates"), query, limit)


def wait(
    gate: GateId = None,
    *,
    pipeline: Pipeline = None,
    environment: Environment = None,
    sequence: Sequence = None,
    timeout: Annotated[float, typer.Option(help="Seconds to wait at most.", min=0)] = 3600,
    json: AsJson = False,
) -> int:
    """Wait until a deployment is allowed or prevented, and show why it waits.

    Ends with 0 when it is allowed, 1 when it is prevented or cannot be gated, 4 when the time is over. It goes on
    waiting while the server is restarted.
    """
    deployment = (pipeline, environment, sequence)
    body = answer(lambda desk: wait_at(Patient(desk, timeout), gate, deployment), for_app=True)
    if json:
        show_json(body)
    return conclude(decoded(body, Gate), timeout, json=json)


async def wait_at(patient: "Patient", gate_id: str | None, deployment: Deployment) -> bytes:
    """Wait for a gate until it is decided or the time is over, saying why whenever the reasons change.

    Returns:
        The gate as it is in the end, as JSON.

    Raises:
        MitregateError: as `find_gate` does, and whatever else the server refuses.
    """
    body = await patient.find(gate_id, deployment)
    shown: object = None
    while is_waiting(gate := decoded(body, Gate)):
        if gate.reasons != shown:
            shown = gate.reasons
            _explain(gate)
        if patient.left <= 0:
            break
        body = await patient.hold(gate)
    return body


def conclude(gate: Gate, seconds: float, *, json: bool) -> int:
    """Show what was decided, and give the exit code: only an allowed deployment may go on.

    Raises:
        Unsettled: nothing was decided within *seconds*.
    """
    if is_waiting(gate):
        message = f"{gate.deployment} is still awaiting after {seconds:g} s."
        raise Unsettled(message, advice=gate.remedy.replace("\n", " ") or "Wait on: the gate stays as it is.")
    is_allowed = gate.gating_status == GatingStatus.ALLOWED
    if not json:
        word = gate.stage if gate.gating_status == GatingStatus.AWAITING else gate.gating_status
        show(f"{plain(gate.deployment)}: {word}", style=STYLES.get(gate.gating_status, ""))
        show(plain(gate.why))
        if gate.good_until is not None and is_allowed:
            show(f"It is good until {moment(gate.good_until)}.")
    return OK if is_allowed else NO


class Patient:
    """One who waits at a desk until the time is over, though nobody be there for a while."""

    def __init__(self, desk: Desk, seconds: float) -> None:
        """Begin to wait, *seconds* at most."""
        self._desk = desk
        self._deadline = time.monotonic() + seconds
        self._remarks = Remarks()

    @property
    def left(self) -> float:
        """Seconds that are left."""
        return self._deadline - time.monotonic()

    async def find(self, gate_id: str | None, deployment: Deployment) -> bytes:
        """Find the gate, as `find_gate` does."""
        return await self._insist(lambda: find_gate(self._desk, gate_id, deployment))

    async def hold(self, gate: Gate) -> bytes:
        """Wait for the next thing to tell of *gate*, or until the server has held for long enough."""
        return await self._insist(lambda: self._hold(gate))

    async def _hold(self, gate: Gate) -> bytes:
        # A server that came back may not have been away for long; asking it in whole seconds is fine enough.
        query = {"timeout": max(0, min(HELD, math.ceil(self.left))), "revision": gate.revision}
        began = time.monotonic()
        body = await ask(self._desk, "GET", path("gates", gate.id, "wait"), query=query)
        if decoded(body, Gate) == gate and time.monotonic() - began < 1:
            # Sent home early, because the server stops: give it the time to do so.
            await asyncio.sleep(min(1, max(0, self.left)))
        return body

    async def _insist(self, work: Callable[[], Awaitable[bytes]]) -> bytes:
        pauses = itertools.chain(PAUSES, itertools.repeat(PAUSES[-1]))
        while True:
            try:
                body = await work()
            except Unsettled as error:
                if self.left <= 0:
                    raise
                self._remarks.note(error)
                await asyncio.sleep(min(max(next(pauses), error.retry_after or 0), max(0.0, self.left)))
            else:
                self._remarks.note(None)
                return body


class Remarks:
    """Says once that nobody answers, and once that somebody does again."""

    def __init__(self) -> None:
        """Begin while all is well."""
        self._is_alone = False

    def note(self, trouble: MitregateError | None) -> None:
        """Take note of how a try ended."""
        if trouble is not None and not self._is_alone:
            say(f"{plain(trouble.message)} Trying on.", style="yellow")
        elif trouble is None and self._is_alone:
            say("The server answers again.")
        self._is_alone = trouble is not None


def is_waiting(gate: Gate) -> bool:
    """Tell whether a gate is still to be decided."""
    return gate.gating_status == GatingStatus.AWAITING and gate.stage == Stage.HELD


def _explain(gate: Gate) -> None:
    say(f"{plain(gate.deployment)}: awaiting", style=STYLES["awaiting"])
    for reason in gate.reasons:
        say(f"  {plain(reason.message)}" + (f" {plain(reason.remedy)}" if reason.remedy else ""))
    if gate.opens_at is not None:
        say(f"  It opens at {moment(gate.opens_at)} at the earliest.")
    if gate.ends_at is not None:
        say(f"  If nobody decides, it is prevented at {moment(gate.ends_at)}.")
    if gate.change_link:
        say(f"  {plain(gate.change_link)}")
