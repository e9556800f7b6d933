from datetime import UTC, datetime, timedelta, timezone

import pytest
from msgspec.structs import replace

from mitregate.core.errors import Malformed
from mitregate.core.gates import PENDING
from mitregate.core.queries import GateQuery
from mitregate.ports import Store
from mitregate.stores.rows import instant, moment
from tests.stores.made import app, deployment, entry, gate, job, keep, key, user

ODD = [
    "a" * 255,
    "🚢" * 255,
    "group%2Fproject",
    "group/project",
    "with space, 'quotes', \"double\", \\ and ; -- DROP",
    "e\u0301 is not \u00e9",
    "right\u202eto left, zero\u200bwidth, \u2028 line",
    "%s %(name)s :name ? $1 {}",
    "\t\n\x01\x7f",
    "",
]


@pytest.mark.parametrize("text", ODD, ids=ascii)
async def test_any_text_comes_back(store: Store, text: str) -> None:
    """Ids and words of any characters come back to the letter, and find nothing else."""
    where = key(pipeline_id=text, environment_id=text)
    kept = replace(deployment(description=text), key=where)
    held = gate(text, key=where, project=text, change_key=text)
    await store.transact(keep(kept, held))
    await store.transact(keep(user(text), job(gate_id=text, lane=text)))
    assert await store.read(lambda uow: uow.deployments.get(where)) == kept
    assert await store.read(lambda uow: [uow.gates.get(text), uow.gates.of(where)]) == [held, held]
    assert await store.read(lambda uow: uow.gates.of_change(text)) == [held]
    assert await store.read(lambda uow: uow.gates.page(GateQuery(pipeline_id=text))) == [held]
    assert await store.read(lambda uow: uow.people.user(text)) == user(text)
    assert await store.transact(lambda uow: uow.jobs.claim("me", timedelta(1), 9, [text])) == []
    assert await store.read(lambda uow: uow.deployments.get(key(pipeline_id=text + " ", environment_id=text))) is None


@pytest.mark.parametrize("number", [0, -1, 2**31, -(2**31) - 1, 2**63 - 1, -(2**63)])
async def test_numbers_of_64_bits(store: Store, number: int) -> None:
    """Sequence numbers are any signed 64-bit numbers."""
    kept = deployment(number, update=number)
    await store.transact(keep(kept, gate(number=number)))
    assert await store.read(lambda uow: uow.deployments.get(key(number))) == kept
    assert await store.read(lambda uow: uow.gates.of(key(number))) == gate(number=number)
    assert await store.read(lambda uow: uow.gates.page(GateQuery(sequence_number=number))) == [gate(number=number)]


@pytest.mark.parametrize("text", ["a\0b", "\ud800"], ids=ascii)
async def test_what_is_no_text_is_refused(store: Store, text: str) -> None:
    """NUL, which PostgreSQL cannot keep, and lone surrogates are refused on both engines, and nothing is kept."""
    with pytest.raises(Malformed):
        await store.transact(keep(app(text)))
    with pytest.raises(Malformed):
        await store.transact(keep(deployment(properties={"a": text})))
    with pytest.raises(Malformed):
        await store.transact(keep(entry(), entry(text)))
    with pytest.raises(Malformed):
        await store.read(lambda uow: uow.deployments.by_properties("app", {text: "a"}))
    assert await store.read(lambda uow: [uow.apps.all(), uow.deployments.get(key())]) == [[app()], None]


async def test_a_surrogate_inside_a_value_is_refused(store: Store) -> None:
    """A lone surrogate is refused wherever it stands, also where no column is made of it."""
    with pytest.raises(Malformed):
        await store.transact(keep(deployment(description="\udfff")))


@pytest.mark.parametrize("number", [2**63, -(2**63) - 1])
async def test_greater_numbers_are_refused(store: Store, number: int) -> None:
    """A number of more than 64 bits is refused, not cut."""
    with pytest.raises(Malformed):
        await store.read(lambda uow: uow.deployments.get(key(number)))


def test_instants_have_one_width() -> None:
    """Instants are written in UTC with microseconds, so that their text sorts as they do."""
    zone = timezone(timedelta(hours=14))
    times = [
        datetime.min.replace(tzinfo=UTC),
        datetime(999, 1, 2, 3, 4, 5, 6, tzinfo=UTC),
        datetime(2026, 3, 1, 1, tzinfo=zone),
        datetime(2026, 3, 1, tzinfo=UTC),
        datetime.max.replace(tzinfo=UTC),
    ]
    texts = [instant(at) for at in times]
    assert texts[2:4] == ["2026-02-28T11:00:00.000000Z", "2026-03-01T00:00:00.000000Z"]
    assert texts == sorted(texts)
    assert {len(text) for text in texts} == {27}
    assert [moment(text) for text in texts] == times


async def test_instants_beyond_the_calendar(store: Store) -> None:
    """An instant which UTC has no year for is put on the calendar's edge, rather than failing for ever."""
    late = datetime.max.replace(tzinfo=timezone(-timedelta(hours=12)))
    early = datetime.min.replace(tzinfo=timezone(timedelta(hours=14)))
    verdicts = [replace(PENDING, wake_at=at) for at in (late, early)]
    await store.transact(keep(*(gate(f"{n}", n, verdict=each) for n, each in enumerate(verdicts))))
    assert await store.read(lambda uow: uow.gates.next_wake()) == datetime.min.replace(tzinfo=UTC)


def test_an_instant_needs_an_offset() -> None:
    """A time without an offset is no instant, and is refused."""
    with pytest.raises(Malformed):
        instant(datetime(2026, 3, 1))  # noqa: DTZ001 - the very thing
