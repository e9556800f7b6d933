import asyncio
from datetime import datetime, timedelta, timezone

import pytest
from msgspec.structs import replace

from mitregate.core.approvals import Approval, Decision
from mitregate.core.calendar import Window
from mitregate.core.changes import ChangeType, Comment, Status
from mitregate.core.conflicts import mark_of
from mitregate.core.errors import Stale
from mitregate.core.queries import AuditQuery, ChangeQuery
from mitregate.ports import Store, UnitOfWork
from tests.stores.made import AGO, LATER, NOW, change, entry, keep


async def test_a_change_comes_back_as_it_was(store: Store) -> None:
    """A change gets a number when it is kept, and is read with it and with everything else, offsets included."""
    start = datetime(2026, 3, 1, 22, tzinfo=timezone(timedelta(hours=1)))
    approval = Approval(actor="ann", decision=Decision.APPROVE, at=NOW, digests=("d", "e"), comment="ok")
    given = change(type=ChangeType.EMERGENCY, window=Window(start=start), approvals=(approval,), description="x\n'y'")
    kept = await store.transact(lambda uow: uow.changes.add(given))
    assert (kept.number > 0, kept.title) == (True, given.title)
    found = await store.read(lambda uow: uow.changes.get(kept.number))
    assert found == kept
    assert found.window.start is not None
    assert found.window.start.utcoffset() == timedelta(hours=1)
    assert await store.read(lambda uow: uow.changes.get(kept.number + 1)) is None


async def test_numbers_are_never_given_twice(store: Store) -> None:
    """Every change has a number of its own, higher than the ones before."""
    numbers = [(await store.transact(lambda uow: uow.changes.add(change()))).number for _ in range(3)]
    numbers += await store.transact(lambda uow: [uow.changes.add(change()).number for _ in range(3)])
    assert numbers == sorted(set(numbers))


async def test_a_batch_shares_its_numbers(store: Store, other: Store) -> None:
    """Changes of flows that share transactions, in two stores at once, get numbers of their own, however many."""

    def open_some(uow: UnitOfWork) -> list[int]:
        return [uow.changes.add(change()).number for _ in range(3)]

    found = await asyncio.gather(*(each.transact(open_some) for each in (store, other) * 60))
    numbers = [number for some in found for number in some]
    assert len(set(numbers)) == 360
    assert all(some == sorted(some) for some in found)


async def test_keeping_makes_a_new_revision(store: Store) -> None:
    """A kept change is read with a revision one higher; whoever keeps the old one again is told so."""
    kept = await store.transact(lambda uow: uow.changes.add(change()))
    moved = change(number=kept.number, status=Status.IMPLEMENTING, updated_at=LATER)
    await store.transact(lambda uow: uow.changes.keep(moved))
    expected = change(number=kept.number, status=Status.IMPLEMENTING, updated_at=LATER, revision=2)
    assert await store.read(lambda uow: uow.changes.get(kept.number)) == expected
    with pytest.raises(Stale):
        await store.transact(lambda uow: uow.changes.keep(moved))


async def test_a_flow_goes_on_with_what_it_has_kept(store: Store) -> None:
    """Within a flow a change is read as it was added or kept last, and a revision before that is not kept any more."""

    def flow(uow: UnitOfWork) -> None:
        added = uow.changes.add(change())
        assert uow.changes.get(added.number) == added
        uow.changes.keep(replace(added, status=Status.PLANNING))
        moved = uow.changes.get(added.number)
        assert moved == replace(added, status=Status.PLANNING, revision=2)
        uow.changes.keep(replace(moved, status=Status.IMPLEMENTING))
        uow.changes.keep(replace(moved, status=Status.DECLINED))

    with pytest.raises(Stale):
        await store.transact(flow)
    assert await store.read(lambda uow: uow.changes.page(ChangeQuery())) == []


async def test_several_changes_are_read_in_one_go(store: Store) -> None:
    """Changes that were fetched are there when they are asked for, and can be kept; what is not there is not there."""
    first, second = await store.transact(lambda uow: [uow.changes.add(change()) for _ in range(2)])

    def flow(uow: UnitOfWork) -> None:
        uow.changes.fetch({first.number, second.number, second.number + 1})
        assert [uow.changes.get(second.number + place) for place in (-1, 0, 1)] == [first, second, None]
        uow.changes.keep(replace(second, status=Status.PLANNING))

    await store.transact(flow)
    found = await store.read(lambda uow: [uow.changes.get(number) for number in (first.number, second.number)])
    assert found == [first, replace(second, status=Status.PLANNING, revision=2)]


async def test_pages_of_changes(store: Store) -> None:
    """Changes are listed newest first, of one status or all, after the one named."""
    statuses = [Status.PLANNING, Status.CLOSED, Status.PLANNING, Status.PLANNING]
    kept = await store.transact(lambda uow: [uow.changes.add(change(status=status)).number for status in statuses])
    first, second, third, fourth = kept
    pages = {
        (None, None, 9): [fourth, third, second, first],
        (Status.PLANNING, None, 2): [fourth, third],
        (Status.PLANNING, third, 9): [first],
        (None, third, 1): [second],
        (Status.FAILED, None, 9): [],
    }
    for (status, before, limit), numbers in pages.items():
        query = ChangeQuery(status=status, before=before, limit=limit)
        found = await store.read(lambda uow, query=query: uow.changes.page(query))  # type: ignore[misc]
        assert [each.number for each in found] == numbers


@pytest.mark.parametrize("service", ["\0\1", "x" * 10_000, "\N{SNOWMAN}" * 3000, ""])
async def test_whatever_a_service_is_called(store: Store, service: str) -> None:
    """Both engines find the neighbours of a change by a service of any name, in pages, while these are open."""
    titles = [f"Change {number}" for number in range(5)]
    kept = await store.transact(lambda uow: [uow.changes.add(change(title, app_id="app")) for title in titles])
    marks = [mark_of(service)]

    def mark(uow: UnitOfWork) -> None:
        for one in kept[:4]:
            uow.changes.mark(one.number, [*marks, *marks])
        uow.changes.keep(replace(kept[3], status=Status.CLOSED))

    await store.transact(mark)
    first, *others = (one.number for one in kept[:3])
    for limit, after, expected in ((9, 0, others), (1, 0, others[:1]), (1, others[0], others[1:]), (9, others[1], [])):
        beside = await store.read(
            lambda uow, limit=limit, after=after: uow.changes.beside(first, marks, limit, after)  # type: ignore[misc]
        )
        assert [one.number for one in beside] == expected


async def test_remarks_are_read_in_order(store: Store) -> None:
    """The remarks on a change are given in the order in which they were made, and to no other change."""
    number, other = await store.transact(lambda uow: [uow.changes.add(change()).number for _ in range(2)])
    remarks = [Comment(author="ann", body="later\n🚢", at=NOW), Comment(author="bob", body="earlier", at=AGO)]

    def remark(uow: UnitOfWork) -> None:
        for each in remarks:
            uow.changes.add_comment(number, each)

    await store.transact(remark)
    assert await store.read(lambda uow: uow.changes.comments(number)) == remarks
    assert await store.read(lambda uow: uow.changes.comments(other)) == []


async def test_the_audit_log_is_read_backwards(store: Store) -> None:
    """Audit entries are given newest first with rising numbers, of one subject or all, after the one named."""
    kept = [entry("a", detail={}), entry("b", detail={"weiß": "ja"}), entry("a", at=AGO)]
    await store.transact(keep(*kept))
    found = await store.read(lambda uow: uow.audit.page(AuditQuery()))
    assert [each for _, each in found] == kept[::-1]
    numbers = [number for number, _ in found]
    assert numbers == sorted(set(numbers), reverse=True)
    assert await store.read(lambda uow: uow.audit.page(AuditQuery(subject="a"))) == [found[0], found[2]]
    assert await store.read(lambda uow: uow.audit.page(AuditQuery(subject="a", before=numbers[0]))) == [found[2]]
    assert await store.read(lambda uow: uow.audit.page(AuditQuery(limit=1))) == [found[0]]
    assert await store.read(lambda uow: uow.audit.page(AuditQuery(subject="none"))) == []


async def test_what_a_simulation_looks_at_can_be_read(store: Store) -> None:
    """What else is looked at under a lock can be read in a transaction that only reads, which takes none."""
    assert await store.read(lambda uow: uow.gates.held_at("nowhere")) == []
    assert await store.read(lambda uow: uow.changes.opened_of("none", NOW)) == 0
    assert await store.read(lambda uow: uow.changes.open_for("mark", "title", "app")) is None
    assert await store.read(lambda uow: uow.gates.history("nowhere")) == ()
