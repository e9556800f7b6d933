import asyncio
from datetime import timedelta
from functools import partial

import pytest
from msgspec.structs import replace

from mitregate.core.errors import Stale
from mitregate.core.gates import PENDING, Gate, Stage
from mitregate.core.rulebook import FreezeRule, Rulebook
from mitregate.core.times import Times
from mitregate.ports import KeptRules, Store, UnitOfWork
from tests.stores.made import AGO, LATER, NOW, gate, keep, key

MOMENT = NOW.replace(microsecond=0)


def kept(revision: int, name: str = "x") -> KeptRules:
    """Make a revision with one freeze."""
    freeze = FreezeRule(name=name, when=Times(start=MOMENT, end=MOMENT + timedelta(hours=1), zone="Europe/Berlin"))
    return KeptRules(revision=revision, book=Rulebook(freezes=(freeze,)), at=NOW, actor="ann")


async def keep_rules(store: Store, rules: KeptRules) -> None:
    """Keep a revision."""
    await store.transact(lambda uow: uow.rules.keep(rules))


async def test_without_rules_there_is_the_empty_rulebook(store: Store) -> None:
    """Before anybody writes rules there is revision 0, which says nothing."""
    assert await store.read(lambda uow: uow.rules.current()) == KeptRules()
    assert await store.read(lambda uow: uow.rules.page(5)) == []


async def test_rules_come_back_as_they_were(store: Store, other: Store) -> None:
    """The newest revision is the current one, for everybody, and the earlier ones stay."""
    for number in (1, 2, 3):
        await keep_rules(store, kept(number))
        assert await store.read(lambda uow: uow.rules.current()) == kept(number)
        assert await other.read(lambda uow: uow.rules.current()) == kept(number)
    assert await store.read(lambda uow: uow.rules.page(2)) == [kept(3), kept(2)]
    assert await store.read(lambda uow: uow.rules.page(5, 3)) == [kept(2), kept(1)]


async def test_the_rules_of_any_instant_are_found(store: Store) -> None:
    """The rules that were in force at an instant are found: from the instant on at which they were written."""
    for number in (1, 2):
        await keep_rules(store, replace(kept(number), at=NOW + number * timedelta(hours=1)))
    moments = [NOW + hours * timedelta(hours=1) for hours in (0, 1, 1.9, 2, 9)]
    found = await store.read(lambda uow: [uow.rules.at(moment).revision for moment in moments])
    assert found == [0, 1, 1, 2, 2]


async def test_one_revision_is_kept_once(store: Store) -> None:
    """Whoever keeps a revision that is there already is told so, and the first one stays."""
    await keep_rules(store, kept(1))
    with pytest.raises(Stale, match="the rules"):
        await keep_rules(store, kept(1, "y"))
    assert await store.read(lambda uow: uow.rules.current()) == kept(1)


async def test_what_a_flow_kept_and_lost_is_not_remembered(store: Store) -> None:
    """A flow sees the rules that it kept; if it fails, nobody sees them."""

    def fail(uow: UnitOfWork) -> None:
        uow.rules.keep(kept(1))
        assert uow.rules.current() == kept(1)
        raise LookupError

    with pytest.raises(LookupError):
        await store.transact(fail)
    assert await store.transact(lambda uow: uow.rules.current()) == KeptRules()


async def test_writers_do_not_lose_one_another(store: Store, other: Store) -> None:
    """Many who add to the rules at once, in two processes, all find their part in them at the end."""

    def add(uow: UnitOfWork, name: str) -> None:
        current = uow.rules.lock()
        freezes = (*current.book.freezes, FreezeRule(name=name))
        uow.rules.keep(replace(current, revision=current.revision + 1, book=Rulebook(freezes=freezes), at=NOW))

    async def ask(number: int) -> None:
        await (store, other)[number % 2].transact(lambda uow: add(uow, f"freeze {number}"))

    await asyncio.gather(*(ask(number) for number in range(20)))
    found = await store.read(lambda uow: uow.rules.current())
    assert found.revision == 20
    assert {freeze.name for freeze in found.book.freezes} == {f"freeze {number}" for number in range(20)}


async def test_held_gates_are_woken_early(store: Store) -> None:
    """Every held gate that does not wake sooner wakes then, is due, and is read so; others are left alone."""
    soon, late = replace(PENDING, wake_at=AGO), replace(PENDING, wake_at=LATER)
    gates = [gate("sooner", 1, verdict=soon), gate("later", 2, verdict=late), gate("never", 3)]
    await store.transact(keep(*gates, gate("started", 4, verdict=late, stage=Stage.STARTED)))
    await store.transact(lambda uow: uow.gates.wake_all(NOW))
    names = ("sooner", "later", "never", "started")
    found = await store.read(lambda uow: [uow.gates.get(name) for name in names])
    assert [one.verdict.wake_at for one in found if one is not None] == [AGO, NOW, NOW, LATER]
    assert await store.transact(lambda uow: [one.id for one in uow.gates.due(NOW, 9)]) == ["sooner", "later", "never"]
    current = await store.read(lambda uow: uow.gates.of(key(2)))
    assert current is not None
    assert (current.verdict.wake_at, current.revision) == (NOW, 1)


async def test_keeping_a_gate_ends_the_early_wake(store: Store) -> None:
    """Once a gate is kept again it wakes when its verdict says."""
    await store.transact(keep(gate()))
    await store.transact(lambda uow: uow.gates.wake_all(NOW))
    await store.transact(lambda uow: uow.gates.keep(gate(verdict=replace(PENDING, wake_at=LATER))))
    assert await store.transact(lambda uow: uow.gates.due(NOW, 9)) == []
    assert await store.read(lambda uow: uow.gates.next_wake()) == LATER


def look(uow: UnitOfWork, number: int) -> Gate | None:
    """Read the gate of a deployment."""
    return uow.gates.of(key(number))


async def test_nobody_decides_by_rules_that_are_being_replaced(store: Store, other: Store) -> None:
    """A gate that is opened by earlier rules is there when new ones wake all gates, whoever is faster.

    Else it would stay as it was decided: on PostgreSQL two transactions do not see what the other one adds.
    """

    def open_gate(uow: UnitOfWork, number: int) -> None:
        seen = uow.rules.current().revision
        uow.gates.add(gate(f"gate {number}", number, version=str(seen)))

    def change(uow: UnitOfWork) -> None:
        uow.rules.keep(kept(uow.rules.lock().revision + 1))
        uow.gates.wake_all(NOW)

    async def submit(number: int) -> None:
        await store.transact(lambda uow: open_gate(uow, number))

    for turn in range(10):
        numbers = range(1 + turn * 10, 11 + turn * 10)
        await asyncio.gather(*map(submit, numbers), other.transact(change))
        for number in numbers:
            found = await store.read(partial(look, number=number))
            assert found is not None
            assert found.version == str(turn + 1) or found.verdict.wake_at == NOW
