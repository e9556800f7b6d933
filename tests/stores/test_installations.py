import asyncio
from datetime import timedelta

import pytest
from msgspec.structs import replace

from mitregate.core.errors import Stale
from mitregate.core.installations import JenkinsServer
from mitregate.core.jobs import Streak
from mitregate.core.people import AppKind
from mitregate.ports import Store, UnitOfWork
from tests.stores.made import NOW, app, installation, keep, token


async def test_an_app_is_found_by_what_it_calls_itself(store: Store) -> None:
    """A Connect app is found by its key, a Jenkins by its uuid, and neither by the other's; all comes back as kept."""
    connect = app("connect", connect=installation("same"))
    jenkins = app("jenkins", jenkins=JenkinsServer(server_uuid="same", secret="sealed", config={"a": "b"}))
    await store.transact(keep(connect, jenkins, token("t", app_id="connect")))
    kinds = (AppKind.CONNECT, AppKind.JENKINS, AppKind.OAUTH)
    found = await store.read(lambda uow: [uow.apps.by_handle(kind, "same") for kind in kinds])
    assert found == [connect, jenkins, None]
    assert await store.read(lambda uow: uow.apps.by_handle(AppKind.CONNECT, "other")) is None
    holder = await store.read(lambda uow: uow.people.holder("#t"))
    assert holder is not None
    assert holder[1] == connect


async def test_a_handle_is_taken_once(store: Store) -> None:
    """A second app with the key of another one is refused, whatever its name."""
    await store.transact(keep(app("one", connect=installation())))
    with pytest.raises(Stale):
        await store.transact(lambda uow: uow.apps.add(app("two", connect=installation())))


async def test_an_app_is_kept_anew(store: Store) -> None:
    """What is kept in place of an app is read from then on, also by those who had read it before."""
    first = app("ci", connect=installation())
    await store.transact(keep(first))
    assert await store.read(lambda uow: uow.apps.by_handle(AppKind.CONNECT, "com.example.ci")) == first
    later = replace(first, name="CI 2", connect=replace(installation(), is_enabled=False))
    await store.transact(lambda uow: uow.apps.keep(later))
    found = await store.read(lambda uow: (uow.apps.get("ci"), uow.apps.by_handle(AppKind.CONNECT, "com.example.ci")))
    assert found == (later, later)


async def test_an_app_keeps_no_others_name(store: Store) -> None:
    """An app that is gone cannot be kept, nor under the name of another one."""
    await store.transact(keep(app("one")))
    with pytest.raises(Stale):
        await store.transact(lambda uow: uow.apps.keep(app("gone")))
    with pytest.raises(Stale):
        await store.transact(lambda uow: uow.apps.keep(replace(app("one"), name="app")))


async def test_the_failures_of_a_host_are_kept(store: Store) -> None:
    """Of each host it is known since when it fails, and when it did last, until it is forgotten."""
    here, there = "ci.example.com", "ci.example.com:8443"
    first, longer = Streak(since=NOW, last=NOW), Streak(since=NOW, last=NOW + timedelta(minutes=1))

    async def known() -> tuple[Streak | None, Streak | None]:
        return await store.read(lambda uow: (uow.hosts.streak(here), uow.hosts.streak(there)))

    await store.transact(lambda uow: uow.hosts.keep(here, first))
    assert await known() == (first, None)
    await store.transact(lambda uow: uow.hosts.keep(here, longer))
    await store.transact(lambda uow: uow.hosts.keep(there, first))
    assert await known() == (longer, first)
    await store.transact(lambda uow: uow.hosts.forget(here))
    assert await known() == (None, first)


async def test_nobody_overwrites_an_app_unseen(store: Store) -> None:
    """Of changes to one app at the same time, each begins with what the one before it has kept."""
    server = JenkinsServer(server_uuid="uuid", secret="sealed", config={"count": "0"})
    await store.transact(keep(app("ci", jenkins=server)))

    def count(uow: UnitOfWork) -> None:
        found = uow.apps.lock("ci")
        assert found is not None
        assert found.jenkins is not None
        config = {"count": str(int(found.jenkins.config["count"]) + 1)}
        uow.apps.keep(replace(found, jenkins=replace(found.jenkins, config=config)))

    await asyncio.gather(*(store.transact(count) for _ in range(40)))
    found = await store.read(lambda uow: uow.apps.get("ci"))
    assert found is not None
    assert found.jenkins == replace(server, config={"count": "40"})
    assert await store.transact(lambda uow: uow.apps.lock("none")) is None
