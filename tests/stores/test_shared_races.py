"""Deployments that come to share a change at the same instant, in two stores: one order or the other, and no third."""

import asyncio
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet
from msgspec.structs import replace

from mitregate.core.catalogue import Template
from mitregate.core.changes import Change, ChangeType, Status
from mitregate.core.deployments import Associations, Commit, Deployment, State
from mitregate.core.errors import Stale
from mitregate.core.gates import Gate, GatingStatus, ReasonCode
from mitregate.core.matching import How
from mitregate.core.people import Permission, Principal
from mitregate.core.queries import ChangeQuery, GateQuery
from mitregate.core.reach import Reach
from mitregate.core.rulebook import Rulebook
from mitregate.core.waiting import Waiting
from mitregate.flows import ask, review, rules
from mitregate.flows.act import begin
from mitregate.flows.submit import submit
from mitregate.ports import Ports, Store, UnitOfWork
from mitregate.settings import Settings
from mitregate.wiring import make_ports
from tests.stores import made
from tests.stores.test_races import meet

ROOT = Principal(name="root", permissions=frozenset(Permission))
CI = Principal(name="ci", app_id="app")
ALLOWED, AWAITING, PREVENTED = GatingStatus.ALLOWED, GatingStatus.AWAITING, GatingStatus.PREVENTED
ALL = 200

Flow = Callable[[UnitOfWork], Any]


def record(number: int, update: int = 1, state: State = State.PENDING, **others: Any) -> Deployment:
    """Make a record of deployment *number*, each in a pipeline of its own; all deploy the same."""
    found = made.deployment(number, update, state=state, asks_for_gating=state is State.PENDING)
    environment_id = others.pop("environment_id", "prod")
    return replace(found, key=made.key(number, pipeline_id=f"pipe {number}", environment_id=environment_id), **others)


OTHERWISE = Associations(commits=(Commit(repository_id="r", hash="other"),))


class Race:
    """Two stores over one database, and who does what there."""

    def __init__(self, store: Store, other: Store, ports: Ports) -> None:
        """Begin with nothing submitted."""
        self.store, self.other, self.ports = store, other, ports

    def submits(self, *records: Deployment) -> Flow:
        """Get ready to submit."""
        return lambda uow: submit(begin(self.ports, uow, CI), records)

    def approves(self, key: str, seen: str | None = None) -> Flow:
        """Get ready to approve a change."""
        return lambda uow: review.approve(begin(self.ports, uow, ROOT), key, seen=seen)

    async def begins(self, *records: Deployment) -> str:
        """Submit what shares one change; give its key."""
        await self.store.transact(self.submits(*records))
        (change,) = await self.changes()
        return change.key

    async def rule(self, book: Rulebook) -> None:
        """Let other rules hold."""
        await self.store.transact(lambda uow: rules.replace_all(begin(self.ports, uow, ROOT), book))

    async def meet(self, first: Flow, second: Flow) -> list[Any]:
        """Run *second* while *first* is not committed yet; say how both ended."""
        return await meet(self.store, first, self.other, second)

    async def gates(self) -> list[Gate]:
        """Look at all gates, by number."""
        found = await self.store.read(lambda uow: uow.gates.page(GateQuery(limit=ALL)))
        return sorted(found, key=lambda gate: gate.key.sequence_number)

    async def statuses(self) -> list[GatingStatus]:
        """Look at what all gates say, by number."""
        return [gate.verdict.status for gate in await self.gates()]

    async def changes(self) -> list[Change]:
        """Look at all changes, oldest first."""
        return (await self.store.read(lambda uow: uow.changes.page(ChangeQuery(limit=ALL))))[::-1]


@pytest.fixture
def race(database: str, store: Store, other: Store) -> Race:
    """Two stores over one database, on each engine."""
    return Race(store, other, make_ports(Settings(database=database, secret_key=Fernet.generate_key().decode())))


def well(ended: list[Any]) -> None:
    """Check that nobody failed."""
    assert not [end for end in ended if isinstance(end, BaseException)], ended


# --- one title ---


@pytest.mark.parametrize("is_again", [True, False], ids=["again", "titled"])
async def test_who_races_for_a_title_gets_one_change(race: Race, *, is_again: bool) -> None:
    """Many deployments of one title that come at once, in two stores, get one change, which one of them opened."""
    numbers = range(1, 41)
    records = [record(number, environment_id="prod" if is_again else f"prod {number}") for number in numbers]
    stores = (race.store, race.other)
    await asyncio.gather(*(stores[one.key.sequence_number % 2].transact(race.submits(one)) for one in records))
    gates = await race.gates()
    (change,) = await race.changes()
    assert {gate.change_key for gate in gates} == {change.key}
    found = sorted(gate.found.value for gate in gates if gate.found is not None)
    assert found == sorted([How.CREATED.value, *[How.REDEPLOYED if is_again else How.TITLED] * 39])


WORK = """
import asyncio, sys
from cryptography.fernet import Fernet
from mitregate.settings import Settings
from mitregate.stores import open_store
from mitregate.wiring import make_ports
from tests.stores.test_shared_races import Race, record

async def main(url, first):
    store = open_store(url)
    ports = make_ports(Settings(database=url, secret_key=Fernet.generate_key().decode()))
    race = Race(store, store, ports)
    print("ready", flush=True)
    sys.stdin.readline()
    for title in range(4):
        records = [record(first + 10 * title + one, label=f"1.{title}") for one in range(5)]
        await asyncio.gather(*(store.transact(race.submits(one)) for one in records))
    await store.close()

asyncio.run(main(sys.argv[1], int(sys.argv[2])))
"""


async def test_processes_race_for_titles(race: Race, database: str) -> None:
    """Three processes that submit deployments of the same four titles at once make four changes, and lose nothing."""
    root = Path(__file__).parents[2]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(root), str(root / "src")])}
    workers = [
        await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", WORK, database, str(1000 * number)),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            cwd=root,
            env=environment,
        )
        for number in range(1, 4)
    ]
    for worker in workers:
        assert worker.stdout is not None
        assert await worker.stdout.readline() == b"ready\n"
    await asyncio.gather(*(worker.communicate(b"go\n") for worker in workers))
    assert [worker.returncode for worker in workers] == [0] * 3
    gates = await race.gates()
    assert len(gates) == 60
    shared = {
        change.title: {gate.key.sequence_number for gate in gates if gate.change_key == change.key}
        for change in await race.changes()
    }
    assert sorted(map(len, shared.values())) == [15] * 4


async def test_who_comes_to_the_same_title_stays_apart(race: Race) -> None:
    """Two that describe themselves anew at once, both by the same title, keep their changes; one is found by it."""
    for number, label in ((1, "1"), (2, "2")):
        await race.store.transact(race.submits(record(number, label=label)))
    well(await race.meet(race.submits(record(1, 2, label="3")), race.submits(record(2, 2, label="3"))))
    one, other = await race.changes()
    assert (one.title, one.is_twin) == (other.title, not other.is_twin)
    assert [gate.change_key for gate in await race.gates()] == [one.key, other.key]


# --- the end of a change ---


@pytest.mark.parametrize("ends", [(State.SUCCESSFUL, State.SUCCESSFUL), (State.SUCCESSFUL, State.CANCELLED)])
async def test_two_that_end_at_once_close_their_change_once(race: Race, ends: tuple[State, State]) -> None:
    """Of two deployments that end at the same instant one is the last, and moves the change on, once."""
    key = await race.begins(record(1), record(2))
    await race.store.transact(race.approves(key))
    well(await race.meet(*(race.submits(record(number, 2, end)) for number, end in zip((1, 2), ends, strict=True))))
    (change,) = await race.changes()
    assert change.status is Status.RESOLVED
    remarks = [one.body for one in await race.store.read(lambda uow: uow.changes.comments(change.number))]
    assert len([one for one in remarks if "Moved from Implementing to Resolved" in one]) == 1


async def test_who_comes_while_a_change_ends_has_an_open_one(race: Race) -> None:
    """A deployment that comes while the last one of its title ends opens a change of its own, and waits."""
    key = await race.begins(record(1))
    await race.store.transact(race.approves(key))
    well(await race.meet(race.submits(record(1, 2, State.SUCCESSFUL)), race.submits(record(2))))
    assert [change.status for change in await race.changes()] == [Status.RESOLVED, Status.PEER_REVIEW]
    assert [gate.change_key for gate in await race.gates()] == [change.key for change in await race.changes()]
    assert await race.statuses() == [ALLOWED, AWAITING]


async def test_a_change_does_not_end_while_somebody_joins(race: Race) -> None:
    """A change stays open if another deployment comes to rely on it just when the last one ends."""
    key = await race.begins(record(1))
    await race.store.transact(race.approves(key))
    well(await race.meet(race.submits(record(2)), race.submits(record(1, 2, State.SUCCESSFUL))))
    (change,) = await race.changes()
    assert (change.status, await race.statuses()) == (Status.IMPLEMENTING, [ALLOWED, ALLOWED])


# --- approving while somebody joins ---


async def test_who_joins_while_one_approves_is_covered_if_the_same(race: Race) -> None:
    """A deployment of exactly the same that joined just before an approval is allowed by it, and not forgotten."""
    key = await race.begins(record(1))
    well(await race.meet(race.submits(record(2)), race.approves(key)))
    assert await race.statuses() == [ALLOWED, ALLOWED]


async def test_who_joins_after_one_approved_is_covered_if_the_same(race: Race) -> None:
    """A deployment of exactly the same that comes while an approval is written down is allowed by it."""
    key = await race.begins(record(1))
    well(await race.meet(race.approves(key), race.submits(record(2))))
    assert await race.statuses() == [ALLOWED, ALLOWED]


async def test_nobody_approves_who_was_not_shown(race: Race) -> None:
    """What joins with other commits, after an approver looked and before the approval, is not approved unseen."""
    key = await race.begins(record(1))
    seen = (await race.store.read(lambda uow: ask.change(uow, key, ROOT, race.ports.changes))).digest
    _, refused = await race.meet(race.submits(record(2, associations=OTHERWISE)), race.approves(key, seen))
    assert isinstance(refused, Stale)
    assert refused.message == f"What is to be deployed, or when, changed after {key} was shown to you."
    assert await race.statuses() == [AWAITING, AWAITING]


async def test_nobody_is_covered_who_comes_otherwise(race: Race) -> None:
    """What comes with other commits while an approval is written down waits for another one."""
    key = await race.begins(record(1))
    well(await race.meet(race.approves(key), race.submits(record(2, associations=OTHERWISE))))
    assert await race.statuses() == [ALLOWED, AWAITING]


# --- limits among those that race ---


async def test_a_limit_of_standard_changes_holds(race: Race) -> None:
    """Of several that race for the one standard change of a day, one is let pass, and the others wait for approval."""
    template = Template(name="daily", reach=Reach(projects=("*",)), each_day=1)
    await race.rule(Rulebook(standard=(template,)))
    well(await race.meet(race.submits(record(1, label="1")), race.submits(record(2, label="2"))))
    assert sorted(change.type for change in await race.changes()) == [ChangeType.NORMAL, ChangeType.STANDARD]
    assert sorted(await race.statuses()) == [ALLOWED, AWAITING]


async def test_of_two_that_come_at_once_one_is_newer(race: Race) -> None:
    """Of two deployments to one place that come at once, one takes the place of the other, whichever was first."""
    await race.rule(Rulebook(waiting=(Waiting(name="newest", supersede=True),)))
    well(await race.meet(race.submits(record(1, label="1")), race.submits(record(2, label="2"))))
    gates = await race.gates()
    assert sorted(gate.verdict.status for gate in gates) == [AWAITING, PREVENTED]
    assert [gate.ended.code for gate in gates if gate.ended is not None] == [ReasonCode.SUPERSEDED]
