"""Declare: settings as code. See what a file would change, and put it in force: the rules, the apps and the users.

All of it is one transaction, and is done by the same flows as when people do it one by one. What talks to an app, such
as installing it, is not part of it.
"""

from collections.abc import Callable, Iterator

from msgspec import Struct

from mitregate.core.declared import (
    OF_THE_BOOK,
    Course,
    D,
    Declared,
    DeclaredApp,
    DeclaredUser,
    Document,
    P,
    Present,
    course,
    describe_app,
    describe_user,
    faults,
    scopes_of,
)
from mitregate.core.differences import Difference, compare, differences
from mitregate.core.errors import Forbidden, Malformed, Stale
from mitregate.core.gates import Stage
from mitregate.core.installations import Lifecycle
from mitregate.core.people import App, AppKind, Permission, Principal, User
from mitregate.core.queries import GateQuery
from mitregate.core.rulebook import spell_path
from mitregate.flows import admit, amend, jenkins, lifecycle, rules, withdraw
from mitregate.flows.act import Act
from mitregate.flows.foresee import foresee
from mitregate.ports import UnitOfWork

PAGE = 500
"""Gates that are counted together."""


class Left(Struct, frozen=True, kw_only=True):
    """An app or a user that is not in the file, and stays."""

    section: str
    name: str


class Removal(Struct, frozen=True, kw_only=True):
    """An app that goes, with the deployments that go with it, and how many of these wait."""

    app: str
    deployments: int
    waiting: int


class Plan(Struct, frozen=True, kw_only=True):
    """What a file would change: `version` is what all of it is called now, so that no other thing is changed.

    Of the `waiting` gates, freezes and hours would newly hold `held`, and hold `freed` no more. `untouched` are the
    sections that the file does not have.
    """

    version: str
    revision: int
    changed: tuple[Difference, ...]
    left: tuple[Left, ...]
    removals: tuple[Removal, ...]
    untouched: tuple[str, ...]
    waiting: int
    held: int
    freed: int


class Secrets(Struct, frozen=True, kw_only=True):
    """The secrets of an app that was added or got its first callback, never shown again.

    `app` is the app as it is now; `jenkins` is what is pasted into a Jenkins.
    """

    app: App
    client: str | None = None
    jenkins: str | None = None
    signing: str | None = None


class Done(Struct, frozen=True, kw_only=True):
    """What a file has changed, the secrets that came of it, and what is to be told to which Connect apps."""

    version: str
    revision: int
    changed: tuple[Difference, ...]
    left: tuple[Left, ...]
    untouched: tuple[str, ...]
    secrets: tuple[Secrets, ...] = ()
    to_tell: tuple[tuple[Lifecycle, App], ...] = ()


def present(uow: UnitOfWork, principal: Principal) -> tuple[Present, frozenset[str]]:
    """Read what there is, with the sections of it that the principal may see.

    Raises:
        Forbidden: the principal may not view.
    """
    principal.require(Permission.VIEW)
    may_all = Permission.ADMINISTER in principal.permissions
    return _present(uow), frozenset(Document.__struct_fields__) if may_all else OF_THE_BOOK


def plan(act: Act, declared: Declared, seen: str | None = None, *, prune: bool = False) -> Plan:
    """Say what `put` would do, and do nothing; refused as that is."""
    act.principal.require(Permission.ADMINISTER)
    there = _present(act.uow)
    _check(declared, there, seen)
    apps, users = _courses(act, declared, there, prune=prune)
    foresight = foresee(act, declared.onto(there.book))
    return Plan(
        version=there.version,
        revision=there.revision,
        changed=_changed(declared, there, apps, users, prune=prune),
        left=() if prune else _left(apps, users),
        removals=tuple(_removal(act.uow, app) for app in apps.rest) if prune else (),
        untouched=_untouched(declared),
        waiting=foresight.waiting,
        held=foresight.held,
        freed=foresight.freed,
    )


def put(act: Act, declared: Declared, seen: str | None = None, *, prune: bool = False) -> Done:
    """Put a file in force, whole or not at all.

    Args:
        act: the use case under way.
        declared: what the file says.
        seen: the version that it was planned against, if it was.
        prune: whether apps and users that are not in a section that is there are removed.

    Raises:
        Forbidden: the principal does not administer, or would not any more.
        Malformed: it says what cannot be, or what is not possible with what there is.
        Stale: what there is, is not of the version that was seen.
    """
    act.principal.require(Permission.ADMINISTER)
    act.uow.rules.lock()
    there = _present(act.uow)
    _check(declared, there, seen)
    apps, users = _courses(act, declared, there, prune=prune)
    changed = _changed(declared, there, apps, users, prune=prune)
    rules.replace_all(act, declared.onto(there.book))
    _put_users(act, users, prune=prune)
    to_tell = tuple(_switch(act, apps))
    secrets = tuple(_amend(act, apps)) + tuple(_add(act, app) for app in apps.add)
    gone = [withdraw.remove_app(act, app.id) for app in apps.rest] if prune else []
    now = _present(act.uow)
    return Done(
        version=now.version,
        revision=now.revision,
        changed=changed,
        left=() if prune else _left(apps, users),
        untouched=_untouched(declared),
        secrets=secrets,
        to_tell=(*to_tell, *((Lifecycle.UNINSTALLED, app) for app in gone if app.kind is AppKind.CONNECT)),
    )


def _present(uow: UnitOfWork) -> Present:
    kept = uow.rules.current()
    apps = (app for app in uow.apps.all() if app.connect is None or app.connect.shared_secret is not None)
    return Present(revision=kept.revision, book=kept.book, apps=tuple(apps), users=tuple(uow.people.users()))


def _check(declared: Declared, there: Present, seen: str | None) -> None:
    if seen is not None and seen != there.version:
        message = "The rules, the apps or the users are not any more as they were when this was planned."
        raise Stale(message, advice="Look at the plan as it is now: apply it again.")
    found = faults(declared, there)
    if found:
        said = [": ".join(filter(None, (spell_path(one.path), one.message))) for one in found[: rules.SHOWN]]
        more = f"\nAnd {len(found) - rules.SHOWN} more." if len(found) > rules.SHOWN else ""
        raise Malformed("\n".join(said) + more, advice="Correct it; nothing has been changed.")


Courses = tuple[Course[DeclaredApp, App], Course[DeclaredUser, User]]


def _courses(act: Act, declared: Declared, there: Present, *, prune: bool) -> Courses:
    """Say what is to be done to apps and users: nothing to sections that are not in the file."""
    apps, users = Course[DeclaredApp, App](), Course[DeclaredUser, User]()
    if "apps" in declared.sections:
        apps = course(declared.document.apps, there.apps, describe_app)
    if "users" in declared.sections:
        users = course(declared.document.users, there.users, describe_user)
    gone = users.rest if prune else ()
    if any(user.id == act.principal.user_id for user in (*gone, *(user for user, _ in users.change))):
        message = f"{act.principal.name} asks for this, and would be removed or get another role by it."
        raise Forbidden(message, advice="Leave yourself in the file as you are, or ask another administrator.")
    return apps, users


def _changed(
    declared: Declared,
    there: Present,
    apps: Course[DeclaredApp, App],
    users: Course[DeclaredUser, User],
    *,
    prune: bool,
) -> tuple[Difference, ...]:
    book = differences(there.book, declared.onto(there.book))
    return (
        *book,
        *_steps("apps", apps, describe_app, prune=prune),
        *_steps("users", users, describe_user, prune=prune),
    )


def _steps(section: str, wanted: Course[D, P], describe: Callable[[P], D], *, prune: bool) -> tuple[Difference, ...]:
    """List what happens in one section; the order of a file says nothing here."""
    before: tuple[object, ...] = tuple(describe(one) for one, _ in wanted.change)
    after: tuple[object, ...] = (*(said for _, said in wanted.change), *wanted.add)
    gone: tuple[object, ...] = tuple(map(describe, wanted.rest)) if prune else ()
    return (*compare(section, before, after), *compare(section, gone, ()))


def _left(apps: Course[DeclaredApp, App], users: Course[DeclaredUser, User]) -> tuple[Left, ...]:
    return (
        *(Left(section="apps", name=app.name) for app in apps.rest),
        *(Left(section="users", name=user.name) for user in users.rest),
    )


def _untouched(declared: Declared) -> tuple[str, ...]:
    return tuple(name for name in Document.__struct_fields__ if name not in declared.sections)


def _removal(uow: UnitOfWork, app: App) -> Removal:
    waiting, last = 0, None
    while True:
        found = uow.gates.page(GateQuery(app_id=app.id, stage=Stage.HELD, before=last, limit=PAGE))
        waiting += len(found)
        if len(found) < PAGE:
            return Removal(app=app.name, deployments=uow.deployments.count_of_app(app.id), waiting=waiting)
        last = found[-1].id


def _put_users(act: Act, users: Course[DeclaredUser, User], *, prune: bool) -> None:
    for user, wanted in users.change:
        amend.change_user(act, user.id, wanted.role)
    for declared in users.add:
        admit.add_user(act, declared.name, declared.role)
    for user in users.rest if prune else ():
        admit.remove_user(act, user.id)


def _switch(act: Act, apps: Course[DeclaredApp, App]) -> Iterator[tuple[Lifecycle, App]]:
    """Enable and disable Connect apps, which is all that a file can change about them."""
    for app, wanted in apps.change:
        if app.connect is not None and app.connect.is_enabled is not wanted.enabled:
            flow = lifecycle.enable if wanted.enabled else lifecycle.disable
            yield Lifecycle.ENABLED if wanted.enabled else Lifecycle.DISABLED, flow(act, app.id)


def _amend(act: Act, apps: Course[DeclaredApp, App]) -> Iterator[Secrets]:
    for app, wanted in apps.change:
        if app.connect is None:
            asked = amend.Amendment(scopes=scopes_of(wanted), callback_url=wanted.callback_url or None)
            amended = amend.change_app(act, app.id, asked)
            if amended.signing_secret is not None:
                yield Secrets(app=amended.app, signing=amended.signing_secret)


def _add(act: Act, wanted: DeclaredApp) -> Secrets:
    if wanted.kind is AppKind.JENKINS:
        server = jenkins.add_server(act, wanted.name, wanted.callback_url or None)
        return Secrets(app=server.app, jenkins=server.secret, signing=server.signing_secret)
    made = admit.add_app(act, wanted.name, scopes_of(wanted), wanted.callback_url or None)
    return Secrets(app=made.app, client=made.client_secret, signing=made.signing_secret)
