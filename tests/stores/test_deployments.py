from msgspec.structs import replace

from mitregate.core.deployments import State
from mitregate.ports import Store, UnitOfWork
from tests.stores.made import LATER, NOW, app, deployment, keep, key


async def test_it_is_known_when_a_deployment_was_kept(store: Store) -> None:
    """When a deployment was last kept is known; of one that is not there nothing is."""
    made = deployment()
    assert await store.read(lambda uow: uow.deployments.kept_at(made.key)) is None
    await store.transact(lambda uow: uow.deployments.keep(made, NOW))
    assert await store.read(lambda uow: uow.deployments.kept_at(made.key)) == NOW
    await store.transact(lambda uow: uow.deployments.keep(made, LATER))
    assert await store.read(lambda uow: uow.deployments.kept_at(made.key)) == LATER


async def test_a_deployment_comes_back_as_it_was(store: Store) -> None:
    """A deployment is read as it was kept, with all it carries."""
    kept = deployment(properties={"name": "value"})
    await store.transact(lambda uow: uow.deployments.keep(kept, NOW))
    assert await store.read(lambda uow: uow.deployments.get(kept.key)) == kept
    assert await store.read(lambda uow: uow.deployments.get(key(2))) is None


async def test_several_are_read_in_one_go(store: Store) -> None:
    """Of several deployments those are read that are there; ids may hold anything, and numbers be as low as they go."""
    odd = key(-(2**63), pipeline_id='"p"/1 %s :x', environment_id="ümläut ['e']")
    first, second = deployment(1), deployment(2, key=odd)
    await store.transact(lambda uow: uow.deployments.keep(first, NOW))
    await store.transact(lambda uow: uow.deployments.keep(second, NOW))
    wanted = [key(1), odd, key(3)]
    assert await store.read(lambda uow: uow.deployments.get_all(wanted)) == {key(1): first, odd: second}
    assert await store.transact(lambda uow: uow.deployments.get_all(wanted)) == {key(1): first, odd: second}
    assert await store.read(lambda uow: uow.deployments.get_all([odd])) == {odd: second}
    assert await store.read(lambda uow: uow.deployments.get_all([key(3)])) == {}


async def test_an_update_replaces(store: Store) -> None:
    """A newer update takes the place of the earlier one, whether or not that was read before."""
    first, second, third = deployment(), deployment(update=2, state=State.IN_PROGRESS), deployment(update=3)
    await store.transact(lambda uow: uow.deployments.keep(first, NOW))
    assert await store.transact(lambda uow: _read_and_keep(uow, second)) == first
    await store.transact(lambda uow: uow.deployments.keep(third, NOW))
    assert await store.read(lambda uow: uow.deployments.get(first.key)) == third
    assert await store.read(lambda uow: uow.deployments.of_app("app")) == [first.key]


async def test_one_flow_may_keep_twice(store: Store) -> None:
    """A flow that looked for a deployment in vain can keep it, and then keep its update."""

    def twice(uow: UnitOfWork) -> None:
        _read_and_keep(uow, deployment(properties={"a": "1"}))
        uow.deployments.keep(deployment(update=2), NOW)

    await store.transact(twice)
    assert await store.read(lambda uow: uow.deployments.get(key())) == deployment(update=2)
    assert await store.read(lambda uow: uow.deployments.by_properties("app", {"a": "1"})) == []


async def test_a_removed_deployment_can_come_again(store: Store) -> None:
    """A deployment is removed once, and the same flow can keep it anew."""

    def remove(uow: UnitOfWork) -> list[bool]:
        uow.deployments.get(key())
        gone = [uow.deployments.remove(key()), uow.deployments.remove(key())]
        assert uow.deployments.get(key()) is None
        uow.deployments.keep(deployment(update=1), NOW)
        return gone

    await store.transact(lambda uow: uow.deployments.keep(deployment(update=7, properties={"a": "1"}), NOW))
    assert await store.transact(remove) == [True, False]
    assert await store.read(lambda uow: uow.deployments.get(key())) == deployment()


async def test_properties_are_found_together(store: Store) -> None:
    """Deployments are found by all of the properties asked for, within one app."""

    def stock(uow: UnitOfWork) -> None:
        uow.apps.add(app("other"))
        uow.deployments.keep(deployment(1, properties={"a": "1", "b": "2", "c": "3"}), NOW)
        uow.deployments.keep(deployment(2, properties={"a": "1", "b": "x"}), NOW)
        uow.deployments.keep(deployment(3, properties={"b": "2"}), NOW)
        uow.deployments.keep(deployment(key=key(app_id="other"), properties={"a": "1", "b": "2"}), NOW)

    await store.transact(stock)

    def find(uow: UnitOfWork) -> list[list[int]]:
        wanted = [{"a": "1"}, {"a": "1", "b": "2"}, {"b": "2"}, {"a": "2"}, {"a": "1", "d": "4"}]
        return [[found.sequence_number for found in uow.deployments.by_properties("app", each)] for each in wanted]

    assert await store.read(find) == [[1, 2], [1], [1, 3], [], []]


async def test_properties_are_replaced(store: Store) -> None:
    """The properties of an update replace the earlier ones, also when it has none."""
    await store.transact(lambda uow: uow.deployments.keep(deployment(properties={"a": "1", "b": "2"}), NOW))
    await store.transact(lambda uow: _read_and_keep(uow, deployment(update=2, properties={"b": "3"})))
    assert await store.read(lambda uow: _found(uow, "a", "1") + _found(uow, "b", "2") + _found(uow, "b", "3")) == [1]
    await store.transact(lambda uow: _read_and_keep(uow, deployment(update=3)))
    assert await store.read(lambda uow: _found(uow, "b", "3")) == []


async def test_properties_hold_any_text(store: Store) -> None:
    """Properties are text to the letter: quotes, backslashes, empty values and other scripts."""
    properties = {'"quoted"': "\\u0000 \\ '", "": "", "ключ": "価値 🚢", "a%2Fb": "50%"}
    await store.transact(lambda uow: uow.deployments.keep(deployment(properties=properties), NOW))
    for name, value in properties.items():
        assert await store.read(lambda uow, name=name, value=value: _found(uow, name, value)) == [1]  # type: ignore[misc]


async def test_keys_differ_in_every_part(store: Store) -> None:
    """Deployments that differ in one part of the key are different ones, and an app's are listed in order."""
    others = [key(2), key(pipeline_id="PIPE"), key(environment_id="prod "), key(-1), key()]
    kept = [replace(deployment(), key=each) for each in others]
    await store.transact(keep(*kept))
    assert await store.read(lambda uow: [uow.deployments.get(each) for each in others]) == kept
    found = await store.read(lambda uow: uow.deployments.of_app("app"))
    assert found == [key(pipeline_id="PIPE"), key(-1), key(1), key(2), key(environment_id="prod ")]


def _read_and_keep(uow: UnitOfWork, new: object) -> object:
    assert isinstance(new, type(deployment()))
    found = uow.deployments.get(new.key)
    uow.deployments.keep(new, NOW)
    return found


def _found(uow: UnitOfWork, name: str, value: str) -> list[int]:
    return [found.sequence_number for found in uow.deployments.by_properties("app", {name: value})]


async def test_the_deployments_of_an_app_are_counted(store: Store) -> None:
    """Only those of the one app are counted."""
    theirs = (app("other"), deployment(key=key(app_id="other")))
    await store.transact(keep(deployment(), deployment(key=key(sequence_number=2)), *theirs))
    names = ("app", "other", "none")
    assert await store.read(lambda uow: [uow.deployments.count_of_app(name) for name in names]) == [2, 1, 0]
