"""The fake Jira's service desk: what can be asked for, how it is asked, and who approves."""

from typing import Any

import pytest

from tests.fakes.jira.asking import Caller
from tests.fakes.jira.flavours import CLOUD, DATA_CENTER_9, Flavour
from tests.fakes.jira.jira import FakeJira
from tests.fakes.jira.workflow import CAB, REVIEW

ROOT = "/rest/servicedeskapi"
BOTH = pytest.mark.parametrize("flavour", [CLOUD, DATA_CENTER_9], ids=["cloud", "data center"])


@pytest.fixture
def asking() -> Caller:
    """Somebody who asks a Jira Cloud."""
    return Caller(FakeJira())


@BOTH
def test_a_desk_says_what_can_be_asked_for(flavour: Flavour) -> None:
    """The desk of a project, its request types and the fields of their forms can be found; services on Cloud only."""
    asking = Caller(FakeJira(flavour))
    (desk,) = asking.get(f"{ROOT}/servicedesk")["values"]
    kinds = asking.get(f"{ROOT}/servicedesk/{desk['id']}/requesttype")["values"]
    change = next(kind for kind in kinds if kind["name"] == "Request a change")
    form = asking.get(f"{ROOT}/servicedesk/{desk['id']}/requesttype/{change['id']}/field")["requestTypeFields"]
    assert desk["projectKey"] == "ITSM"
    assert [field["name"] for field in form if field["required"]] == ["Summary"]
    assert ("Affected services" in [field["name"] for field in form]) == flavour.is_cloud
    assert [value["value"] for value in form[2]["validValues"]] == ["Standard", "Normal", "Emergency"]


def test_lists_are_paged(asking: Caller) -> None:
    """A list comes in pages, the last of which says so."""
    for key in ("OPS", "WEB"):
        asking.jira.site.add_project(key)
    asking.jira.site.add_project("SOFT", is_desk=False)
    first = asking.get(f"{ROOT}/servicedesk?limit=2")
    assert (first["size"], first["isLastPage"]) == (2, False)
    last = asking.get(first["_links"]["next"].removeprefix(asking.jira.site.url))
    assert [desk["projectKey"] for desk in last["values"]] == ["WEB"]
    assert last["isLastPage"]


@BOTH
def test_a_request_is_an_issue(flavour: Flavour) -> None:
    """What was asked for can be read as a request and as an issue; its texts are plain unless said otherwise."""
    asking = Caller(FakeJira(flavour))
    key = asking.request_change("A change", description="Why\nnot", customfield_10006={"value": "High"})
    said = asking.get(f"{ROOT}/request/{key}")
    values = {value["fieldId"]: value["value"] for value in said["requestFieldValues"]}
    assert (values["summary"], values["description"]) == ("A change", "Why\nnot")
    assert said["currentStatus"]["status"] == REVIEW
    fields = asking.get(f"issue/{key}")["fields"]
    assert fields["customfield_10010"]["requestType"]["name"] == "Request a change"
    assert fields["customfield_10006"]["value"] == "High"
    assert isinstance(fields["description"], dict) == flavour.is_cloud


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({}, "summary: Field is required."),
        ({"summary": "x", "colour": "red"}, "colour: Field 'colour' is not valid for this request type."),
        ({"summary": "x", "customfield_10006": {"value": "Odd"}}, "customfield_10006: Option value 'Odd' is not valid"),
        ({"summary": "x", "customfield_10011": "soon"}, "customfield_10011: Error parsing time: soon"),
        ({"summary": "x", "description": {"type": "doc"}}, "description: Operation value must be a string"),
    ],
    ids=["nothing", "unknown", "option", "time", "document"],
)
def test_a_wrong_request_is_refused(asking: Caller, values: dict[str, Any], said: str) -> None:
    """A request with wrong or missing values is not created, and the reply says which."""
    wish = {"serviceDeskId": "1", "requestTypeId": "11", "requestFieldValues": values}
    status, body = asking.ask("POST", f"{ROOT}/request", wish)
    prefix = "Your request could not be created. Please check the fields have been filled in correctly."
    assert (status, body["errorMessage"]) == (400, f"{prefix} {said}")
    assert asking.jira.site.issues == {}


def test_a_request_can_hold_documents(asking: Caller) -> None:
    """On Cloud a request can say that its texts are documents."""
    text = {"type": "doc", "version": 1, "content": [{"type": "rule"}]}
    wish = {"serviceDeskId": "1", "requestTypeId": "11", "isAdfRequest": True}
    said = asking.post(f"{ROOT}/request", wish | {"requestFieldValues": {"summary": "x", "description": text}})
    assert asking.get(f"issue/{said['issueKey']}")["fields"]["description"] == text


@BOTH
def test_approvers_answer(flavour: Flavour) -> None:
    """An approver approves, and the change goes on; who is none cannot."""
    jira = FakeJira(flavour)
    gate, ada = Caller(jira), Caller(jira, "ada")
    key = gate.request_change("A change")
    (asked,) = gate.get(f"{ROOT}/request/{key}/approval")["values"]
    where = f"{ROOT}/request/{key}/approval/{asked['id']}"
    assert (asked["finalDecision"], asked["canAnswerApproval"]) == ("pending", False)
    status, said = gate.ask("POST", where, {"decision": "approve"})
    assert (status, said["errorMessage"]) == (403, "You don't have approve permission.")
    assert ada.post(where, {"decision": "approve"})["finalDecision"] == "approved"
    assert jira.issue(key).status == "Planning"
    assert ada.ask("POST", where, {"decision": "approve"})[0] == 403
    jira.people.transition(key, CAB)
    jira.people.decline(key)
    asked = gate.get(f"{ROOT}/request/{key}/approval")["values"]
    assert [one["finalDecision"] for one in asked] == ["approved", "declined"]
    statuses = gate.get(f"{ROOT}/request/{key}/status")["values"]
    assert [one["status"] for one in statuses] == ["Declined", CAB, "Planning", REVIEW]


def test_reporters_can_be_barred(asking: Caller) -> None:
    """Where reporters may not approve their own change, one who is an approver cannot either."""
    asking.jira.site.bars_reporters = True
    key = asking.jira.people.raise_change("ITSM", "A change", by="ada")
    (asked,) = asking.get(f"{ROOT}/request/{key}/approval")["values"]
    ada = Caller(asking.jira, "ada")
    assert ada.ask("POST", f"{ROOT}/request/{key}/approval/{asked['id']}", {"decision": "approve"})[0] == 403


def test_standard_changes_can_be_approved_by_automation(asking: Caller) -> None:
    """With the usual automation a standard change begins in Planning, others do not."""
    asking.jira.site.approves_standard = True
    standard = asking.request_change("A change", customfield_10005={"value": "Standard"})
    normal = asking.request_change("A change", customfield_10005={"value": "Normal"})
    assert (asking.jira.issue(standard).status, asking.jira.issue(normal).status) == ("Planning", REVIEW)


def test_requests_are_commented_and_cancelled(asking: Caller) -> None:
    """A request takes comments, and the transitions that are for customers."""
    key = asking.request_change("A change")
    assert asking.post(f"{ROOT}/request/{key}/comment", {"body": "Hello", "public": False})["public"] is False
    (edge,) = asking.get(f"{ROOT}/request/{key}/transition")["values"]
    assert edge["name"] == "Cancel"
    said = {"id": edge["id"], "additionalComment": {"body": "No more"}}
    assert asking.ask("POST", f"{ROOT}/request/{key}/transition", said)[0] == 204
    assert asking.jira.issue(key).status == "Canceled"
    assert [one.is_public for one in asking.jira.issue(key).comments] == [False, True]


def test_data_center_wants_experiments_to_be_opted_for() -> None:
    """On Data Center approvals and transitions demand the header that says one knows they are experimental."""
    asking = Caller(FakeJira(DATA_CENTER_9))
    key = asking.request_change("A change")
    del asking.headers["x-experimentalapi"]
    assert asking.ask("GET", f"{ROOT}/request/{key}")[0] == 200
    assert asking.ask("GET", f"{ROOT}/request/{key}/approval")[0] == 412


@BOTH
def test_without_a_licence_there_is_no_desk(flavour: Flavour) -> None:
    """Without a licence all but `/info` is refused, on Data Center with a page."""
    asking = Caller(FakeJira(flavour))
    asking.jira.site.is_licensed = False
    assert asking.get(f"{ROOT}/info")["isLicensedForUse"] is False
    assert asking.ask("GET", f"{ROOT}/servicedesk")[0] == 403
    assert asking.reply.headers["content-type"].startswith("application/json" if flavour.is_cloud else "text/html")


def test_who_is_no_agent_cannot_transition(asking: Caller) -> None:
    """In a service project transitions are offered only to those with a licence."""
    key = asking.request_change("A change")
    asking.jira.gate.is_agent = False
    assert asking.get(f"issue/{key}/transitions")["transitions"] == []
