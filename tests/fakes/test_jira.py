"""The fake Jira's platform: who may ask, what issues take, how they go along their workflow."""

from datetime import UTC, datetime
from typing import Any

import pytest

from tests.fakes.jira.adf import from_text, is_document, to_text
from tests.fakes.jira.asking import Caller, basic
from tests.fakes.jira.flavours import CLOUD, DATA_CENTER_9, DATA_CENTER_11, Flavour
from tests.fakes.jira.jira import FakeJira
from tests.fakes.jira.workflow import CHANGE_WORKFLOW, DONE, REVIEW

BOTH = pytest.mark.parametrize("flavour", [CLOUD, DATA_CENTER_9], ids=["cloud", "data center"])
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


def caller(flavour: Flavour = CLOUD, user: str | None = "gate") -> Caller:
    """Give somebody who asks a new Jira whose clock stands still."""
    return Caller(FakeJira(flavour, at=NOON), user)


def document(text: str, **mark: Any) -> dict[str, Any]:
    """Give a document of one paragraph."""
    content = [{"type": "text", "text": text, **mark}]
    return {"type": "doc", "version": 1, "content": [{"type": "paragraph", "content": content}]}


# --- who asks ---


@BOTH
def test_each_flavour_says_what_it_is(flavour: Flavour) -> None:
    """Even a stranger is told which kind of Jira it is."""
    assert caller(flavour, None).get("serverInfo")["deploymentType"] == flavour.deployment


def test_users_are_known_by_what_their_flavour_knows_them_by() -> None:
    """Cloud names accounts by id, Data Center by name and key."""
    assert caller().get("myself")["accountId"] == "gate"
    said = caller(DATA_CENTER_9).get("myself")
    assert (said["name"], said["key"], "accountId" in said) == ("gate", "JIRAUSER-gate", False)


def test_a_wrong_token_makes_a_stranger_on_cloud() -> None:
    """With a wrong token an issue on Cloud is not refused but not there; who asks for oneself is told."""
    asking = caller()
    key = asking.request_change("A change")
    asking.headers["authorization"] = basic("gate@example.com", "wrong")
    status, said = asking.ask("GET", f"issue/{key}")
    assert (status, said["errorMessages"]) == (
        404,
        ["Issue does not exist or you do not have permission to see it."],
    )
    assert asking.reply.headers["x-seraph-loginreason"] == "AUTHENTICATED_FAILED"
    assert asking.ask("GET", "myself")[0] == 401


def test_a_wrong_token_is_refused_on_data_center() -> None:
    """Data Center answers a wrong token with 401 and a page, everywhere."""
    asking = caller(DATA_CENTER_9)
    asking.headers["authorization"] = "Bearer wrong"
    assert asking.ask("GET", "serverInfo")[0] == 401
    assert asking.reply.headers["content-type"].startswith("text/html")


def test_scoped_tokens_go_through_the_gateway() -> None:
    """A token with scopes proves nothing at the site, and at the gateway what its scopes allow."""
    asking = caller()
    asking.jira.gate.scopes = frozenset({"read:jira-user"})
    gateway = f"/ex/jira/{asking.jira.site.cloud_id}/rest/api/3"
    assert asking.ask("GET", "myself")[0] == 401
    assert asking.ask("GET", f"{gateway}/myself")[0] == 200
    assert asking.ask("GET", f"{gateway}/field") == (
        401,
        {"code": 401, "message": "Unauthorized; scope does not match"},
    )
    assert asking.ask("GET", "/ex/jira/other/rest/api/3/myself")[0] == 404


def test_passwords_can_be_off_on_data_center() -> None:
    """Data Center 9 takes a password, 11 does not, and after too many failures a puzzle comes first."""
    old, new = caller(DATA_CENTER_9), caller(DATA_CENTER_11)
    for asking in (old, new):
        asking.headers["authorization"] = basic("gate", "password-of-gate")
    assert old.ask("GET", "myself")[0] == 200
    assert new.ask("GET", "myself")[0] == 403
    old.jira.gate.needs_captcha = True
    assert old.ask("GET", "myself")[0] == 403
    assert old.reply.headers["x-authentication-denied-reason"].startswith("CAPTCHA_CHALLENGE")


@BOTH
def test_permissions_are_kept(flavour: Flavour) -> None:
    """Who may not browse, create, transition, comment or edit cannot."""
    asking = caller(flavour)
    key, gate = asking.request_change("A change"), asking.jira.gate
    gate.may = {"BROWSE_PROJECTS"}
    type_ = {"name": "[System] Change"}
    created = asking.ask("POST", "issue", {"fields": {"project": {"key": "ITSM"}, "issuetype": type_, "summary": "x"}})
    assert created == (
        400,
        {"errorMessages": [], "errors": {"project": "You cannot create issues in this project."}},
    )
    assert asking.get(f"issue/{key}/transitions")["transitions"] == []
    assert asking.ask("POST", f"issue/{key}/transitions", {"transition": {"id": "11"}})[0] == 400
    assert asking.ask("PUT", f"issue/{key}/properties/p", {"a": 1})[0] == 403
    gate.may = set()
    assert asking.ask("GET", f"issue/{key}")[0] == (404 if flavour.is_cloud else 403)
    assert asking.ask("GET", "project/ITSM")[0] == 404


# --- what issues take ---


@BOTH
def test_an_issue_is_created_and_read(flavour: Flavour) -> None:
    """What was written can be read, chosen and named."""
    asking = caller(flavour)
    text = document("Why") if flavour.is_cloud else "Why"
    fields: dict[str, Any] = {
        "project": {"key": "ITSM"},
        "issuetype": {"id": "10021"},
        "summary": "A change",
        "description": text,
        "customfield_10005": {"value": "Normal"},
        "customfield_10011": "2026-03-02T10:00:00.000+0100",
    }
    made = asking.post("issue", {"fields": fields, "properties": [{"key": "gate", "value": {"id": 7}}]})
    wanted = "fields=summary,description,customfield_10005,customfield_10011,status&expand=names&properties=gate"
    said = asking.get(f"issue/{made['id']}?{wanted}")
    assert said["key"] == made["key"] == "ITSM-1"
    assert said["fields"]["description"] == text
    assert said["fields"]["customfield_10005"]["value"] == "Normal"
    assert said["fields"]["customfield_10011"] == "2026-03-02T09:00:00.000+0000"
    assert said["fields"]["status"]["name"] == REVIEW
    assert said["names"]["customfield_10011"] == "Planned start"
    assert said["properties"] == {"gate": {"id": 7}}
    assert set(said["fields"]) == {"summary", "description", "customfield_10005", "customfield_10011", "status"}


@pytest.mark.parametrize(
    ("fields", "errors"),
    [
        ({"summary": ""}, {"summary": "You must specify a summary of the issue."}),
        ({"summary": "x" * 256}, {"summary": "Summary must be less than 255 characters."}),
        ({"summary": "a\nb"}, {"summary": "The summary is invalid because it contains newline characters."}),
        (
            {"description": "text"},
            {"description": "Operation value must be an Atlassian Document (see the Atlassian Document Format)"},
        ),
        ({"customfield_10005": {"value": "Odd"}}, {"customfield_10005": "Option value 'Odd' is not valid"}),
        ({"customfield_10011": "2026-03-02"}, {"customfield_10011": "Error parsing time: 2026-03-02"}),
        ({"labels": ["a b"]}, {"labels": "The label 'a b' contains spaces which is invalid."}),
        (
            {"customfield_1": 1},
            {"customfield_1": "Field 'customfield_1' cannot be set. It is not on the appropriate screen, or unknown."},
        ),
    ],
    ids=["no title", "long title", "lines", "no document", "option", "time", "label", "unknown"],
)
def test_wrong_values_are_named(fields: dict[str, Any], errors: dict[str, str]) -> None:
    """A value that a field does not take is refused in Jira's words, by the field's id."""
    base: dict[str, Any] = {"project": {"key": "ITSM"}, "issuetype": {"id": "10021"}, "summary": "A change"}
    assert caller().ask("POST", "issue", {"fields": base | fields}) == (400, {"errorMessages": [], "errors": errors})


@pytest.mark.parametrize(
    "wrong",
    [
        {"type": "doc", "content": []},
        {"type": "doc", "version": 1},
        {"type": "doc", "version": 1, "content": [{"type": "text", "text": "no paragraph"}]},
        document(""),
        document("x", marks=[{"type": "blink"}]),
        document("x", marks=[{"type": "link"}]),
        document("x", marks=[{"type": "code"}, {"type": "strong"}]),
        {"type": "doc", "version": 1, "content": [{"type": "bulletList", "content": []}]},
        {"type": "doc", "version": 1, "content": [{"type": "heading", "attrs": {"level": 7}, "content": []}]},
        {"type": "doc", "version": 1, "content": [{"type": "paragraph", "colour": "red"}]},
    ],
)
def test_malformed_documents_are_refused(wrong: dict[str, Any]) -> None:
    """A document that is none is refused, and Jira does not say why."""
    asking = caller()
    key = asking.request_change("A change")
    assert asking.ask("POST", f"issue/{key}/comment", {"body": wrong}) == (
        400,
        {"errorMessages": ["INVALID_INPUT"], "errors": {}},
    )
    assert asking.jira.issue(key).comments == []


def test_documents_are_texts() -> None:
    """A text becomes a valid document and the same text again."""
    text = "First line\n\nhttps://example.com and {braces}"
    assert is_document(from_text(text))
    assert to_text(from_text(text)) == text


@BOTH
def test_comments_are_internal_when_their_property_says_so(flavour: Flavour) -> None:
    """A comment is public unless `sd.public.comment` says otherwise, and stays so when it is changed."""
    asking = caller(flavour)
    key = asking.request_change("A change")
    body = document("Started") if flavour.is_cloud else "Started"
    hidden = [{"key": "sd.public.comment", "value": {"internal": True}}]
    asking.post(f"issue/{key}/comment", {"body": body})
    said = asking.post(f"issue/{key}/comment", {"body": body, "properties": hidden})
    assert asking.ask("PUT", f"issue/{key}/comment/{said['id']}", {"body": body})[0] == 200
    assert [one.is_public for one in asking.jira.issue(key).comments] == [True, False]
    assert asking.get(f"issue/{key}/comment?expand=properties")["comments"][1]["properties"] == hidden
    assert asking.get(f"/rest/servicedeskapi/request/{key}/comment?internal=false")["size"] == 1


def test_properties_and_labels_are_kept() -> None:
    """Properties and labels can be set, changed and read."""
    asking = caller()
    key = asking.request_change("A change")
    assert asking.ask("PUT", f"issue/{key}/properties/gate", {"id": 1})[0] == 201
    assert asking.ask("PUT", f"issue/{key}/properties/gate", {"id": 2})[0] == 200
    assert asking.get(f"issue/{key}/properties/gate") == {"key": "gate", "value": {"id": 2}}
    assert asking.ask("GET", f"issue/{key}/properties/other")[0] == 404
    assert asking.ask("PUT", f"issue/{key}", {"update": {"labels": [{"add": "gate"}, {"add": "x"}]}})[0] == 204
    assert asking.ask("PUT", f"issue/{key}", {"update": {"labels": [{"remove": "x"}]}})[0] == 204
    assert asking.get(f"issue/{key}")["fields"]["labels"] == ["gate"]


def test_a_link_of_one_name_is_there_once() -> None:
    """A link to something outside is made once for each global id, and replaced after that."""
    asking = caller()
    key = asking.request_change("A change")
    wish = {"globalId": "gate=7", "object": {"url": "https://gate.example.com/7", "title": "Gate"}}
    assert asking.ask("POST", f"issue/{key}/remotelink", wish)[0] == 201
    wish["object"] = {"url": "https://gate.example.com/8", "title": "Gate"}
    assert asking.ask("POST", f"issue/{key}/remotelink", wish)[0] == 200
    (link,) = asking.get(f"issue/{key}/remotelink")
    assert (link["globalId"], link["object"]["url"]) == ("gate=7", "https://gate.example.com/8")
    assert asking.ask("POST", f"issue/{key}/remotelink", {"object": {"url": "https://x.example"}})[0] == 400


# --- the workflow ---


@BOTH
def test_transitions_follow_the_workflow(flavour: Flavour) -> None:
    """Only what leads on from here is offered, and anything else is refused."""
    asking = caller(flavour)
    key = asking.request_change("A change")
    asking.jira.people.implement(key)
    (edge,) = asking.get(f"issue/{key}/transitions")["transitions"]
    assert (edge["name"], edge["to"]["name"]) == ("Change completed", "Resolved")
    status, said = asking.ask("POST", f"issue/{key}/transitions", {"transition": {"id": "11"}})
    assert (status, said["errorMessages"]) == (400, ["Transition id '11' is not valid for this issue."])
    asking.post(f"issue/{key}/transitions", {"transition": {"id": edge["id"]}})
    assert asking.get(f"issue/{key}")["fields"]["resolution"]["name"] == "Done"
    assert asking.jira.issue(key).status == "Resolved"


def test_workflows_can_be_others() -> None:
    """Statuses can be renamed, added and hidden, and a transition can demand a field."""
    changed = CHANGE_WORKFLOW.renamed({"Implementing": "In Umsetzung"})
    changed = changed.joined("Failed", DONE, after=("In Umsetzung",)).changed("Resolved", is_hidden=True)
    changed = changed.changed("Failed", screen=("resolution",), required=("resolution",))
    asking = caller()
    asking.jira.site.add_project("OPS", workflow=changed)
    key = asking.jira.people.raise_change("OPS", "A change")
    asking.jira.people.approve(key)
    asking.jira.people.transition(key, "Awaiting implementation", "In Umsetzung")
    (edge,) = asking.get(f"issue/{key}/transitions?expand=transitions.fields")["transitions"]
    assert edge["fields"]["resolution"]["required"]
    wish: dict[str, Any] = {"transition": {"id": edge["id"]}}
    assert asking.ask("POST", f"issue/{key}/transitions", wish) == (
        400,
        {"errorMessages": [], "errors": {"resolution": "Resolution is required."}},
    )
    asking.post(f"issue/{key}/transitions", wish | {"fields": {"resolution": {"name": "Won't do"}}})
    assert asking.jira.issue(key).status == "Failed"
    names = [one["name"] for one in asking.get("project/OPS/statuses")[0]["statuses"]]
    assert names[4] == "In Umsetzung"
    assert names[-1] == "Failed"


def test_a_moved_issue_is_found_by_its_old_key() -> None:
    """After a move the old key still leads to the issue, which has a new one."""
    asking = caller()
    asking.jira.site.add_project("OPS")
    key = asking.request_change("A change")
    assert asking.jira.people.move(key, "OPS") == "OPS-1"
    assert asking.get(f"issue/{key}")["key"] == "OPS-1"
    assert asking.found(f"key = {key}") == ["OPS-1"]
    asking.jira.gate.hidden_projects.add("OPS")
    assert asking.ask("GET", f"issue/{key}")[0] == 404


def test_a_deleted_issue_is_gone() -> None:
    """A deleted issue cannot be read."""
    asking = caller()
    key = asking.request_change("A change")
    asking.jira.people.delete(key)
    assert asking.ask("GET", f"issue/{key}")[0] == 404


def test_several_fields_can_have_one_name() -> None:
    """A second field of a name is listed beside the first, with its own schema."""
    asking = caller()
    site = asking.jira.site
    site.fields.append(type(site.fields[0])(id="customfield_10900", name="Planned start", kind="text", type="string"))
    listed = [field for field in asking.get("field") if field["name"] == "Planned start"]
    assert [field["schema"]["type"] for field in listed] == ["datetime", "string"]
