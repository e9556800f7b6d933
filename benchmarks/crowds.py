"""Gates in great number, all of whose windows open at the same instant: made by the product's own flows."""

import time
from collections.abc import Sequence
from datetime import datetime, timedelta

from msgspec import Struct

from benchmarks.bodies import FIRST, submission
from benchmarks.clients import BULK
from benchmarks.places import ROOT, Place
from benchmarks.talk import HOST
from mitregate.core.people import App, Principal, Scope
from mitregate.flows import admit, review
from mitregate.flows.act import begin
from mitregate.flows.submit import submit
from mitregate.ports import Ports, UnitOfWork
from mitregate.wire.jira_deployments import read_submission
from mitregate.wiring import House, now, open_house

AHEAD = timedelta(seconds=2)
"""What lies at least between the last approval and the opening of the windows."""

RESERVE = 2
"""How much longer the approvals may take than the first ones did."""

HOUR = timedelta(hours=1)


class Crowd(Struct, frozen=True, kw_only=True):
    """Gates that wait for the same instant; how many there are, and the milliseconds that it took to make one."""

    gates: int
    at: datetime
    each_ms: float


async def admitted(place: Place, ports: Sequence[int]) -> list[App]:
    """Add an app for each of *ports*, on which it is called back."""
    async with open_house(place.settings) as house:
        return [await _admit(house, port) for port in ports]


async def gathered(place: Place, apps: Sequence[App], gates: int, first: int) -> Crowd:
    """Submit *gates* deployments, in turn for each of *apps*, and approve them, with windows that open soon.

    That the gates wait is not told to the apps any more. The deployments get their numbers from the index *first* on.

    Raises:
        RuntimeError: it took so long that the windows of the first are about to open.
    """
    lots = -(-gates // BULK)
    async with open_house(place.settings) as house:
        began = time.perf_counter()
        await _approve(house, apps[0], first, now() + 1000 * HOUR)
        expected = timedelta(seconds=time.perf_counter() - began) * lots * RESERVE
        began, at = time.perf_counter(), (now() + expected + AHEAD).replace(microsecond=0)
        for lot in range(lots):
            await _approve(house, apps[lot % len(apps)], first + 1 + lot, at)
        took = time.perf_counter() - began
    if now() > at - AHEAD / 2:
        raise RuntimeError(f"It took {took:.0f} s to make the gates, too long; is the machine busy?")
    return Crowd(gates=lots * BULK, at=at, each_ms=took / lots / BULK * 1000)


async def _admit(house: House, port: int) -> App:
    made = await house.store.transact(
        lambda uow: admit.add_app(
            begin(house.ports, uow, ROOT), f"crowd {port}", frozenset(Scope), f"http://{HOST}:{port}/hook"
        )
    )
    return made.app


async def _approve(house: House, app: App, number: int, at: datetime) -> None:
    await house.store.transact(lambda uow: _submit_approved(house.ports, uow, app, number, at))


def _submit_approved(ports: Ports, uow: UnitOfWork, app: App, number: int, at: datetime) -> None:
    """Do in one transaction what an app and an approver do in many."""
    asker = Principal(name=app.name, origin=HOST, app_id=app.id, scopes=app.scopes)
    deployments = read_submission(submission(BULK, FIRST + number), app.id).accepted
    submit(begin(ports, uow, asker), deployments)
    act = begin(ports, uow, ROOT)
    for deployment in deployments:
        gate = uow.gates.of(deployment.key)
        if gate is None or gate.change_key is None:
            raise RuntimeError(f"There is no gate for {deployment.key}.")
        review.plan(act, gate.change_key, at, at + HOUR)
        review.approve(act, gate.change_key)
        uow.jobs.withdraw(gate.id, act.now, "Nobody is told in this benchmark.")
