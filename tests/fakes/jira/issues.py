"""The platform's API about issues: create, read, edit, transition, comment, properties, delete."""

from collections.abc import Mapping
from typing import Any

import msgspec

from mitregate.wire.http import Reply
from tests.fakes.jira import showing
from tests.fakes.jira.call import Call, Route
from tests.fakes.jira.fields import BadDocument, BadValue, take, take_document
from tests.fakes.jira.model import Issue, Project
from tests.fakes.jira.refusals import NOT_ON_SCREEN, Refusal, done, shown
from tests.fakes.jira.workflow import Edge

PUBLIC = "sd.public.comment"


def create(call: Call) -> Reply:
    """Create an issue."""
    body = call.body
    fields = body.get("fields") or {}
    if call.user is None and not call.site.flavour.is_cloud:
        raise Refusal(401, "You are not authenticated. Authentication required to perform this operation.")
    project = _project(call, fields.get("project"))
    issue_type = _issue_type(project, fields.get("issuetype"))
    given = {name: value for name, value in fields.items() if name not in {"project", "issuetype"}}
    values = taken(call, given)
    if "summary" not in values:
        raise Refusal(400, errors={"summary": "You must specify a summary of the issue."})
    properties = {one["key"]: one["value"] for one in body.get("properties") or []}
    issue = call.site.create(project, issue_type, values, by=call.asker.id, properties=properties)
    where = f"{call.site.url}/rest/api/{call.version}/issue/{issue.id}"
    return shown({"id": issue.id, "key": issue.key, "self": where}, 201)


def _project(call: Call, said: Any) -> Project:
    wanted = said if isinstance(said, dict) else {}
    for project in call.site.projects.values():
        if wanted.get("key") == project.key or str(wanted.get("id")) == project.id:
            if call.may("CREATE_ISSUES", project.key):
                return project
            raise Refusal(400, errors={"project": "You cannot create issues in this project."})
    raise Refusal(400, errors={"project": "valid project is required" if said else "Specify a valid project ID or key"})


def _issue_type(project: Project, said: Any) -> str:
    wanted = said if isinstance(said, dict) else {}
    for id_, name in project.issue_types.items():
        if str(wanted.get("id")) == id_ or wanted.get("name") == name:
            return id_
    raise Refusal(400, errors={"issuetype": "Specify a valid issue type"})


def taken(call: Call, given: Mapping[str, Any], screen: tuple[str, ...] | None = None) -> dict[str, Any]:
    """Read the values of fields; *screen* are those that can be set, None for all that people fill in."""
    known = {field.id: field for field in call.site.fields if not field.is_read_only}
    values: dict[str, Any] = {}
    errors: dict[str, str] = {}
    for name, value in given.items():
        if name not in known or (screen is not None and name not in screen):
            errors[name] = NOT_ON_SCREEN.format(name)
            continue
        try:
            values[name] = take(known[name], value, call.taste)
        except BadDocument as error:
            raise Refusal(400, str(error)) from None
        except BadValue as error:
            errors[name] = str(error)
    if errors:
        raise Refusal(400, errors=errors)
    return values


def read(call: Call) -> Reply:
    """Show an issue, by any key it ever had."""
    issue = call.issue()
    return shown(showing.issue(call, issue, call.words("fields"), call.words("expand"), call.words("properties")))


def edit(call: Call) -> Reply:
    """Fill in fields."""
    issue, body = call.issue(), call.body
    if not call.may("EDIT_ISSUES", issue.project):
        raise Refusal(403, "You do not have permission to edit issues in this project.")
    values = taken(call, body.get("fields") or {})
    if operations := (body.get("update") or {}).get("labels"):
        labels = list(issue.values.get("labels") or [])
        for operation in operations:
            labels = [one for one in labels if one != operation.get("remove")]
            labels += [operation["add"]] if "add" in operation else []
        values |= taken(call, {"labels": labels})
    call.site.edit(issue, values, by=call.asker.id)
    return done()


def delete(call: Call) -> Reply:
    """Delete an issue."""
    issue = call.issue()
    if not call.may("DELETE_ISSUES", issue.project):
        raise Refusal(403, "You do not have permission to delete issues in this project.")
    call.site.delete(issue, by=call.asker.id)
    return done()


def transitions(call: Call) -> Reply:
    """List the transitions that can be made."""
    issue = call.issue()
    with_fields = "transitions.fields" in call.words("expand")
    wanted = call.said("transitionId")
    listed = [
        showing.edge(call, one, issue, with_fields=with_fields)
        for one in showing.offered(call, issue)
        if wanted in {"", one.id}
    ]
    return shown({"expand": "transitions", "transitions": listed})


def transition(call: Call) -> Reply:
    """Make a transition, setting fields and saying something on the way."""
    issue, body = call.issue(), call.body
    said = body.get("transition")
    wanted = str(said.get("id", "")) if isinstance(said, dict) else ""
    if not wanted:
        raise Refusal(400, "Missing 'transition' identifier")
    edge = next((one for one in showing.offered(call, issue) if one.id == wanted), None)
    if edge is None:
        raise Refusal(400, f"Transition id '{wanted}' is not valid for this issue.")
    values = _on_screen(call, edge, body.get("fields") or {})
    remarks = [one["add"] for one in (body.get("update") or {}).get("comment", [])]
    for remark in remarks:
        _say(call, issue, remark)
    call.site.move_along(issue, edge, by=call.asker.id, values=values)
    return done()


def _on_screen(call: Call, edge: Edge, given: Mapping[str, Any]) -> dict[str, Any]:
    errors = {id_: f"{id_.capitalize()} is required." for id_ in edge.required if not given.get(id_)}
    if errors:
        raise Refusal(400, errors=errors)
    kept = {id_: value for id_, value in given.items() if id_ != "resolution" or id_ not in edge.screen}
    return taken(call, kept, edge.screen)


def comments(call: Call) -> Reply:
    """List the comments of an issue."""
    issue, start = call.issue(), call.number("startAt", 0)
    limit = call.number("maxResults", 5000)
    with_properties = "properties" in call.words("expand")
    listed = issue.comments[start : start + limit]
    said = [showing.comment(call, one, issue, with_properties=with_properties) for one in listed]
    return shown({"startAt": start, "maxResults": limit, "total": len(issue.comments), "comments": said})


def comment(call: Call) -> Reply:
    """Comment on an issue: publicly, unless its property says that it is internal."""
    issue = call.issue()
    _say(call, issue, call.body)
    return shown(showing.comment(call, issue.comments[-1], issue), 201)


def _say(call: Call, issue: Issue, said: Any) -> None:
    if not call.may("ADD_COMMENTS", issue.project):
        raise Refusal(400, f"{call.asker.display}, you do not have the permission to comment on this issue.")
    body, properties = _remark(call, said)
    is_public = not (properties.get(PUBLIC) or {}).get("internal", False)
    call.site.comment(issue, body, by=call.asker.id, is_public=is_public, properties=properties)


def _remark(call: Call, said: Any) -> tuple[Any, dict[str, Any]]:
    try:
        body = take_document(said.get("body"), call.taste)
    except BadDocument as error:
        raise Refusal(400, str(error)) from None
    except BadValue as error:
        message = "Comment body is not valid!" if call.version == "3" else str(error)
        raise Refusal(400, errors={"comment": message}) from None
    if not body:
        raise Refusal(400, errors={"comment": "Comment body can not be empty!"})
    return body, {one["key"]: one["value"] for one in said.get("properties") or []}


def change_comment(call: Call) -> Reply:
    """Say it otherwise; who sees it stays as it was unless that is said again."""
    issue = call.issue()
    kept = next((one for one in issue.comments if one.id == call.parts["comment"]), None)
    if kept is None:
        raise Refusal(404, f"Can not find a comment for the id: {call.parts['comment']}.")
    kept.body, properties = _remark(call, call.body)
    kept.properties |= properties
    kept.is_public = not (kept.properties.get(PUBLIC) or {}).get("internal", False)
    kept.updated = call.site.clock.now()
    return shown(showing.comment(call, kept, issue))


def list_properties(call: Call) -> Reply:
    """List the keys of an issue's properties."""
    issue = call.issue()
    where = f"{call.site.url}/rest/api/{call.version}/issue/{issue.id}/properties"
    return shown({"keys": [{"self": f"{where}/{key}", "key": key} for key in issue.properties]})


def read_property(call: Call) -> Reply:
    """Show a property."""
    issue, key = call.issue(), call.parts["property"]
    if key not in issue.properties:
        raise Refusal(404, f"The property '{key}' does not exist.")
    return shown({"key": key, "value": issue.properties[key]})


def write_property(call: Call) -> Reply:
    """Keep a property."""
    issue, key = call.issue(), call.parts["property"]
    if not call.may("EDIT_ISSUES", issue.project):
        raise Refusal(403, "You do not have permission to edit issues in this project.")
    try:
        value = msgspec.json.decode(call.raw)
    except msgspec.DecodeError:
        raise Refusal(400, "The property value is not valid JSON.") from None
    if len(key) > 255 or len(call.raw) > 32768:
        raise Refusal(400, "The property key or value is too long.")
    is_new = key not in issue.properties
    call.site.set_property(issue, key, value)
    return Reply(status=201 if is_new else 200)


def links(call: Call) -> Reply:
    """List the links that lead from an issue out of Jira."""
    issue, wanted = call.issue(), call.said("globalId")
    listed = [_link(call, issue, key) for key in issue.links if wanted in {"", key}]
    if wanted and not listed:
        raise Refusal(404, f"A remote link with globalId '{wanted}' does not exist.")
    return shown(listed[0] if wanted else listed)


def link(call: Call) -> Reply:
    """Link an issue to something outside; a second link of the same global id takes the place of the first."""
    issue, body = call.issue(), call.body
    if not call.may("LINK_ISSUES", issue.project):
        raise Refusal(403, "No Link Issue Permission for issue.")
    told = body.get("object") or {}
    missing = {name: f"'{name}' is required." for name in ("url", "title") if not told.get(name)}
    if missing:
        raise Refusal(400, errors=missing)
    key = body.get("globalId") or f"none-{len(issue.links)}"
    is_new = key not in issue.links
    id_ = call.site.next_id() if is_new else issue.links[key]["id"]
    issue.links[key] = {"id": id_, "object": told, "application": body.get("application") or {}}
    said = _link(call, issue, key)
    return shown({"id": said["id"], "self": said["self"]}, 201 if is_new else 200)


def _link(call: Call, issue: Issue, key: str) -> dict[str, Any]:
    kept = issue.links[key]
    where = f"{call.site.url}/rest/api/{call.version}/issue/{issue.key}/remotelink/{kept['id']}"
    said = {"id": int(kept["id"]), "self": where, "application": kept["application"], "object": kept["object"]}
    return said if key.startswith("none-") else said | {"globalId": key}


ROUTES = [
    Route("GET", "/rest/api/{v}/issue/{issue}/remotelink", links),
    Route("POST", "/rest/api/{v}/issue/{issue}/remotelink", link),
    Route("POST", "/rest/api/{v}/issue", create),
    Route("GET", "/rest/api/{v}/issue/{issue}", read),
    Route("PUT", "/rest/api/{v}/issue/{issue}", edit),
    Route("DELETE", "/rest/api/{v}/issue/{issue}", delete),
    Route("GET", "/rest/api/{v}/issue/{issue}/transitions", transitions),
    Route("POST", "/rest/api/{v}/issue/{issue}/transitions", transition),
    Route("GET", "/rest/api/{v}/issue/{issue}/comment", comments),
    Route("POST", "/rest/api/{v}/issue/{issue}/comment", comment),
    Route("PUT", "/rest/api/{v}/issue/{issue}/comment/{comment}", change_comment),
    Route("GET", "/rest/api/{v}/issue/{issue}/properties", list_properties),
    Route("GET", "/rest/api/{v}/issue/{issue}/properties/{property}", read_property),
    Route("PUT", "/rest/api/{v}/issue/{issue}/properties/{property}", write_property),
]
