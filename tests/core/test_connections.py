"""Connections to a foreign Jira: what its statuses mean, and what is never shown."""

from datetime import UTC, datetime

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from mitregate.core.changes import CLASS_OF, Status, StatusClass
from mitregate.core.connections import (
    Access,
    Connection,
    Kind,
    Known,
    Layout,
    Role,
    StatusFound,
    class_of_status,
    fold,
    meaning_of,
    read_base_url,
    status_like,
)
from mitregate.core.errors import Malformed

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
PLAIN = Connection(id="c1", name="Acme", kind=Kind.CLOUD, base_url="https://acme.atlassian.net", project="ITSM")


@pytest.mark.parametrize("status", Status)
def test_jiras_own_statuses_mean_what_they_mean_here(status: Status) -> None:
    """The default workflow is classed as our own is, and needs no map."""
    assert class_of_status(PLAIN, status.value) is CLASS_OF[status]


SYNONYMS = [
    ("Preview", Status.PEER_REVIEW),
    ("REVIEW", Status.PEER_REVIEW),
    ("peer  review", Status.PEER_REVIEW),
    ("Peer Review/Change Manager Approval", Status.PEER_REVIEW),
    ("Authorise", Status.AWAITING_CAB),
    ("authorize", Status.AWAITING_CAB),
    ("awaiting-implementation", Status.AWAITING_IMPLEMENTATION),
    ("Awaiting Implementation ", Status.AWAITING_IMPLEMENTATION),
    ("Completed", Status.RESOLVED),
    ("Cancelled", Status.CANCELED),
    ("CANCELED", Status.CANCELED),
    ("IMPLEMENTING", Status.IMPLEMENTING),
]


@pytest.mark.parametrize(("name", "status"), SYNONYMS)
def test_synonyms_are_understood(name: str, status: Status) -> None:
    """Other versions of the workflow, and other spellings, are understood."""
    assert status_like(name) is status
    assert meaning_of(PLAIN, name).known is Known.DEFAULT
    assert class_of_status(PLAIN, name) is CLASS_OF[status]


@pytest.mark.parametrize("name", ["In progress", "Ready", "", "✔", "Umsetzung", "Implementing!?x", "Not implementing"])
def test_what_nobody_knows_stops(name: str) -> None:
    """A status that nobody knows stops, and that is said."""
    meaning = meaning_of(PLAIN, name)
    assert (meaning.status_class, meaning.known) == (StatusClass.STOP, Known.UNKNOWN)


def test_settings_come_first() -> None:
    """A map goes before the prevent status, that before the allow status, and that before the default."""
    connection = msgspec.structs.replace(
        PLAIN,
        statuses={"Umsetzung": StatusClass.PROCEED, "Planning": StatusClass.STOP},
        allow_status="Go",
        prevent_status="awaiting implementation",
    )
    said = {name: class_of_status(connection, name) for name in ("UMSETZUNG", "planning", "go", "Implementing")}
    assert list(said.values()) == [StatusClass.PROCEED, StatusClass.STOP, StatusClass.PROCEED, StatusClass.PROCEED]
    assert class_of_status(connection, "Awaiting implementation") is StatusClass.STOP
    both = msgspec.structs.replace(PLAIN, allow_status="Same", prevent_status="same")
    assert class_of_status(both, "SAME") is StatusClass.STOP


def test_a_map_that_contradicts_itself_opens_nothing() -> None:
    """Of two spellings of one status that mean two things the exact one counts, else the stricter."""
    connection = msgspec.structs.replace(
        PLAIN, statuses={"Go Live": StatusClass.PROCEED, "go-live": StatusClass.WAIT, "GO LIVE": StatusClass.PROCEED}
    )
    assert class_of_status(connection, "Go Live") is StatusClass.PROCEED
    assert class_of_status(connection, "GoLive") is StatusClass.WAIT


@given(st.text())
def test_folding_once_is_enough(name: str) -> None:
    """A folded name folds to itself."""
    assert fold(fold(name)) == fold(name)


@given(st.text(max_size=30))
def test_only_what_says_so_opens(name: str) -> None:
    """Whatever a status is called, a gate may only open in one that is the allow status to the letter."""
    if class_of_status(PLAIN, name) is StatusClass.PROCEED:
        assert fold(name) == "implementing"


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("https://acme.atlassian.net/", "https://acme.atlassian.net"),
        (" http://jira.local:8080/jira ", "http://jira.local:8080/jira"),
        ("https://api.atlassian.com/ex/jira/11223344-a1b2/", "https://api.atlassian.com/ex/jira/11223344-a1b2"),
        ("https://[fd00::1]/jira", "https://[fd00::1]/jira"),
    ],
)
def test_addresses_are_read(written: str, read: str) -> None:
    """The address of a Jira has a protocol and may have a path; the slash at its end is left away."""
    assert read_base_url(written) == read


@pytest.mark.parametrize(
    "written",
    [
        "acme.atlassian.net",
        "ftp://acme.atlassian.net",
        "https://user:secret@acme.atlassian.net",
        "https://acme.atlassian.net?x=1",
        "https://acme.atlassian.net/#top",
        "https://",
        "https://acme.atlassian.net:99999",
        "https://[fd00::1",
        "https://acme .net",
        "https://acme.net\\@evil.example.com",
        "",
    ],
)
def test_what_is_no_address_is_refused(written: str) -> None:
    """Whatever could lead elsewhere, or carries credentials of its own, is refused with an example."""
    with pytest.raises(Malformed, match="not the address") as caught:
        read_base_url(written)
    assert "https://example.atlassian.net" in caught.value.advice()


def test_secrets_are_not_shown() -> None:
    """However the way into a Jira is shown, the secret is not."""
    access = Access(connection=PLAIN, secret="hunter2", now=NOON)
    console = Console(record=True, width=200)
    console.print(access)
    assert "hunter2" not in f"{access!r} {access} {[access]} {console.export_text()}"
    assert access.proof == "Bearer hunter2"
    named = Access(connection=msgspec.structs.replace(PLAIN, user="a@b.c"), secret="hunter2", now=NOON)
    assert named.proof == "Basic YUBiLmM6aHVudGVyMg=="


def test_a_layout_can_be_kept() -> None:
    """What was found out survives being written down and read again, within its connection."""
    status = StatusFound(name="Implementing", category="indeterminate", meaning=meaning_of(PLAIN, "Implementing"))
    layout = Layout(
        is_cloud=True,
        version=(1001, 0, 0),
        site="https://acme.atlassian.net",
        project_id="1",
        service_desk_id="2",
        request_type_id="3",
        issue_type_id="4",
        fields={Role.PLANNED_START: "customfield_1"},
        statuses=(status,),
        ambiguities={Role.APPROVERS: ("a", "b")},
    )
    connection = msgspec.structs.replace(PLAIN, layout=layout, pins={Role.RISK: "customfield_2"})
    assert msgspec.json.decode(msgspec.json.encode(connection), type=Connection) == connection
