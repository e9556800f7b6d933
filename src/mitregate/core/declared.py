"""Settings as code: what a file may say of all that an operator decides, and how that compares to what there is.

A section that is in the file is the truth about it, one that is left out stays as it is. Apps and users are known by
their names; what a file never holds is a secret.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator
from typing import Generic, TypeVar

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from mitregate.core.installations import Installation
from mitregate.core.people import App, AppKind, Role, Scope, User, is_callback
from mitregate.core.rulebook import Name, Problem, Rulebook, problems

PLUGIN_SCOPES = frozenset({Scope.READ, Scope.WRITE})
"""What the Jenkins plugin needs: it deletes nothing."""

OF_THE_BOOK = frozenset(Rulebook.__struct_fields__)
"""The sections that are the rulebook's."""


class DeclaredApp(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """An app as a file has it; where it says no scopes, they are those of its kind."""

    name: Name
    kind: AppKind = AppKind.OAUTH
    scopes: tuple[Scope, ...] | None = None
    callback_url: str = ""
    descriptor_url: str = ""
    enabled: bool = True


class DeclaredUser(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A user as a file has it."""

    name: Name
    role: Role


class Document(Rulebook, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All that a file may say: the rulebook, and who may enter."""

    apps: tuple[DeclaredApp, ...] = ()
    users: tuple[DeclaredUser, ...] = ()


class Declared(Struct, frozen=True, kw_only=True):
    """What a file does say: the `sections` that are in it, and those of the document alone."""

    document: Document
    sections: frozenset[str]

    def onto(self, book: Rulebook) -> Rulebook:
        """Give *book* with the sections that are in the file in place of its own."""
        return replace(book, **{name: getattr(self.document, name) for name in self.sections & OF_THE_BOOK})


class Present(Struct, frozen=True, kw_only=True):
    """What there is: the rulebook at its revision, and by their names the apps and the users.

    A Connect app whose installation has not come to its end is none yet.
    """

    revision: int = 0
    book: Rulebook = Rulebook()
    apps: tuple[App, ...] = ()
    users: tuple[User, ...] = ()

    @property
    def document(self) -> Document:
        """All of it, as a file has it."""
        book = {name: getattr(self.book, name) for name in Rulebook.__struct_fields__}
        return Document(**book, apps=tuple(map(describe_app, self.apps)), users=tuple(map(describe_user, self.users)))

    @property
    def version(self) -> str:
        """What it is called, and anything else is called otherwise."""
        ids = [*(app.id for app in self.apps), *(user.id for user in self.users)]
        said = msgspec.json.encode((ids, self.document.apps, self.document.users))
        return f"{self.revision}-{hashlib.sha256(said).hexdigest()[:16]}"


D = TypeVar("D", DeclaredApp, DeclaredUser)
P = TypeVar("P", App, User)


class Course(Struct, Generic[D, P], frozen=True, kw_only=True):
    """What is to be done so that one section is as declared: whom to add, whom to change, and who is not declared."""

    add: tuple[D, ...] = ()
    change: tuple[tuple[P, D], ...] = ()
    rest: tuple[P, ...] = ()


def course(declared: Iterable[D], present: Iterable[P], describe: Callable[[P], D]) -> Course[D, P]:
    """Compare those who are declared with those who are there, by their names."""
    wanted = {one.name: one for one in declared}
    there = {one.name: one for one in present}
    return Course(
        add=tuple(one for name, one in wanted.items() if name not in there),
        change=tuple(
            (there[name], one) for name, one in wanted.items() if name in there and describe(there[name]) != one
        ),
        rest=tuple(one for name, one in there.items() if name not in wanted),
    )


def scopes_of(declared: DeclaredApp) -> frozenset[Scope]:
    """Give the scopes of an app: those that it says, or those of its kind."""
    if declared.scopes is not None:
        return frozenset(declared.scopes)
    return PLUGIN_SCOPES if declared.kind is AppKind.JENKINS else frozenset(Scope)


def plainly(declared: DeclaredApp) -> DeclaredApp:
    """Give the one form of several that say the same."""
    wanted = scopes_of(declared)
    is_usual = wanted == scopes_of(replace(declared, scopes=None))
    return replace(declared, scopes=None if is_usual else tuple(sorted(wanted)))


def describe_app(app: App) -> DeclaredApp:
    """Say of an app what a file says."""
    if app.connect is not None:
        installed = app.connect
        return DeclaredApp(
            name=app.name, kind=app.kind, descriptor_url=installed.descriptor_url, enabled=installed.is_enabled
        )
    scopes = tuple(app.scopes)
    return plainly(DeclaredApp(name=app.name, kind=app.kind, scopes=scopes, callback_url=app.callback_url or ""))


def describe_user(user: User) -> DeclaredUser:
    """Say of a user what a file says."""
    return DeclaredUser(name=user.name, role=user.role)


def faults(declared: Declared, present: Present) -> list[Problem]:
    """Find what is wrong in a declaration beyond its form, given what there is."""
    found = [
        one if one.path[0] in declared.sections else replace(one, message=f"{one.message} It is not in this file.")
        for one in problems(declared.onto(present.book))
    ]
    there = {app.name: app for app in present.apps}
    for number, app in enumerate(declared.document.apps):
        said = [*_of_kind(app), *(_against(app, there[app.name]) if app.name in there else _missing(app))]
        found += [Problem(path=("apps", number, *path), message=message) for path, message in said]
    return [*found, *_misnamed("apps", declared.document.apps), *_misnamed("users", declared.document.users)]


Fault = tuple[tuple[str, ...], str]


def _misnamed(section: str, declared: Iterable[DeclaredApp | DeclaredUser]) -> Iterator[Problem]:
    seen: set[str] = set()
    for number, one in enumerate(declared):
        if " ".join(one.name.split()) != one.name or not one.name.isprintable():
            message = "A name has printable characters, and no blanks at its ends or side by side."
            yield Problem(path=(section, number, "name"), message=message)
        if one.name in seen:
            yield Problem(path=(section, number), message=f"{one.name!r} is there twice.")
        seen.add(one.name)


def _of_kind(app: DeclaredApp) -> Iterator[Fault]:
    """Find what an app of its kind cannot have."""
    if app.kind is AppKind.CONNECT:
        if app.scopes is not None or app.callback_url:
            message = (
                "What a Connect app may do, and where it is called back, is what its descriptor says; leave it out."
            )
            yield (("scopes" if app.scopes is not None else "callback_url",), message)
        return
    if app.descriptor_url:
        yield ("descriptor_url",), "Only an app of the kind connect has a descriptor."
    if not app.enabled:
        yield ("enabled",), "Only an app of the kind connect can be disabled."
    if app.scopes == ():
        yield ("scopes",), "An app needs at least one scope."
    elif app.kind is AppKind.JENKINS and scopes_of(app) != PLUGIN_SCOPES:
        yield ("scopes",), "A Jenkins has the scopes that its plugin needs, read and write; leave them out."
    if app.callback_url and not is_callback(app.callback_url):
        yield ("callback_url",), "That is not an http or https URL without a user in it."


def _against(app: DeclaredApp, known: App) -> Iterator[Fault]:
    """Find what cannot be changed about an app that is there."""
    if app.kind is not known.kind:
        message = f"There is an app {app.name!r} of the kind {known.kind.value}, which it stays. Choose another name."
        yield ("kind",), message
    elif known.connect is not None and app.descriptor_url not in {"", known.connect.descriptor_url}:
        yield ("descriptor_url",), _elsewhere(app, known.connect)


def _elsewhere(app: DeclaredApp, installed: Installation) -> str:
    return (
        f"It is installed from {installed.descriptor_url}, and installing calls the app, which cannot be undone. Run "
        f"`mitregate app install {app.descriptor_url}` first."
    )


def _missing(app: DeclaredApp) -> Iterator[Fault]:
    if app.kind is AppKind.CONNECT:
        message = (
            f"The Connect app {app.name!r} is not installed, and installing calls the app, which cannot be undone. Run "
            f"`mitregate app install {app.descriptor_url or 'URL'}` first."
        )
        yield (), message
