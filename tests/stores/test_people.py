from datetime import timedelta

import pytest
from msgspec.structs import replace

from mitregate.core.errors import Stale
from mitregate.core.jobs import JobState
from mitregate.core.people import EarlierSecret, Role, Scope, TokenKind, User
from mitregate.ports import Store, UnitOfWork
from tests.stores.made import AGO, LATER, NOW, app, deployment, gate, job, keep, key, token, user


async def test_an_app_comes_back_as_it_was(store: Store) -> None:
    """An app is read as it was kept, by its id and by its client id."""
    kept = app("full", scopes=frozenset({Scope.READ}), callback_url="https://a.example", signing_secret="sealed")
    await store.transact(keep(kept))
    assert await store.read(lambda uow: (uow.apps.get("full"), uow.apps.by_client("client of full"))) == (kept, kept)
    assert await store.read(lambda uow: (uow.apps.get("none"), uow.apps.by_client("none"))) == (None, None)


async def test_an_app_keeps_its_earlier_secrets(store: Store) -> None:
    """Client secrets that were replaced come back as they were, and are gone when they are ended."""
    earlier = (EarlierSecret(hash="5d", until=LATER), EarlierSecret(hash="5c"))
    await store.transact(keep(app("renewed", earlier_secrets=earlier)))
    assert await store.read(lambda uow: uow.apps.get("renewed")) == app("renewed", earlier_secrets=earlier)
    await store.transact(lambda uow: uow.apps.keep(app("renewed")))
    assert await store.read(lambda uow: uow.apps.get("renewed")) == app("renewed")


async def test_a_user_is_kept_with_another_role(store: Store) -> None:
    """A user may get another role, which whoever asks by a token sees at once; one who is gone may not."""
    await store.transact(keep(user(), token("u", user_id="ann")))

    def change(uow: UnitOfWork) -> list[Role]:
        before = uow.people.holder("#u")
        uow.people.keep_user(user(role=Role.ADMIN))
        return [found[1].role for found in (before, uow.people.holder("#u")) if found and isinstance(found[1], User)]

    assert await store.transact(change) == [Role.APPROVER, Role.ADMIN]
    assert await store.read(lambda uow: uow.people.users()) == [user(role=Role.ADMIN)]
    with pytest.raises(Stale, match="'bob' is gone"):
        await store.transact(lambda uow: uow.people.keep_user(user("bob")))


async def test_all_tokens_of_an_app_are_removed(store: Store) -> None:
    """All tokens of one app go, and nobody else's."""
    await store.transact(keep(app("other"), token("a", app_id="app"), token("b", app_id="app"), user()))
    await store.transact(keep(token("o", app_id="other"), token("u", user_id="ann")))
    await store.transact(lambda uow: uow.people.remove_tokens_of("app"))
    names = ("a", "b", "o", "u")
    found = await store.read(lambda uow: [name for name in names if uow.people.token(f"#{name}") is not None])
    assert found == ["o", "u"]


async def test_apps_are_listed_by_name(store: Store) -> None:
    """All apps are listed, sorted by name."""
    await store.transact(keep(*map(app, ("zeta", "Beta", "été"))))
    assert await store.read(lambda uow: [found.name for found in uow.apps.all()]) == ["Beta", "app", "zeta", "été"]


async def test_an_app_is_not_remembered_too_long(store: Store) -> None:
    """A flow sees the app it has added or removed itself, and the next read sees what was committed."""

    def come_and_go(uow: UnitOfWork) -> list[bool]:
        seen = [uow.apps.get("new") is not None]
        uow.apps.add(app("new"))
        seen.append(uow.apps.get("new") is not None)
        uow.apps.remove("new")
        return [*seen, uow.apps.get("new") is not None]

    assert await store.transact(come_and_go) == [False, True, False]
    assert await store.read(lambda uow: uow.apps.get("app")) == app()
    await store.transact(lambda uow: uow.apps.remove("app"))
    assert await store.read(lambda uow: uow.apps.get("app")) is None


async def test_a_token_comes_with_its_holder(store: Store) -> None:
    """A token is read with the app or the user that holds it, or with nobody."""
    await store.transact(keep(user(), token("a", app_id="app"), token("u", user_id="ann"), token("s")))
    holders = await store.read(lambda uow: [uow.people.holder(f"#{name}") for name in ("a", "u", "s", "none")])
    assert holders == [(token("a", app_id="app"), app()), (token("u", user_id="ann"), user()), (token("s"), None), None]


async def test_names_are_taken_once(store: Store) -> None:
    """A second app or user of the same name is refused, and the first one stays."""
    await store.transact(keep(user()))
    with pytest.raises(Stale):
        await store.transact(lambda uow: uow.apps.add(app(id="other")))
    with pytest.raises(Stale):
        await store.transact(lambda uow: uow.people.add_user(user(id="other")))
    assert await store.read(lambda uow: (uow.apps.all(), uow.people.users())) == ([app()], [user()])


async def test_removing_an_app_leaves_history(store: Store) -> None:
    """With an app go its tokens, its deployments and the waiting of its jobs; its gates and finished jobs stay."""
    own = (token("a", app_id="app"), deployment(properties={"a": "b"}), gate(), job("open"))
    done = job("done", state=JobState.DONE, finished_at=NOW)
    theirs = (app("other"), gate("theirs", key=key(app_id="other")), job("theirs", gate_id="theirs"))
    await store.transact(keep(*own, done, *theirs))
    await store.transact(lambda uow: uow.apps.remove("app"))

    def look(uow: UnitOfWork) -> object:
        jobs = [uow.jobs.get(name) for name in ("open", "done", "theirs")]
        return (
            uow.apps.get("app"),
            uow.people.token("#a"),
            uow.deployments.of_app("app"),
            uow.deployments.by_properties("app", {"a": "b"}),
            uow.gates.get("gate"),
            [found.state for found in jobs if found],
        )

    states = [JobState.WITHDRAWN, JobState.DONE, JobState.OPEN]
    assert await store.read(look) == (None, None, [], [], gate(), states)


async def test_tokens_are_found_by_hash(store: Store) -> None:
    """A token is read by its hash as it was kept, expired or not, and a user's tokens are listed newest first."""
    old = token("old", user_id="ann", created_at=AGO, expires_at=AGO, label="CI", kind=TokenKind.SESSION)
    new = token("new", user_id="ann")
    await store.transact(keep(user(), old, new))
    assert await store.read(lambda uow: uow.people.token("#old")) == old
    assert await store.read(lambda uow: uow.people.token("#none")) is None
    assert await store.read(lambda uow: uow.people.tokens("ann")) == [new, old]


async def test_tokens_are_forgotten(store: Store) -> None:
    """A token is forgotten once by name, and by its expiry only after it."""
    kept = [token("past", expires_at=NOW - timedelta(microseconds=1)), token("now", expires_at=NOW)]
    kept += [token("later", expires_at=LATER), token("never")]
    await store.transact(keep(*kept))
    assert await store.transact(lambda uow: uow.people.purge_tokens(NOW)) == 1
    assert await store.read(lambda uow: [uow.people.token(each.hash) is None for each in kept]) == [True] + [False] * 3
    assert await store.transact(lambda uow: [uow.people.remove_token("never") for _ in range(2)]) == [True, False]


async def test_a_user_goes_with_tokens(store: Store) -> None:
    """A user is read as kept, and with the user go the tokens."""
    await store.transact(keep(user(), token("t", user_id="ann")))
    assert await store.read(lambda uow: (uow.people.user("ann"), uow.people.user("bob"))) == (user(), None)
    await store.transact(lambda uow: uow.people.remove_user("ann"))
    assert await store.read(lambda uow: (uow.people.users(), uow.people.token("#t"))) == ([], None)


async def test_facts_are_replaced(store: Store) -> None:
    """A fact about the installation is there after it was set, with its newest value."""
    for value in "12":
        await store.transact(lambda uow, value=value: uow.set_meta("cloud", value))  # type: ignore[misc]
    assert await store.read(lambda uow: (uow.meta("cloud"), uow.meta("none"))) == ("2", None)


async def test_instants_keep_their_microseconds(store: Store) -> None:
    """An instant in a column comes back as the same instant, whatever its zone."""
    at = NOW.replace(microsecond=120).astimezone(None)
    kept = replace(token("t"), created_at=at)
    await store.transact(keep(kept))
    found = await store.read(lambda uow: uow.people.token("#t"))
    assert found == kept
