"""Settings as code: what is read and written of rules, apps and users, and what is refused where."""

import json
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from mitregate.core.declared import (
    OF_THE_BOOK,
    Declared,
    DeclaredApp,
    DeclaredUser,
    Document,
    Present,
    faults,
    plainly,
)
from mitregate.core.errors import Malformed
from mitregate.core.people import AppKind, Role, Scope
from mitregate.core.rulebook import Rulebook
from mitregate.core.services import Group, Service
from mitregate.wire.declared import HEADER, KEYS, SECTIONS, as_declared, read_declared, schema, write_declared
from tests.stores.made import app, installation, user
from tests.wire.rulebooks import WHOLE, WHOLE_TEXT, books, names

TEXT = """\
apps:
  - name: gitlab
    scopes: [write, "read:deployment-info:jira"]
    callback_url: https://ci.example.com/hook
  - {name: reader, scopes: [read]}
  - {name: jenkins, kind: jenkins}
  - {name: ferry, kind: connect, descriptor_url: https://ferry/a.json, enabled: false}
users:
  - {name: ann, role: approver}
"""

FERRY = app("ferry", connect=replace(installation(), descriptor_url="https://ferry/a.json"))

THERE = Present(apps=(FERRY, app("reader")), users=(user(),))

apps = st.builds(
    DeclaredApp,
    name=names,
    kind=st.sampled_from(AppKind),
    scopes=st.none() | st.lists(st.sampled_from(Scope), min_size=1).map(tuple),
    callback_url=names,
    descriptor_url=names,
    enabled=st.booleans(),
).map(plainly)
users = st.builds(DeclaredUser, name=names, role=st.sampled_from(Role))
documents = st.builds(
    lambda book, apps, users: Document(**as_fields(book), apps=tuple(apps), users=tuple(users)),
    books,
    st.lists(apps, max_size=3),
    st.lists(users, max_size=3),
)


def as_fields(book: Rulebook) -> dict[str, Any]:
    """Take a rulebook apart."""
    return {name: getattr(book, name) for name in Rulebook.__struct_fields__}


def read(text: str | bytes, there: Present = THERE, *, is_json: bool = False) -> Declared:
    """Read settings, given what there is."""
    data = text if isinstance(text, bytes) else text.encode()
    return read_declared(data, lambda declared: faults(declared, there), is_json=is_json)


def refused(text: str, there: Present = THERE) -> list[str]:
    """Give the faults that settings are refused for, a line each."""
    with pytest.raises(Malformed) as refusal:
        read(text, there)
    assert refusal.value.advice() == "Correct it; nothing has been changed."
    return refusal.value.message.splitlines()


def test_apps_and_users_are_read() -> None:
    """All that can be said of apps and users is read; the sections that are there are known."""
    declared = read(TEXT)
    assert declared.sections == {"apps", "users"}
    assert declared.document.apps == (
        DeclaredApp(name="gitlab", scopes=(Scope.READ, Scope.WRITE), callback_url="https://ci.example.com/hook"),
        DeclaredApp(name="reader", scopes=(Scope.READ,)),
        DeclaredApp(name="jenkins", kind=AppKind.JENKINS),
        DeclaredApp(name="ferry", kind=AppKind.CONNECT, descriptor_url="https://ferry/a.json", enabled=False),
    )
    assert declared.document.users == (DeclaredUser(name="ann", role=Role.APPROVER),)


def test_scopes_that_are_usual_need_not_be_said() -> None:
    """The scopes that an app of its kind has anyway are the same as none, in any order and however often said."""
    text = "apps: [{name: a, scopes: [delete, write, read, read]}, {name: b, kind: jenkins, scopes: [write, read]}]"
    assert [app.scopes for app in read(text).document.apps] == [None, None]


def test_sections_that_are_left_out_stay() -> None:
    """A file with some sections changes these alone; an empty section empties what there is."""
    assert read("groups: []").onto(WHOLE) == replace(WHOLE, groups=())
    assert read("users: []").onto(WHOLE) == WHOLE
    assert read("{}").onto(WHOLE) == WHOLE
    assert read(WHOLE_TEXT).onto(Rulebook()) == WHOLE


def test_the_rules_are_checked_with_those_that_stay() -> None:
    """What a section refers to may be in the file or among what stays; what misses it is told, wherever it stands."""
    there = Present(book=Rulebook(groups=(Group(name="shop"),), services=(Service(id="a", tier=1, owner="shop"),)))
    assert read("services: [{id: b, tier: 1, owner: shop}]", there).sections == {"services"}
    assert refused("services: [{id: b, tier: 1, owner: x}]", there) == [
        "line 1, column 36: services[0].owner: There is no group 'x'."
    ]
    assert refused("groups: []", there) == [
        "line 1, column 1: services[0].owner: There is no group 'shop'. It is not in this file."
    ]


def test_all_faults_are_told_with_their_places() -> None:
    """Every fault of an app or a user is told at once, with line, column and what belongs there."""
    text = """\
apps:
  - name: a
    scopes: [reads]
    colour: red
  - {name: b, kind: gitlab}
  - scopes: [read]
users:
  - {name: ann, role: boss}
  - ann
"""
    scopes, keys = ", ".join(Scope), ", ".join(DeclaredApp.__struct_fields__)
    assert refused(text) == [
        f"line 3, column 14: apps[0].scopes[0]: must be one of {scopes}, not 'reads'.",
        f"line 4, column 5: apps[0]: there is no key 'colour' here, but {keys}.",
        "line 5, column 21: apps[1].kind: must be one of oauth, connect, jenkins, not 'gitlab'.",
        "line 6, column 5: apps[2]: the key 'name' is missing.",
        f"line 8, column 23: users[0].role: must be one of {', '.join(Role)}, not 'boss'.",
        "line 9, column 5: users[1]: must be a table of keys and values, not 'ann'.",
    ]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{name: a, scopes: []}", ".scopes: An app needs at least one scope."),
        ("{name: a, callback_url: 'ftp://a'}", ".callback_url: That is not an http or https URL without a user in it."),
        ("{name: a, descriptor_url: x}", ".descriptor_url: Only an app of the kind connect has a descriptor."),
        ("{name: a, enabled: false}", ".enabled: Only an app of the kind connect can be disabled."),
        (
            "{name: a, kind: jenkins, scopes: [read]}",
            ".scopes: A Jenkins has the scopes that its plugin needs, read and write; leave them out.",
        ),
        (
            "{name: ferry, kind: connect, scopes: [read]}",
            (
                ".scopes: What a Connect app may do, and where it is called back, is what its descriptor says; leave "
                "it out."
            ),
        ),
        (
            "{name: ferry, kind: connect, callback_url: 'https://a'}",
            (
                ".callback_url: What a Connect app may do, and where it is called back, is what its descriptor says; "
                "leave it out."
            ),
        ),
        (
            "{name: boat, kind: connect, descriptor_url: https://b}",
            (
                ": The Connect app 'boat' is not installed, and installing calls the app, which cannot be undone. Run "
                "`mitregate app install https://b` first."
            ),
        ),
        (
            "{name: ferry, kind: connect, descriptor_url: https://b}",
            (
                ".descriptor_url: It is installed from https://ferry/a.json, and installing calls the app, which "
                "cannot be undone. Run `mitregate app install https://b` first."
            ),
        ),
        (
            "{name: reader, kind: jenkins}",
            ".kind: There is an app 'reader' of the kind oauth, which it stays. Choose another name.",
        ),
        ("{name: ' a'}", ".name: A name has printable characters, and no blanks at its ends or side by side."),
    ],
)
def test_apps_that_cannot_be(text: str, told: str) -> None:
    """What an app of its kind cannot have, and what cannot become of one that is there, is told with its place."""
    (fault,) = refused(f"apps:\n  - {text}\n")
    place, _, rest = fault.partition(": ")
    assert place.startswith("line 2, column ")
    assert rest == f"apps[0]{told}"


def test_names_are_taken_once() -> None:
    """Two apps or two users cannot have one name; an app may be called as a user is."""
    told = refused(
        "apps:\n  - {name: a}\n  - {name: a}\nusers:\n  - {name: a, role: viewer}\n  - {name: a, role: admin}"
    )
    assert told == ["line 3, column 5: apps[1]: 'a' is there twice.", "line 6, column 5: users[1]: 'a' is there twice."]


@given(documents)
def test_what_is_written_reads_as_it_was(document: Document) -> None:
    """Any settings are written as YAML and JSON that read as exactly the same, and say all sections."""
    data = write_declared(document)
    assert data.startswith(HEADER.encode())
    for declared in (
        read_declared(data, lambda _: []),
        read_declared(json.dumps(as_declared(document)).encode(), lambda _: [], is_json=True),
    ):
        assert declared == Declared(document=document, sections=frozenset(SECTIONS))


def test_some_sections_are_written() -> None:
    """The rules alone can be written, empty sections too, for what is left out would stay."""
    written = as_declared(Document(), OF_THE_BOOK)
    assert set(written) == OF_THE_BOOK
    assert not any(written.values())
    assert "apps" in write_declared(Document()).decode()


def test_what_is_there_is_described_without_secrets() -> None:
    """What there is reads as settings that change nothing, and holds no secret."""
    secret = app("ci", callback_url="https://a", signing_secret="sealed", scopes=frozenset({Scope.READ}))
    there = Present(book=WHOLE, apps=(secret, FERRY), users=(user(),))
    text = write_declared(there.document).decode()
    assert read(text, there).document == there.document
    assert "scopes: [read]" in text
    for word in ("sealed", "5e", "client of"):
        assert word not in text


def test_the_schema_describes_what_is_read() -> None:
    """The schema takes what is taken, refuses what is not, and explains each key."""
    described = schema()
    known = json.loads(json.dumps(described))
    jsonschema.Draft202012Validator.check_schema(known)
    valid = json.dumps(as_declared(Document(**as_fields(WHOLE), apps=read(TEXT).document.apps)))
    jsonschema.validate(json.loads(valid), known)
    jsonschema.validate({"apps": [{"name": "a", "scopes": ["read", "write:deployment-info:jira"]}]}, known)
    faulty: list[dict[str, Any]] = [{"app": []}, {"apps": [{"kind": "oauth"}]}, {"users": [{"name": "a", "role": "x"}]}]
    for wrong in faulty:
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(wrong, known)
    for kind, keys in KEYS.items():
        assert kind is Document or list(keys) == list(kind.__struct_fields__)
        assert all(described["$defs"][kind.__name__]["properties"][name]["description"] for name in keys)
