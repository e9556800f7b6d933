"""Choosing: the one of several records that a word on the command line names."""

from collections.abc import Callable, Sequence
from typing import TypeVar

from mitregate.cli.desk import Desk, ask, decoded, path
from mitregate.cli.records import App, Page, User
from mitregate.core.errors import Malformed, Unknown
from mitregate.core.people import Scope

T = TypeVar("T")
Named = TypeVar("Named", App, User)


def items(body: bytes, kind: type[T]) -> list[T]:
    """Read the records of a list."""
    return [decoded(item, kind) for item in decoded(body, Page).items]


def choose(found: Sequence[Named], word: str, what: str, also: Callable[[Named], str] | None = None) -> Named:
    """Find the one that *word* names, by id first.

    Args:
        found: what there is.
        word: an id, a name, or what *also* gives.
        what: what it is that is looked for, as a command calls it.
        also: what else names one.

    Raises:
        Unknown: there is none.
    """
    for one in found:
        if word == one.id or (also is not None and word == also(one)):
            return one
    for one in found:
        if word == one.name:
            return one
    raise Unknown(f"There is no {what} {word!r}.", advice=f"`mitregate {what} list` shows what there is.")


def handle_of(app: App) -> str:
    """Give what an app is called on the wire: a Connect app's key, a Jenkins server's id, else its client id."""
    if app.connect is not None:
        return app.connect.key
    return app.jenkins.server_uuid if app.jenkins is not None else app.client_id


async def choose_app(desk: Desk, word: str) -> App:
    """Find the app that *word* names: by id, name, or what it is called on the wire; `Unknown` if there is none."""
    return choose(items(await ask(desk, "GET", path("apps")), App), word, "app", also=handle_of)


async def choose_user(desk: Desk, word: str) -> User:
    """Find the user that *word* names, by id or name; `Unknown` if there is none."""
    return choose(items(await ask(desk, "GET", path("users")), User), word, "user")


def choose_scope(word: str) -> Scope:
    """Find the scope that *word* names, in full or for short; `Malformed` if there is none."""
    try:
        return Scope(word)
    except ValueError:
        known = ", ".join(scope.short for scope in Scope)
        raise Malformed(f"There is no scope {word!r}.", advice=f"Scopes are {known}.") from None
