"""Holding: gates as they are at this instant, and callers who wait for one to be decided.

Whoever waits is woken by the commit that touches the gate, or by the gate's own wake time: no clock is polled.
"""

import asyncio
from collections.abc import Iterable
from datetime import datetime, timedelta

from mitregate.core.explanations import Explanation
from mitregate.core.gates import Gate, GatingStatus, Stage
from mitregate.core.people import Principal
from mitregate.flows import ask, settle
from mitregate.flows.act import BY_ITSELF, begin
from mitregate.flows.explain import explain
from mitregate.web.office import Office

LATEST = 3600.0
"""Seconds to a wake time, at most, so that a far one does not overflow a timer."""

EARLIEST = 0.01
"""Seconds to a wake time, at least, so that a clock that lags behind the event loop's does not make it spin."""


async def settled(office: Office, principal: Principal, gate_id: str) -> Gate:
    """Read a gate as it is now, decided anew first if its wake time has come and no worker has seen to it.

    Raises:
        Forbidden: *principal* may not view.
        Unknown: there is no such gate to be seen.
    """
    gate = await office.read(ask.gate, gate_id, principal)
    if ask.is_overdue(gate, office.ports.now()):
        return await office.transact(BY_ITSELF, settle.wake, gate)
    return gate


async def explained(office: Office, principal: Principal, gate_id: str) -> Explanation:
    """Explain a gate as it is now, decided anew first if its wake time has come.

    Raises:
        Forbidden: *principal* may not view.
        Unknown: there is no such gate to be seen.
    """
    gate = await settled(office, principal, gate_id)
    return await office.read(lambda uow: explain(begin(office.ports, uow, principal), gate))


async def up_to_date(office: Office, gate: Gate) -> Gate:
    """Give the gate of a deployment as it is now, decided anew if its wake time has come and no worker has seen to it.

    Raises:
        Unknown: the deployment has been deleted in the meantime.
    """
    if not ask.is_overdue(gate, office.ports.now()):
        return gate
    await office.transact(BY_ITSELF, settle.wake, gate)
    return await office.read(ask.gate_of, gate.key)


async def refresh(office: Office, gates: Iterable[Gate]) -> bool:
    """Decide anew those of *gates* whose wake time has come; say whether there were any and all must be read again."""
    late = [gate for gate in gates if ask.is_overdue(gate, office.ports.now())]
    for gate in late:
        await office.transact(BY_ITSELF, settle.wake, gate)
    return bool(late)


async def hold(
    office: Office,
    principal: Principal,
    gate_id: str,
    *,
    revision: int | None,
    seconds: float,
    departure: asyncio.Future[None],
) -> Gate:
    """Hold the caller until there is something to tell, and give the gate as it is then.

    Args:
        office: where gates are decided.
        principal: who waits.
        gate_id: the gate.
        revision: the revision that the caller knows; a later one is told at once.
        seconds: how long to hold at most.
        departure: done when the caller is gone.

    Raises:
        Forbidden: *principal* may not view.
        Unknown: there is no such gate to be seen.
    """
    clock = asyncio.get_running_loop().time
    deadline = clock() + seconds
    while True:
        with office.waiters.expect(gate_id) as expectation:
            # Listening begins before the gate is read, so that nothing committed in between is missed.
            gate = await settled(office, principal, gate_id)
            left = deadline - clock()
            if left <= 0 or is_told(gate, revision) or office.waiters.is_closing or departure.done():
                return gate
            await expectation.wait(min(left, _until_wake(gate, office.ports.now())), departure)


def is_told(gate: Gate, revision: int | None) -> bool:
    """Tell whether there is something to tell: a decision, or a revision after the one that is known."""
    is_waiting = gate.stage is Stage.HELD and gate.verdict.status is GatingStatus.AWAITING
    return not is_waiting or (revision is not None and gate.revision > revision)


def _until_wake(gate: Gate, now: datetime) -> float:
    if gate.verdict.wake_at is None:
        return LATEST
    return min(max((gate.verdict.wake_at - now) / timedelta(seconds=1), EARLIEST), LATEST)
