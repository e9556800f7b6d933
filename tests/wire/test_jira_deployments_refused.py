"""Reading a submission: what is rejected, in which words, and what refuses the request as a whole."""

import json
from typing import Any

import pytest

from mitregate.core.errors import Malformed, TooLarge
from mitregate.wire.jira_deployments import read_submission
from tests.wire.jira_bodies import APP, body, deployment, read, rejected, without

REQUIRED = [
    "deploymentSequenceNumber",
    "updateSequenceNumber",
    "displayName",
    "url",
    "description",
    "lastUpdated",
    "state",
    "pipeline",
    "environment",
]
STATES = "unknown, pending, in_progress, cancelled, failed, rolled_back, successful"
ASK = [{"command": "initiate_deployment_gating"}]


def issues(count: int) -> list[str]:
    """Some issue keys."""
    return [f"A-{number}" for number in range(count)]


def about(kind: str, *values: Any) -> dict[str, Any]:
    """An association."""
    return {"associationType": kind, "values": list(values)}


@pytest.mark.parametrize("field", REQUIRED)
def test_a_required_field_is_missed(field: str) -> None:
    """A deployment that lacks a required field is rejected in the field's words."""
    assert rejected(without(field)).messages == (f"'{field}' is required",)


@pytest.mark.parametrize("field", [field for field in REQUIRED if field not in {"url", "pipeline"}])
def test_null_is_no_value(field: str) -> None:
    """Null in a required field is a fault, but for the two that GitLab may not know."""
    assert rejected(deployment(**{field: None})).messages == (f"'{field}' must not be null",)


def test_a_deployment_must_concern_something() -> None:
    """A deployment that names neither issues nor associations is rejected, as Jira does."""
    assert rejected(without("associations")).messages == ("one of 'issueKeys' or 'associations' is required",)


def test_all_problems_are_listed() -> None:
    """A rejected deployment is told everything that is wrong with it at once."""
    assert rejected({"pipeline": {"id": "p1"}, "environment": {"id": 5}}).messages == (
        "'deploymentSequenceNumber' is required",
        "'updateSequenceNumber' is required",
        "'displayName' is required",
        "'url' is required",
        "'description' is required",
        "'lastUpdated' is required",
        "'state' is required",
        "'environment.id' must be a string, not 5",
        "'environment.displayName' is required",
        "'environment.type' is required",
        "'pipeline.displayName' is required",
        "'pipeline.url' is required",
        "one of 'issueKeys' or 'associations' is required",
    )


NUL = "has a NUL character or half of a surrogate pair"
COMMAND = "'initiate_deployment_gating'"
ASKING = f"the command {COMMAND} is only valid with state 'pending'"
NUMBER = "must be a whole number of 64 bits, not"
VALUES = "'associations[0].values'"
FIRST = "'associations[0].values[0]"
LONG = "x" * 256
KIND = "'associations[0].associationType'"
MANY_ISSUES, MANY_SERVICES = about("issueKeys", *issues(400)), about("serviceIdOrKeys", *issues(101))
FAULTS: list[tuple[dict[str, Any], str]] = [
    ({"schemaVersion": "2.0"}, "'schemaVersion' must be '1.0', not '2.0'"),
    ({"schemaVersion": 1.0}, "'schemaVersion' must be '1.0', not 1.0"),
    ({"deploymentSequenceNumber": True}, f"'deploymentSequenceNumber' {NUMBER} true"),
    ({"deploymentSequenceNumber": 1.5}, f"'deploymentSequenceNumber' {NUMBER} 1.5"),
    ({"updateSequenceNumber": 2**63}, f"'updateSequenceNumber' {NUMBER} 9223372036854775808"),
    ({"updateSequenceNumber": "-9223372036854775809"}, f"'updateSequenceNumber' {NUMBER} '-9223372036854775809'"),
    ({"updateSequenceNumber": 10**200}, f"'updateSequenceNumber' {NUMBER} a number of many digits"),
    ({"duration": "soon"}, f"'duration' {NUMBER} 'soon'"),
    ({"duration": "٣"}, f"'duration' {NUMBER} '٣'"),
    ({"duration": ""}, f"'duration' {NUMBER} ''"),
    ({"displayName": "x" * 300}, "'displayName' is longer than 255 characters (300)"),
    ({"description": 5}, "'description' must be a string, not 5"),
    ({"label": ["x"]}, "'label' must be a string, not an array"),
    ({"label": "x" * 256}, "'label' is longer than 255 characters (256)"),
    ({"url": "u" * 2001}, "'url' is longer than 2000 characters (2001)"),
    ({"displayName": "a\0b"}, f"'displayName' {NUL}"),
    ({"displayName": "\ude80 Ship it"}, f"'displayName' {NUL}"),
    ({"displayName": "Ship\ud83d it"}, f"'displayName' {NUL}"),
    ({"displayName": "Ship it\ud83d\ud83d"}, f"'displayName' {NUL}"),
    ({"description": "x" * 300 + "\0"}, f"'description' {NUL}"),
    ({"description": "\ud83d" + "x" * 300}, f"'description' {NUL}"),
    ({"label": "\ud83d"}, f"'label' {NUL}"),
    ({"state": "done"}, f"'state' must be one of {STATES}, not 'done'"),
    ({"state": "Pending"}, f"'state' must be one of {STATES}, not 'Pending'"),
    ({"pipeline": "p1"}, "'pipeline' must be an object, not 'p1'"),
    ({"environment": []}, "'environment' must be an object, not an array"),
    ({"commands": [{"command": "x"}]}, f"'commands[0].command' is 'x'; the only command that is known is {COMMAND}"),
    ({"commands": ["open"]}, "'commands[0]' must be an object, not 'open'"),
    ({"commands": {}}, "'commands' must be an array, not an object"),
    ({"commands": ASK * 101}, "'commands' has more than 100 items (101)"),
    ({"commands": ASK, "state": "in_progress"}, f"{ASKING}, not 'in_progress'"),
    ({"issueKeys": issues(101)}, "'issueKeys' has more than 100 items (101)"),
    ({"issueKeys": ["A-1", "10001"]}, "'issueKeys' has '10001', which is no issue key"),
    ({"issueKeys": ["A-1\n"]}, "'issueKeys' has 'A-1\n', which is no issue key"),
    ({"issueKeys": [5]}, "'issueKeys' has 5, which is no issue key"),
    ({"associations": "A-1"}, "'associations' must be an array, not 'A-1'"),
    ({"associations": [about("issueKeys")] * 4}, "'associations' has more than 3 items (4)"),
    ({"associations": [about("issueKeys", *issues(501))]}, "'associations[0].values' has more than 500 items (501)"),
    ({"associations": [MANY_ISSUES, MANY_SERVICES]}, "'associations' have more than 500 values in total (501)"),
    ({"associations": [about("issueKeys", "ä-1")]}, "'associations[0].values' has 'ä-1', which is no issue key"),
    ({"associations": [about("serviceIdOrKeys", LONG)]}, f"{VALUES} has a service id longer than 255 characters (256)"),
    ({"associations": [about("serviceIdOrKeys", None)]}, "'associations[0].values' must be strings, not null"),
    ({"associations": [about("serviceIdOrKeys", "\0")]}, f"{VALUES} {NUL}"),
    ({"associations": [about("commit", {"commitHash": "c0"})]}, "'associations[0].values[0].repositoryId' is required"),
    ({"associations": [about("repository", {"repositoryId": ""})]}, f"{FIRST}.repositoryId' must not be empty"),
    ({"associations": [{"associationType": "issueKeys"}]}, "'associations[0].values' is required"),
    ({"associations": [{"values": []}]}, "'associations[0].associationType' is required"),
    ({"associations": [{"associationType": 5, "values": []}]}, f"{KIND} must be a string, not 5"),
    ({"associations": [about("ats:thing", "x")]}, "none of its associations is of a type that is known here"),
]  # fmt: skip


@pytest.mark.parametrize(("changes", "message"), FAULTS, ids=[str(number) for number in range(len(FAULTS))])
def test_a_fault_is_told_in_words(changes: dict[str, Any], message: str) -> None:
    """Each fault is told in one clear sentence, and the deployment's identity beside it."""
    told = rejected(deployment(**changes))
    assert told.messages == (message,)
    assert told.environment_id == ("" if "environment" in changes else "e1")


@pytest.mark.parametrize(
    "written",
    ["yesterday", "2026-01-31", "2026-02-30T12:00:00Z", "0001-01-01T00:00:00+14:00", 1769860800, ""],
    ids=repr,
)
def test_an_instant_must_be_one(written: object) -> None:
    """What is no RFC 3339 date and time, or none that can be kept in UTC, is rejected."""
    (message,) = rejected(deployment(lastUpdated=written)).messages
    assert message.startswith("'lastUpdated' must be a date and time as in RFC 3339")


def test_unknown_associations_of_a_rejected_deployment_are_reported() -> None:
    """A deployment with nothing but unknown associations is rejected, and they are listed."""
    submission = read(deployment(associations=[about("ats:thing", "x")], issueKeys=[""]))
    assert (len(submission.rejected), submission.unknown_associations[0].association_type) == (1, "ats:thing")


def test_issue_keys_outweigh_unknown_associations() -> None:
    """A deployment with unknown associations and an issue key is accepted."""
    assert read(deployment(associations=[about("ats:thing", "x")], issueKeys=["A-1"])).rejected == ()


@pytest.mark.parametrize("item", [None, 5, "x", [], True, {}], ids=repr)
def test_the_identity_is_given_as_far_as_it_is_known(item: object) -> None:
    """A deployment that has no identity is rejected with an empty one."""
    told = rejected(item)
    assert (told.pipeline_id, told.environment_id, told.sequence_number) == ("", "", 0)
    assert told.messages


def test_an_identity_is_made_sendable() -> None:
    """An id that is too long or no text is cut and cleaned before it is said back."""
    told = rejected(deployment(pipeline={"id": "x" * 300}, environment={"id": "\ud800"}))
    assert (told.pipeline_id, told.environment_id) == ("x" * 255, "\ufffd")


MALFORMED: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "The body is not JSON."),
    "no-json": (b"{deployments: []}", "The body is not JSON."),
    "cut": (body(deployment())[:-1], "The body is not JSON."),
    "nan": (b'{"deployments": [NaN]}', "The body is not JSON."),
    "latin-1": ('{"deployments": ["ä"]}'.encode("latin-1"), "The body is not UTF-8."),
    "array": (b"[]", "The body must be a JSON object, not an array."),
    "null": (b"null", "The body must be a JSON object, not null."),
    "absent": (b"{}", "'deployments' is required."),
    "nothing": (b'{"deployments": []}', "'deployments' must hold at least one deployment."),
    "object": (b'{"deployments": {}}', "'deployments' must be an array, not an object."),
    "properties": (body(5, properties=[]), "'properties' must be an object, not an array."),
    "metadata": (body(5, providerMetadata="x"), "'providerMetadata' must be an object, not 'x'."),
    "hosts": (body(5, properties=dict.fromkeys(map(str, range(101)))), "'properties' has more than 5 entries (101)."),
    "many": (body(5, properties=dict.fromkeys("abcdef", "")), "'properties' has more than 5 entries (6)."),
    "colon": (body(5, properties={"a:b": ""}), "The property name 'a:b' may neither hold ':' nor begin with '_'."),
    "control": (body(5, properties={"_a": ""}), "The property name '_a' may neither hold ':' nor begin with '_'."),
    "long": (body(5, properties={"a": "x" * 256}), "The property 'a' is longer than 255 characters."),
    "list": (body(5, properties={"a": []}), "The property 'a' must be a string, not an array."),
    "nul": (body(5, properties={"a": "\0"}), "The property 'a' has a NUL character or half of a surrogate pair."),
    "half": (body(5, properties={"a": "\ud800"}), "The property 'a' has a NUL character or half of a surrogate pair."),
    "deep": (b'{"deployments": ' + b"[" * 99_999, "The body is nested too deeply."),
    "deep-within": (body(deployment(x=0)).replace(b'"x": 0', b'"x":' + b"[" * 9999), "The body is nested too deeply."),
}


@pytest.mark.parametrize("case", MALFORMED)
def test_a_request_may_be_malformed(case: str) -> None:
    """A request that cannot be told apart is refused as a whole, with what is wrong with it."""
    written, message = MALFORMED[case]
    with pytest.raises(Malformed) as refusal:
        read_submission(written, APP)
    assert refusal.value.message == message


@pytest.mark.parametrize("extra", [{}, {"properties": {"n": 5}}, {"y": "\ud800"}], ids=["plain", "numbers", "odd"])
def test_a_request_may_be_too_large(extra: dict[str, Any]) -> None:
    """More than a hundred deployments are refused as too many."""
    with pytest.raises(TooLarge, match="101 deployments; at most 100"):
        read_submission(json.dumps({"deployments": [deployment()] * 101} | extra).encode(), APP)
