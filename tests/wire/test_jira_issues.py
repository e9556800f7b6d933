"""Issues, instants, webhooks and complaints of a foreign Jira, read and written."""

import contextlib
from datetime import UTC, datetime, timedelta, timezone

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mitregate.core.connections import Role
from mitregate.core.errors import Malformed, Unproven
from mitregate.wire.http import Reply
from mitregate.wire.jira_acts import leading_to, read_comments, read_transitions
from mitregate.wire.jira_hooks import Kind, read_event, read_hook, sign, verify
from mitregate.wire.jira_json import complaints, explain, is_page
from mitregate.wire.jira_site import Field, find_roles
from mitregate.wire.jira_times import read_time, write_time

BODY = b"Hello World!"
SECRET = "It's a Secret to Everybody"
VECTOR = "sha256=a4771c39fbe90f317c7824e83ddef3caae9cb3d976c214ace1f2937e133263c9"

OFFSETS = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))


# --- instants ---


@given(st.datetimes(timezones=OFFSETS).filter(lambda instant: 2 < instant.year < 9999))
def test_instants_come_back(instant: datetime) -> None:
    """An instant that is written is read as the same, to the millisecond."""
    assert read_time(write_time(instant)) == instant.replace(microsecond=instant.microsecond // 1000 * 1000)


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("2026-03-02T12:00:00.000+0000", datetime(2026, 3, 2, 12, tzinfo=UTC)),
        ("2026-03-02T12:00:00.5+0530", datetime(2026, 3, 2, 6, 30, 0, 500_000, tzinfo=UTC)),
        ("2026-03-02T12:00:00-08:00", datetime(2026, 3, 2, 20, tzinfo=UTC)),
        ("2026-03-02T12:00Z", datetime(2026, 3, 2, 12, tzinfo=UTC)),
    ],
)
def test_instants_are_read_as_jira_writes_them(text: str, read: datetime) -> None:
    """Offsets with and without a colon, and any number of digits, are read."""
    assert read_time(text) == read


@pytest.mark.parametrize("text", ["", "2026-03-02", "2026-03-02T12:00:00", "2026-02-30T12:00:00Z", "now", "9" * 999])
def test_what_is_no_instant_is_refused(text: str) -> None:
    """What has no offset, or is on no calendar, is no instant."""
    with pytest.raises(Malformed, match="not an instant"):
        read_time(text)


# --- webhooks ---


def test_signatures_are_jiras() -> None:
    """The vendor's own example is signed and proved."""
    assert sign(SECRET, BODY) == VECTOR
    verify([SECRET], {"x-hub-signature": VECTOR}, BODY)
    verify(["new", SECRET], {"x-hub-signature": VECTOR}, BODY)


@pytest.mark.parametrize(
    ("secrets", "headers", "body"),
    [
        ([SECRET], {}, BODY),
        ([SECRET], {"x-hub-signature": ""}, BODY),
        ([SECRET], {"x-hub-signature": VECTOR.removeprefix("sha256=")}, BODY),
        ([SECRET], {"x-hub-signature": VECTOR.replace("sha256", "sha1")}, BODY),
        ([SECRET], {"x-hub-signature": VECTOR[:-1]}, BODY),
        ([SECRET], {"x-hub-signature": VECTOR}, BODY + b" "),
        (["other"], {"x-hub-signature": VECTOR}, BODY),
        ([], {"x-hub-signature": VECTOR}, BODY),
        ([""], {"x-hub-signature": sign("", BODY)}, BODY),
        ([SECRET], {"x-hub-signature": "sha256=é"}, BODY),
    ],
)
def test_what_is_not_signed_by_us_is_unproven(secrets: list[str], headers: dict[str, str], body: bytes) -> None:
    """Without a signature, with another secret, or with another body, nobody is believed."""
    with pytest.raises(Unproven):
        verify(secrets, headers, body)


def test_events_name_their_issue() -> None:
    """What a webhook tells is which issue, when, and which key it had before it was moved."""
    said = {
        "webhookEvent": "jira:issue_updated",
        "timestamp": 1772452800123,
        "issue": {"id": 10001, "key": "NEW-1", "fields": {}},
        "changelog": {"id": 7, "items": [{"field": "Key", "fromString": "OLD-1", "toString": "NEW-1"}]},
    }
    event = read_event(msgspec.json.encode(said))
    assert event is not None
    assert (event.kind, event.issue_id, event.key, event.old_key) == (Kind.UPDATED, "10001", "NEW-1", "OLD-1")
    assert event.at == datetime(2026, 3, 2, 12, 0, 0, 123_000, tzinfo=UTC)
    assert read_event(b'{"webhookEvent": "comment_created"}') is None


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{}",
        b'{"webhookEvent": 7}',
        b'{"webhookEvent": "jira:issue_updated"}',
        b'{"webhookEvent": "jira:issue_updated", "timestamp": 1e300, "issue": {"id": "1", "key": "A-1"}}',
        b'{"webhookEvent": "jira:issue_updated", "timestamp": 99999999999999999, "issue": {"id": "1", "key": "A-1"}}',
        b"[" * 9_999,
    ],
)
def test_what_is_no_webhook_is_refused(body: bytes) -> None:
    """A body that is none of Jira's is refused in words."""
    with pytest.raises(Malformed):
        read_event(body)


@given(st.binary(max_size=60) | st.recursive(st.text() | st.integers(), st.lists).map(msgspec.json.encode))
def test_no_body_gets_through_by_surprise(body: bytes) -> None:
    """Whatever comes, it is read, is not for us, or is refused."""
    with contextlib.suppress(Malformed):
        event = read_event(body)
        assert event is None or event.key


def test_webhooks_of_both_paths_are_read() -> None:
    """Older and newer Jiras describe a webhook in different words."""
    old = read_hook(b'{"name": "n", "url": "u", "self": "https://x/rest/webhooks/1.0/webhook/72", "enabled": false}')
    assert (old.id, old.is_enabled, old.is_signed) == ("72", False, False)
    new = read_hook(b'{"id": 7, "name": "n", "url": "u", "active": true, "configuration": {"secret": "*"}}')
    assert (new.id, new.is_enabled, new.is_signed) == ("7", True, True)


# --- the rest ---


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b'{"errorMessages": ["One.", "Two."], "errors": {"summary": "Too long."}}', "One. Two. summary: Too long."),
        (b'{"errorMessage": "No desk."}', "No desk."),
        (b'{"code": 401, "message": "Unauthorized"}', "Unauthorized"),
        (b"<html><head><title>Service &amp; more\n (503)</title></head></html>", "Service & more (503)"),
        (b"", ""),
        (b"[1, 2]", ""),
        (b'{"errorMessages": [null, 7]}', "7"),
        (b'{"errorMessages": ["a\\u0000b\\u001b[31m"]}', "a b [31m"),
    ],
)
def test_complaints_are_repeated_in_one_line(body: bytes, said: str) -> None:
    """Each of the forms in which Jira complains is understood, and nothing of it plays with a terminal."""
    assert explain(Reply(status=400, body=body)) == said


def test_complaints_have_an_end() -> None:
    """A page of any length is repeated in a few words, and what is no complaint names no field."""
    assert len(explain(Reply(status=400, body=msgspec.json.encode({"message": "x" * 10_000})))) == 301
    assert complaints(b'{"errors": {"a": "b"}}') == {"a": "b"}
    assert complaints(b"<html>") == {}
    assert is_page(Reply(status=200, body=b"  <!DOCTYPE html>"))
    assert not is_page(Reply(status=200, body=b"{}"))


def test_transitions_are_chosen_by_where_they_lead() -> None:
    """Of several ways to a status the one that demands the least is taken; one that is not available is none."""
    body = msgspec.json.encode({
        "transitions": [
            {"id": "1", "name": "Done", "to": {"name": "Completed"}, "fields": {"r": {"name": "R", "required": True}}},
            {"id": "2", "name": "Also", "to": {"name": "completed"}, "fields": {"r": {"required": False}}},
            {"id": "3", "name": "Not", "to": {"name": "Closed"}, "isAvailable": False},
        ]
    })  # fmt: skip
    offered = read_transitions(body)
    chosen = leading_to(offered, "Resolved")
    assert chosen is not None
    assert (chosen.id, offered[0].demands) == ("2", ("R",))
    assert leading_to(offered, "Closed") is None


def test_our_comments_are_known_by_their_property() -> None:
    """Properties of others, and of another shape, are nobody's reference."""
    body = msgspec.json.encode({
        "startAt": 0, "total": 3, "comments": [
            {"id": "1", "properties": [{"key": "mitregate", "value": {"reference": "r1"}}]},
            {"id": "2", "properties": [{"key": "mitregate", "value": "r2"}, {"key": "x", "value": {"reference": "3"}}]},
        ]
    })  # fmt: skip
    page = read_comments(body)
    assert (page.references, page.next) == (("r1",), 2)


SERVICES = "com.atlassian.jira.plugins.service-entity:service-entity-field-cftype"
START = "com.atlassian.jira.plugin.system.customfieldtypes:datetime"


def test_fields_are_known_by_type_and_name() -> None:
    """A field must have the type and a name of its role; services and request types are unique by their type."""
    fields = (
        Field(id="a", name="Planned  START", kind=START),
        Field(id="b", name="Planned start", kind="com.atlassian.jira.plugin.system.customfieldtypes:textfield"),
        Field(id="c", name="Planned end", kind=START),
        Field(id="d", name="planned end", kind=START),
        Field(id="e", name="Betroffene Services", kind=SERVICES),
        Field(id="f", name="Risk", kind="com.atlassian.jira.plugin.system.customfieldtypes:select"),
        Field(id="g", name="Change risk", kind="com.atlassian.jira.plugin.system.customfieldtypes:select"),
    )  # fmt: skip
    found, unclear = find_roles(fields, {})
    assert found == {Role.PLANNED_START: "a", Role.SERVICES: "e", Role.RISK: "g"}
    assert unclear == {Role.PLANNED_END: ("c", "d")}
    found, unclear = find_roles(fields, {Role.PLANNED_END: "d", Role.RISK: "nowhere"})
    assert (found[Role.PLANNED_END], found[Role.RISK], unclear) == ("d", "g", {})
