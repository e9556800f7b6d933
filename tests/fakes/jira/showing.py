"""Issues as Jira's platform shows them."""

from typing import Any

from tests.fakes.jira.call import Call
from tests.fakes.jira.clock import desk_time, rest_time
from tests.fakes.jira.fields import Field, show, show_document
from tests.fakes.jira.model import Approval, Comment, Issue, Step
from tests.fakes.jira.workflow import Edge, Status

SYSTEM = {
    "status": "Status",
    "issuetype": "Issue Type",
    "project": "Project",
    "created": "Created",
    "updated": "Updated",
    "resolution": "Resolution",
    "resolutiondate": "Resolved",
    "comment": "Comment",
}
"""Fields that Jira keeps itself, by id, with their names."""


def status(call: Call, shown: Status) -> dict[str, Any]:
    """Show a status."""
    root = f"{call.site.url}/rest/api/{call.version}"
    category = shown.category
    return {
        "self": f"{root}/status/{shown.id}",
        "description": "",
        "iconUrl": f"{call.site.url}/images/icons/status_generic.gif",
        "name": shown.name,
        "id": shown.id,
        "statusCategory": {
            "self": f"{root}/statuscategory/{category.id}",
            "id": category.id,
            "key": category.key,
            "colorName": category.colour,
            "name": category.name,
        },
    }


def comment(call: Call, shown: Comment, issue: Issue, *, with_properties: bool = False) -> dict[str, Any]:
    """Show a comment."""
    author, zone = call.taste.show_user(shown.author), call.taste.zone
    said = {
        "self": f"{call.site.url}/rest/api/{call.version}/issue/{issue.id}/comment/{shown.id}",
        "id": shown.id,
        "author": author,
        "updateAuthor": author,
        "body": show_document(shown.body, call.taste),
        "created": rest_time(shown.created, zone),
        "updated": rest_time(shown.updated, zone),
    }
    if call.site.flavour.is_cloud and call.site.project_of(issue).desk_id:
        said["jsdPublic"] = shown.is_public
    if with_properties:
        said["properties"] = [{"key": key, "value": value} for key, value in shown.properties.items()]
    return said


def edge(call: Call, shown: Edge, issue: Issue, *, with_fields: bool) -> dict[str, Any]:
    """Show a transition."""
    workflow = call.site.project_of(issue).workflow
    said: dict[str, Any] = {"id": shown.id, "name": shown.name, "to": status(call, workflow.status(shown.target))}
    said |= {"hasScreen": bool(shown.screen), "isGlobal": False, "isInitial": False, "isConditional": False}
    if call.site.flavour.is_cloud:
        said |= {"isAvailable": True, "isLooped": False}
    if with_fields:
        fields = [(id_, call.site.field(id_) if id_ != "resolution" else None) for id_ in shown.screen]
        said["fields"] = {
            id_: {
                "required": id_ in shown.required,
                "schema": field.schema if field else {"type": "resolution", "system": "resolution"},
                "name": field.name if field else "Resolution",
                "key": id_,
                "operations": ["set"],
            }
            for id_, field in fields
        }
    return said


def offered(call: Call, issue: Issue) -> list[Edge]:
    """List the transitions that who asks can make."""
    user, project = call.user, call.site.project_of(issue)
    is_agent = user is not None and (user.is_agent or project.desk_id is None)
    if not is_agent or not call.may("TRANSITION_ISSUES", issue.project):
        return []
    return [one for one in project.workflow.edges_from(issue.status) if not one.is_hidden]


def approval(call: Call, shown: Approval, issue: Issue) -> dict[str, Any]:
    """Show an approval, as the service desk does and as the field does."""
    zone, site = call.taste.zone, call.site
    said = {
        "id": shown.id,
        "name": shown.status,
        "finalDecision": shown.outcome,
        "canAnswerApproval": may_answer(call, shown, issue),
        "approvers": [
            {"approver": site_user(call, user), "approverDecision": shown.decisions.get(user, "pending")}
            for user in shown.approvers
        ],
        "createdDate": desk_time(shown.created, zone),
        "_links": {"self": f"{site.url}/rest/servicedeskapi/request/{issue.id}/approval/{shown.id}"},
    }
    return said | ({"completedDate": desk_time(shown.completed, zone)} if shown.completed else {})


def may_answer(call: Call, asked: Approval, issue: Issue) -> bool:
    """Tell whether who asks may answer an approval."""
    user = call.user
    if user is None or user.id not in asked.approvers or asked.completed is not None:
        return False
    return not (call.site.bars_reporters and user.id == issue.reporter)


def site_user(call: Call, id_: str) -> dict[str, Any]:
    """Show a user as the service desk does."""
    said = call.taste.show_user(id_)
    links = {"jiraRest": said["self"], "avatarUrls": said["avatarUrls"], "self": said["self"]}
    kept = {name: value for name, value in said.items() if name not in {"self", "avatarUrls", "accountType"}}
    return {**kept, "_links": links}


def step(call: Call, shown: Step) -> dict[str, Any]:
    """Show one set of changes."""
    created = rest_time(shown.created, call.taste.zone)
    return {"id": shown.id, "author": call.taste.show_user(shown.author), "created": created, "items": shown.items}


def issue_fields(call: Call, issue: Issue, wanted: list[str]) -> dict[str, Any]:
    """Show the fields of an issue that are wanted: ids, `*all`, `*navigable`, `-id`."""
    everything = [*SYSTEM, *(field.id for field in call.site.fields)]
    plain = {name for name in wanted if not name.startswith(("-", "*"))}
    names = set(plain)
    if "*all" in wanted or "*navigable" in wanted or not plain:
        names |= set(everything) - (set() if "*all" in wanted else {"comment"})
    names -= {name[1:] for name in wanted if name.startswith("-")}
    known = {field.id: field for field in call.site.fields}
    return {
        name: _field(call, known[name], issue) if name in known else _system(call, name, issue)
        for name in everything
        if name in names
    }


def _field(call: Call, field: Field, issue: Issue) -> Any:
    if field.kind == "approvals":
        return [approval(call, asked, issue) for asked in issue.approvals]
    if field.id == "reporter":
        return call.taste.show_user(issue.reporter)
    value = issue.values.get(field.id)
    if field.kind == "request type" and value is not None:
        return _request_type(call, issue, value)
    return show(field, value, call.taste)


def _request_type(call: Call, issue: Issue, id_: str) -> dict[str, Any]:
    project = call.site.project_of(issue)
    names = [kind.name for kind in project.request_types if kind.id == id_]
    where = f"{call.site.url}/rest/servicedeskapi"
    return {
        "_links": {"self": f"{where}/request/{issue.id}", "web": f"{call.site.url}/servicedesk/customer/{issue.key}"},
        "requestType": {"id": id_, "name": names[0] if names else "", "serviceDeskId": project.desk_id},
        "currentStatus": {"status": issue.status, "statusDate": desk_time(issue.status_since, call.taste.zone)},
    }


def _system(call: Call, name: str, issue: Issue) -> Any:
    project, zone = call.site.project_of(issue), call.taste.zone
    root = f"{call.site.url}/rest/api/{call.version}"
    kind = "service_desk" if project.desk_id else "software"
    kept = {"self": f"{root}/project/{project.id}", "id": project.id, "key": project.key, "name": project.name}
    type_ = {"id": issue.issue_type, "name": project.issue_types[issue.issue_type], "subtask": False}
    said = [comment(call, one, issue) for one in issue.comments]
    resolution = {"self": f"{root}/resolution/10000", "id": "10000", "name": "Done"} if issue.resolved else None
    values: dict[str, Any] = {
        "status": status(call, call.site.status_of(issue)),
        "issuetype": {"self": f"{root}/issuetype/{issue.issue_type}", **type_},
        "project": kept | {"projectTypeKey": kind, "simplified": False},
        "created": rest_time(issue.created, zone),
        "updated": rest_time(issue.updated, zone),
        "resolution": resolution,
        "resolutiondate": rest_time(issue.resolved, zone) if issue.resolved else None,
        "comment": {"comments": said, "maxResults": len(said), "total": len(said), "startAt": 0},
    }
    return values[name]


def issue(call: Call, shown: Issue, fields: list[str], expand: list[str], properties: list[str]) -> dict[str, Any]:
    """Show an issue."""
    where = f"{call.site.url}/rest/api/{call.version}/issue/{shown.id}"
    said: dict[str, Any] = {
        "expand": "renderedFields,names,schema,operations,editmeta,changelog,versionedRepresentations",
        "id": shown.id,
        "self": where,
        "key": shown.key,
        "fields": issue_fields(call, shown, fields),
    }
    if "transitions" in expand or "transitions.fields" in expand:
        with_fields = "transitions.fields" in expand
        said["transitions"] = [edge(call, one, shown, with_fields=with_fields) for one in offered(call, shown)]
    if "changelog" in expand:
        steps = [step(call, one) for one in shown.history]
        said["changelog"] = {"startAt": 0, "maxResults": len(steps), "total": len(steps), "histories": steps}
    if properties:
        kept = {key: value for key, value in shown.properties.items() if key in properties or "*all" in properties}
        said["properties"] = kept
    return said | names_and_schema(call, list(said["fields"]), expand)


def names_and_schema(call: Call, ids: list[str], expand: list[str]) -> dict[str, Any]:
    """Say how fields are called and what they are, as far as that was asked for."""
    known = {field.id: field for field in call.site.fields}
    said: dict[str, Any] = {}
    if "names" in expand:
        said["names"] = {id_: known[id_].name if id_ in known else SYSTEM[id_] for id_ in ids}
    if "schema" in expand:
        said["schema"] = {id_: known[id_].schema if id_ in known else {"type": id_, "system": id_} for id_ in ids}
    return said
