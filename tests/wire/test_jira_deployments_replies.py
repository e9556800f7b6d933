"""What the Deployments API answers: written bodies keep to the schemas and say what was submitted."""

import json
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from mitregate.core.announcements import Detail
from mitregate.core.deployments import DeploymentKey
from mitregate.core.gates import GatingStatus
from mitregate.wire.jira_deployments import (
    Submission,
    read_submission,
    write_deployment,
    write_errors,
    write_gating_status,
    write_submission,
)
from tests.wire.jira_bodies import (
    APP,
    DEPLOYMENT,
    DEPLOYMENTS,
    ERRORS,
    GATING_STATUS,
    INSTANTS,
    NUMBERS,
    SUBMITTED,
    TEXTS,
    body,
    checked,
    deployment,
    read,
)

KEY = DeploymentKey(app_id=APP, pipeline_id="a/b", environment_id="prod", sequence_number=7)


def shown(item: dict[str, Any]) -> Any:
    """Submit a deployment, and read it by its key."""
    return checked(write_deployment(read(item).accepted[0]), DEPLOYMENT)


def normal(item: dict[str, Any]) -> dict[str, Any]:
    """A deployment in the one form in which it is said back."""
    issues = dict.fromkeys(item.get("issueKeys") or ())
    values: dict[str, list[Any]] = {}
    for association in item["associations"]:
        if association["associationType"] in {"issueKeys", "issueIdOrKeys"}:
            issues |= dict.fromkeys(association["values"])
        else:
            values[association["associationType"]] = association["values"]
    lists = {"issueKeys": list(issues), **values}
    return {name: value for name, value in item.items() if value is not None and name != "issueKeys"} | {
        "schemaVersion": "1.0",
        "description": item["description"] if len(item["description"]) < 256 else item["description"][:254] + "…",
        "lastUpdated": datetime.fromisoformat(item["lastUpdated"]),
        "associations": {kind: values for kind, values in lists.items() if values},
    }


def normal_reply(reply: dict[str, Any]) -> dict[str, Any]:
    """A reply in the same form."""
    found = {
        "issueKeys" if each["associationType"] == "issueIdOrKeys" else each["associationType"]: each["values"]
        for each in reply.get("associations", [])
    }
    if "issueKeys" in reply:
        found["issueKeys"] = reply["issueKeys"]
    return {name: value for name, value in reply.items() if name != "issueKeys"} | {
        "lastUpdated": datetime.fromisoformat(reply["lastUpdated"]),
        "associations": found,
    }


@given(DEPLOYMENTS)
def test_a_deployment_is_said_back(item: dict[str, Any]) -> None:
    """What was submitted is what is read by key: every field, a long description cut, and none more."""
    assert normal_reply(shown(item)) == normal(item)


@given(DEPLOYMENTS)
def test_what_is_said_back_can_be_submitted(item: dict[str, Any]) -> None:
    """A deployment read by key, if it concerns anything, is accepted and read by key as the same."""
    first = write_deployment(read(item).accepted[0])
    assume("associations" in json.loads(first))
    (again,) = read_submission(b'{"deployments":[' + first + b"]}", APP).accepted
    assert write_deployment(again) == first


def test_a_deployment_in_full() -> None:
    """A deployment read by key has the words of the wire, and its instant in UTC."""
    asked = deployment(lastUpdated="2026-01-31T14:00:00.5+02:00", commands=[{"command": "initiate_deployment_gating"}])
    assert shown(asked) == asked | {"lastUpdated": "2026-01-31T12:00:00.500000Z"}


def test_what_was_not_said_is_not_said_back() -> None:
    """Null and absence in a submission are absence in the reply, and the address that was null is empty."""
    sparse = deployment(label=None, duration=None, associations=None, url=None, pipeline=None)
    reply = shown(sparse)
    assert not {"label", "duration", "associations", "issueKeys", "commands"} & set(reply)
    assert (reply["url"], reply["pipeline"]) == ("", {"id": "none", "displayName": "production", "url": ""})


def test_issues_by_id_are_said_back_as_such() -> None:
    """Issues of which one is named by its id are said back under the type that allows it."""
    by_id = [{"associationType": "issueIdOrKeys", "values": ["A-1", "10001"]}]
    assert shown(deployment(associations=by_id))["associations"] == by_id


def test_a_fourth_kind_goes_into_the_old_field() -> None:
    """Issues beside three associations of other types are said back as they came, for there may be only three."""
    three = [
        {"associationType": "serviceIdOrKeys", "values": ["s"]},
        {"associationType": "commit", "values": [{"commitHash": "c", "repositoryId": "r"}]},
        {"associationType": "repository", "values": [{"repositoryId": "r"}]},
    ]
    reply = shown(deployment(issueKeys=["A-1"], associations=three))
    assert (reply["issueKeys"], reply["associations"]) == (["A-1"], three)


def test_all_four_lists_are_written() -> None:
    """The reply to a submission has all four lists, even if all are empty."""
    assert checked(write_submission(Submission()), SUBMITTED) == {
        "acceptedDeployments": [],
        "rejectedDeployments": [],
        "unknownIssueKeys": [],
        "unknownAssociations": [],
    }


def test_a_submission_is_answered() -> None:
    """The reply names what was accepted, what was rejected and why, and what was not known."""
    strange = {"associationType": "ats:thing", "values": ["x", {"id": "y"}]}
    submission = read_submission(body(deployment(), deployment(state=5, associations=[strange])), APP)
    key = {"pipelineId": "p1", "environmentId": "e1", "deploymentSequenceNumber": 7}
    reply = checked(write_submission(submission), SUBMITTED)
    messages = [error.pop("message") for error in reply["rejectedDeployments"][0]["errors"]]
    assert len(messages) == 2
    assert reply == {
        "acceptedDeployments": [key],
        "rejectedDeployments": [{"key": key, "errors": [{}, {}]}],
        "unknownIssueKeys": [],
        "unknownAssociations": [strange],
    }


def test_unknown_issue_keys_are_written() -> None:
    """Issue keys that somebody found to be unknown are listed."""
    reply = checked(write_submission(Submission(unknown_issue_keys=("A-1",))), SUBMITTED)
    assert reply["unknownIssueKeys"] == ["A-1"]


def test_a_gating_status_is_written_exactly() -> None:
    """A gating status has Jira's fields, its time in UTC with milliseconds and an offset, and its change."""
    since = datetime(2026, 1, 31, 14, 0, 0, 239_999, tzinfo=timezone(timedelta(hours=2)))
    detail = Detail(key="CHG-1", link="https://gate.example/changes/1")
    assert json.loads(write_gating_status(KEY, GatingStatus.AWAITING, since, [detail])) == {
        "updatedTimestamp": "2026-01-31T12:00:00.239+00:00",
        "gatingStatus": "awaiting",
        "details": [{"type": "issue", "issueKey": "CHG-1", "issueLink": "https://gate.example/changes/1"}],
        "pipelineId": "a/b",
        "environmentId": "prod",
        "deploymentSequenceNumber": 7,
    }


@given(TEXTS, TEXTS, NUMBERS, st.sampled_from(GatingStatus), INSTANTS)
def test_every_gating_status_keeps_to_the_schema(
    pipeline_id: str, environment_id: str, number: int, status: GatingStatus, since: str
) -> None:
    """Whatever the deployment, the status and the time, the schema holds, and the details are a list."""
    key = DeploymentKey(app_id=APP, pipeline_id=pipeline_id, environment_id=environment_id, sequence_number=number)
    written = checked(write_gating_status(key, status, datetime.fromisoformat(since), ()), GATING_STATUS)
    assert (written["details"], written["gatingStatus"], written["pipelineId"]) == ([], status.value, pipeline_id)


@pytest.mark.parametrize(("trace_id", "trace"), [(None, {}), ("t-1", {"errorTraceId": "t-1"})])
def test_errors_are_a_bare_array(trace_id: str | None, trace: dict[str, str]) -> None:
    """A failed request is answered with an array of messages, with a trace id if there is one."""
    assert checked(write_errors(["no", "never"], trace_id), ERRORS) == [
        {"message": "no"} | trace,
        {"message": "never"} | trace,
    ]
