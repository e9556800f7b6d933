"""Settings as code, read and written: the rulebook with apps and users, in YAML or JSON.

Like the rulebook it is read by its types, and all that is wrong is told at once, with its line and column.
"""

from collections.abc import Callable, Collection
from typing import Any

from msgspec import Struct
from msgspec.structs import fields, replace

from mitregate.core.declared import Declared, DeclaredApp, DeclaredUser, Document, plainly
from mitregate.core.people import Scope
from mitregate.core.rulebook import Problem, Rulebook
from mitregate.wire import rulebook_schema
from mitregate.wire.rulebook import read_as
from mitregate.wire.rulebook_text import as_written, dump
from mitregate.wire.trees import Table, read_json, read_yaml

HEADER = """\
# The settings of Mitregate. `mitregate apply FILE` puts them in force, after showing what that changes.
# A section that is here is the truth; one that is left out stays as it is.
"""

SECTIONS = Document.__struct_fields__
"""The names of all sections, in their order."""

KEYS: dict[type[Struct], dict[str, str]] = {
    Document: {
        **rulebook_schema.KEYS[Rulebook],
        "apps": "The tools that submit deployments.",
        "users": "The people who decide, plan and look on.",
    },
    DeclaredApp: {
        "name": "What it is called; another name is another app.",
        "kind": "How it proves who it is. A Connect app must be installed already.",
        "scopes": (
            "What it may do: `read`, `write`, `delete`, or Jira's words for them. All three if left out, for a Jenkins "
            "the first two. Not for Connect apps."
        ),
        "callback_url": "Where it is told verdicts, signed; nowhere if left out. Not for Connect apps.",
        "descriptor_url": "Where a Connect app was installed from.",
        "enabled": "Whether a Connect app is let in.",
    },
    DeclaredUser: {
        "name": "What the audit log calls them; another name is another user.",
        "role": "What they may do.",
    },
}
"""What each key means that is not the rulebook's alone."""


def read_declared(data: bytes, judge: Callable[[Declared], list[Problem]], *, is_json: bool = False) -> Declared:
    """Read settings.

    Args:
        data: what was written, UTF-8.
        judge: finds problems in what is well formed.
        is_json: whether it is JSON rather than YAML.

    Raises:
        Malformed: it is not of that form, or *judge* finds problems; every fault with its place.
        TooLarge: it is longer than is taken.
    """
    tree = read_json(data) if is_json else read_yaml(data)
    said = frozenset(key.text for key, _ in tree.pairs) if isinstance(tree, Table) else frozenset[str]()
    document = read_as(tree, Document, lambda made: judge(Declared(document=made, sections=said)))
    return Declared(document=replace(document, apps=tuple(map(plainly, document.apps))), sections=said)


def as_declared(document: Document, sections: Collection[str] = SECTIONS) -> dict[str, Any]:
    """Give *sections* of a document as tables, lists and words; empty ones too, for left out they would stay."""
    written: dict[str, Any] = as_written(document)
    empty = {field.name: _empty(field.default) for field in fields(document)}
    for app in written.get("apps", ()):
        app.update({"scopes": [Scope(scope).short for scope in app["scopes"]]} if "scopes" in app else {})
    return {name: written.get(name, empty[name]) for name in SECTIONS if name in sections}


def write_declared(document: Document, sections: Collection[str] = SECTIONS) -> bytes:
    """Write *sections* of a document as YAML, with a comment at its head."""
    parts = as_declared(document, sections)
    full = [dump({name: part}) for name, part in parts.items() if part]
    empty = "".join(dump({name: part}) for name, part in parts.items() if not part)
    return "\n".join(filter(None, [HEADER, *full, empty])).encode()


def schema() -> dict[str, Any]:
    """Describe settings as JSON Schema, by which editors complete and check what is typed."""
    of_book = {kind: keys for kind, keys in rulebook_schema.KEYS.items() if kind is not Rulebook}
    return rulebook_schema.describe(Document, "Mitregate settings", {**of_book, **KEYS})


def _empty(default: object) -> list[object] | dict[str, object]:
    return [] if isinstance(default, tuple) else {}
