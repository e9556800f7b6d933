from datetime import timedelta

import pytest
from msgspec.structs import replace

from mitregate.core.errors import Stale
from mitregate.core.gates import PENDING, Gate, GatingStatus, Stage
from mitregate.core.queries import GateQuery
from mitregate.ports import Store, UnitOfWork
from tests.stores.made import AGO, LATER, NOW, gate, keep, key

ALLOWED = replace(PENDING, status=GatingStatus.ALLOWED, good_until=LATER, wake_at=LATER)


def waking(name: str, number: int, seconds: int, **others: object) -> Gate:
    """A gate that is to wake some seconds from now."""
    verdict = replace(PENDING, wake_at=NOW + timedelta(seconds=seconds))
    return gate(name, number, verdict=verdict, **others)


async def test_a_gate_comes_back_as_it_was(store: Store) -> None:
    """A gate is read as it was kept, by its id, by its deployment, and by its change."""
    kept = gate(verdict=ALLOWED)
    await store.transact(keep(kept))
    assert await store.read(lambda uow: uow.gates.get("gate")) == kept
    assert await store.read(lambda uow: uow.gates.of(key())) == kept
    assert await store.read(lambda uow: uow.gates.of_change("CHG-1")) == [kept]
    assert await store.read(lambda uow: (uow.gates.get("no"), uow.gates.of(key(2)), uow.gates.of_change("CHG-2"))) == (
        None,
        None,
        [],
    )


async def test_the_newest_gate_is_the_current_one(store: Store) -> None:
    """A new gate takes the place of the earlier one of its deployment, which stays readable."""
    await store.transact(keep(gate("first")))
    await store.transact(keep(gate("second")))
    await store.transact(keep(gate("third", 2)))
    await store.transact(keep(gate("fourth", 2)))
    current = await store.read(lambda uow: (uow.gates.of(key()), uow.gates.of(key(2))))
    assert current == (gate("second"), gate("fourth", 2))
    assert await store.read(lambda uow: uow.gates.get("first")) == gate("first")


async def test_one_flow_may_add_two_gates(store: Store) -> None:
    """A flow that found no gate can add one, and then another in its place."""

    def twice(uow: UnitOfWork) -> None:
        assert uow.gates.of(key()) is None
        uow.gates.add(gate("first"))
        uow.gates.add(gate("second"))

    await store.transact(twice)
    assert await store.read(lambda uow: uow.gates.of(key())) == gate("second")


async def test_keeping_makes_a_new_revision(store: Store) -> None:
    """A kept gate is read with a revision one higher, and the columns it is found by follow."""
    await store.transact(keep(gate(change_key=None)))
    await store.transact(lambda uow: uow.gates.keep(gate(change_key="CHG-9", verdict=ALLOWED, stage=Stage.STARTED)))
    kept = gate(change_key="CHG-9", verdict=ALLOWED, stage=Stage.STARTED, revision=2)
    assert await store.read(lambda uow: uow.gates.of(key())) == kept
    assert await store.read(lambda uow: uow.gates.of_change("CHG-9")) == [kept]
    assert await store.read(lambda uow: uow.gates.page(GateQuery(status=GatingStatus.ALLOWED))) == [kept]
    assert await store.read(lambda uow: uow.gates.page(GateQuery(stage=Stage.HELD))) == []


async def test_an_old_revision_is_stale(store: Store) -> None:
    """Whoever keeps a revision that is gone is told so, and the newer one stays."""
    await store.transact(keep(gate()))
    await store.transact(lambda uow: uow.gates.keep(gate(version="2")))
    with pytest.raises(Stale):
        await store.transact(lambda uow: uow.gates.keep(gate(version="3")))
    with pytest.raises(Stale):
        await store.transact(lambda uow: uow.gates.keep(gate("never added")))
    assert await store.read(lambda uow: uow.gates.get("gate")) == gate(version="2", revision=2)


async def test_a_flow_keeps_what_it_has_locked_again_and_again(store: Store) -> None:
    """A gate that was read under lock is kept revision after revision; the one before the last is stale even then."""
    await store.transact(keep(gate()))

    def flow(uow: UnitOfWork, *, is_stale: bool) -> None:
        found = uow.gates.of(key())
        assert found is not None
        uow.gates.keep(found)
        uow.gates.keep(replace(found, revision=found.revision + 1, project="kept twice"))
        if is_stale:
            uow.gates.keep(found)

    with pytest.raises(Stale):
        await store.transact(lambda uow: flow(uow, is_stale=True))
    await store.transact(lambda uow: flow(uow, is_stale=False))
    kept = await store.read(lambda uow: uow.gates.get("gate"))
    assert kept == gate(revision=3, project="kept twice")


async def test_gates_of_a_change_come_oldest_first(store: Store) -> None:
    """The gates that hold a change are given in the order in which they were added."""
    await store.transact(keep(*(gate(name, number) for number, name in enumerate("cab"))))
    assert await store.read(lambda uow: [found.id for found in uow.gates.of_change("CHG-1")]) == ["c", "a", "b"]


async def test_gates_wake_when_it_is_time(store: Store) -> None:
    """Held gates whose time has come are due, most overdue first; others are not."""
    kept = [
        waking("late", 1, -60),
        waking("now", 2, 0),
        waking("later", 3, 60),
        waking("latest", 4, -90),
        gate("no", 5),
    ]
    kept += [waking("started", 6, -99, stage=Stage.STARTED)]
    await store.transact(keep(*kept))
    assert await store.transact(lambda uow: [each.id for each in uow.gates.due(NOW, 9)]) == ["latest", "late", "now"]
    assert await store.transact(lambda uow: [each.id for each in uow.gates.due(NOW, 1)]) == ["latest"]
    assert await store.transact(lambda uow: uow.gates.due(AGO - timedelta(hours=1), 9)) == []
    assert await store.read(lambda uow: uow.gates.next_wake()) == NOW - timedelta(seconds=90)


async def test_nothing_wakes_in_an_empty_house(store: Store) -> None:
    """Without gates that wake there is no next wake time."""
    await store.transact(keep(gate(), waking("w", 2, 0, stage=Stage.FINISHED)))
    assert await store.read(lambda uow: uow.gates.next_wake()) is None


@pytest.mark.parametrize(
    ("query", "names"),
    [
        (GateQuery(), "dcba"),
        (GateQuery(limit=2), "dc"),
        (GateQuery(before="c"), "ba"),
        (GateQuery(before="c", limit=1), "b"),
        (GateQuery(before="nobody"), ""),
        (GateQuery(app_id="other"), "d"),
        (GateQuery(status=GatingStatus.ALLOWED), "db"),
        (GateQuery(stage=Stage.STARTED), "b"),
        (GateQuery(pipeline_id="p"), "c"),
        (GateQuery(environment_id="e"), "c"),
        (GateQuery(sequence_number=4), "d"),
        (GateQuery(status=GatingStatus.ALLOWED, stage=Stage.HELD, app_id="other", before="nobody"), ""),
        (GateQuery(status=GatingStatus.AWAITING, app_id="app", before="c"), "a"),
    ],
    ids=repr,
)
async def test_pages_show_what_is_asked_for(store: Store, query: GateQuery, names: str) -> None:
    """A page holds the gates for which all conditions hold, newest first, after the one named."""
    kept = [
        gate("a", 1),
        gate("b", 2, verdict=ALLOWED, stage=Stage.STARTED),
        gate("c", key=key(3, pipeline_id="p", environment_id="e")),
        gate("d", key=key(4, app_id="other"), verdict=ALLOWED),
    ]
    await store.transact(keep(*kept))
    assert await store.read(lambda uow: "".join(found.id for found in uow.gates.page(query))) == names


async def test_pages_stay_put_while_gates_come_and_change(store: Store) -> None:
    """Paging through gates by cursor shows each of them once, though new ones are added and old ones kept anew."""
    await store.transact(keep(*(gate(f"g{number}", number) for number in range(20))))
    seen: list[str] = []
    before: str | None = None
    for turn in range(4):
        query = GateQuery(before=before, limit=5)
        page = await store.read(lambda uow, query=query: uow.gates.page(query))  # type: ignore[misc]
        seen += [found.id for found in page]
        before = seen[-1]
        await store.transact(keep(gate(f"new{turn}", 100 + turn)))
        await store.transact(lambda uow, turn=turn: uow.gates.keep(gate(f"g{turn}", turn, version="2")))  # type: ignore[misc]
    assert seen == [f"g{number}" for number in reversed(range(20))]
