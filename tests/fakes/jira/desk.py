"""The service desk's API: desks, request types, requests, their statuses and transitions."""

from collections.abc import Sequence
from typing import Any

from mitregate.wire.http import Reply
from tests.fakes.jira import showing
from tests.fakes.jira.call import Call, Route
from tests.fakes.jira.clock import desk_time
from tests.fakes.jira.fields import Field, as_text, show
from tests.fakes.jira.issues import taken
from tests.fakes.jira.model import Comment, Issue, Project, RequestType
from tests.fakes.jira.refusals import Refusal, done, shown

ROOT = "/rest/servicedeskapi"
NOT_CREATED = "Your request could not be created. Please check the fields have been filled in correctly."


def info(call: Call) -> Reply:
    """Say which version of Jira Service Management it is, and whether it may be used."""
    number = ".".join(map(str, call.site.flavour.version))
    return shown({
        "version": number,
        "platformVersion": number,
        "buildDate": desk_time(call.site.clock.now(), "UTC"),
        "buildChangeSet": "0f1e2d3c4b5a",
        "isLicensedForUse": call.site.is_licensed,
        "_links": {"self": f"{call.site.url}{ROOT}/info"},
    })  # fmt: skip


def paged(call: Call, values: Sequence[Any], most: int = 50) -> Reply:
    """Show a page of a list, as the service desk does."""
    start, limit = call.number("start", 0), min(call.number("limit", most), 100)
    page = list(values[start : start + limit])
    where = f"{call.site.url}{call.path}"
    links = {"base": call.site.url, "context": "", "self": f"{where}?start={start}&limit={limit}"}
    is_last = start + limit >= len(values)
    if not is_last:
        links["next"] = f"{where}?start={start + limit}&limit={limit}"
    said = {"size": len(page), "start": start, "limit": limit, "isLastPage": is_last, "_links": links}
    return shown({"_expands": [], **said, "values": page})


# --- desks and what can be asked there ---


def desks(call: Call) -> Reply:
    """List the service desks that can be seen."""
    call.asker  # noqa: B018 - strangers are refused
    seen = [one for key, one in call.site.projects.items() if one.desk_id and call.may("BROWSE_PROJECTS", key)]
    return paged(call, [_desk(call, one) for one in seen])


def desk(call: Call) -> Reply:
    """Describe a service desk."""
    return shown(_desk(call, _project(call, call.parts["desk"])))


def _desk(call: Call, project: Project) -> dict[str, Any]:
    said = {"id": project.desk_id, "projectId": project.id, "projectName": project.name, "projectKey": project.key}
    return said | {"_links": {"self": f"{call.site.url}{ROOT}/servicedesk/{project.desk_id}"}}


def _project(call: Call, wanted: str) -> Project:
    for key, project in call.site.projects.items():
        if project.desk_id and wanted in {project.desk_id, key} and call.may("BROWSE_PROJECTS", key):
            return project
    raise Refusal(404, "The Service Desk you are trying to view does not exist.")


def request_types(call: Call) -> Reply:
    """List what can be asked for at a desk."""
    project = _project(call, call.parts["desk"])
    sought = call.said("searchQuery").lower()
    return paged(call, [_type(call, project, one) for one in project.request_types if sought in one.name.lower()])


def request_type(call: Call) -> Reply:
    """Describe what can be asked for."""
    project = _project(call, call.parts["desk"])
    return shown(_type(call, project, _type_of(project, call.parts["type"])))


def _type_of(project: Project, wanted: str) -> RequestType:
    for one in project.request_types:
        if one.id == wanted:
            return one
    raise Refusal(404, "The request type you are trying to view does not exist.")


def _type(call: Call, project: Project, one: RequestType) -> dict[str, Any]:
    return {
        "_expands": ["field"],
        "id": one.id,
        "name": one.name,
        "description": "",
        "helpText": "",
        "issueTypeId": next(iter(project.issue_types)),
        "serviceDeskId": project.desk_id,
        "portalId": project.desk_id,
        "groupIds": ["1"],
        "_links": {"self": f"{call.site.url}{ROOT}/servicedesk/{project.desk_id}/requesttype/{one.id}"},
    }


def request_fields(call: Call) -> Reply:
    """List the fields of a request's form."""
    one = _type_of(_project(call, call.parts["desk"]), call.parts["type"])
    listed = [_form_field(call.site.field(id_), is_required=id_ in one.required) for id_ in one.fields]
    return shown({"requestTypeFields": listed, "canRaiseOnBehalfOf": True, "canAddRequestParticipants": True})


def _form_field(field: Field, *, is_required: bool) -> dict[str, Any]:
    # The choices of services are never told (JSDCLOUD-15551).
    options = [{"value": option, "label": option, "children": []} for option in field.options]
    said = {"fieldId": field.id, "name": field.name, "description": "", "required": is_required}
    kept: dict[str, Any] = {"defaultValues": [], "validValues": options, "presetValues": [], "visible": True}
    return said | kept | {"jiraSchema": field.schema}


# --- requests ---


def create(call: Call) -> Reply:
    """Ask for something."""
    body = call.body
    missing = [name for name in ("serviceDeskId", "requestTypeId") if not body.get(name)]
    if missing:
        raise Refusal(400, f"{missing[0]} must be specified")
    project = _project(call, str(body["serviceDeskId"]))
    wanted = [one for one in project.request_types if one.id == str(body["requestTypeId"])]
    if not wanted:
        raise Refusal(400, "The request type you are trying to use does not exist on this service desk.")
    reporter = call.asker.id
    if behalf := body.get("raiseOnBehalfOf"):
        found = call.find_user({"accountId": behalf, "name": behalf})
        if found is None:
            raise Refusal(400, f"The user '{behalf}' does not exist.")
        reporter = found
    values = _filled(call, wanted[0], body)
    values |= {"reporter": reporter, "customfield_10010": wanted[0].id}
    kind = next(iter(project.issue_types))
    issue = call.site.create(project, kind, values, by=reporter, request=wanted[0].id)
    return shown(_request(call, issue), 201)


def _filled(call: Call, form: RequestType, body: dict[str, Any]) -> dict[str, Any]:
    given = body.get("requestFieldValues") or {}
    errors = {name: "Field is required." for name in form.required if not given.get(name)}
    errors |= {name: f"Field '{name}' is not valid for this request type." for name in given if name not in form.fields}
    if errors:
        raise _not_created(errors)
    is_document = bool(body.get("isAdfRequest"))
    rich = {field.id for field in call.site.fields if field.kind == "document"}
    # Rich text is a document only where the request says so, whatever the version of the platform's API.
    parts = {**call.parts, "v": "3" if is_document and call.site.flavour.is_cloud else "2"}
    reading = _with_parts(call, parts)
    try:
        texts = taken(reading, {name: value for name, value in given.items() if name in rich})
        return texts | taken(call, {name: value for name, value in given.items() if name not in rich})
    except Refusal as refusal:
        raise _not_created(refusal.errors or {"description": " ".join(refusal.messages)}) from None


def _with_parts(call: Call, parts: dict[str, str]) -> Call:
    return Call(
        site=call.site,
        user=call.user,
        method=call.method,
        path=call.path,
        parts=parts,
        query=call.query,
        headers=call.headers,
        raw=call.raw,
    )


def _not_created(errors: dict[str, str]) -> Refusal:
    return Refusal(400, NOT_CREATED, errors=errors)


def read(call: Call) -> Reply:
    """Show a request."""
    return shown(_request(call, asked(call)))


def asked(call: Call) -> Issue:
    """Find the request that the path names."""
    call.asker  # noqa: B018 - strangers are refused
    issue = call.site.issue(call.parts["issue"])
    if issue is None or issue.raised_by_request is None or not call.may("BROWSE_PROJECTS", issue.project):
        raise Refusal(404, "The issue no longer exists, or you do not have permission to view it.")
    return issue


def _request(call: Call, issue: Issue) -> dict[str, Any]:
    site, project = call.site, call.site.project_of(issue)
    filled = [field for field in site.fields if field.id in issue.values and field.kind not in {"user", "request type"}]
    web = f"{site.url}/servicedesk/customer/portal/{project.desk_id}/{issue.key}"
    where = f"{site.url}{ROOT}/request/{issue.id}"
    return {
        "_expands": ["participant", "status", "sla", "requestType", "serviceDesk", "attachment", "action", "comment"],
        "issueId": issue.id,
        "issueKey": issue.key,
        "summary": issue.values["summary"],
        "requestTypeId": issue.raised_by_request,
        "serviceDeskId": project.desk_id,
        "createdDate": desk_time(issue.created, call.taste.zone),
        "reporter": showing.site_user(call, issue.reporter),
        "requestFieldValues": [
            {"fieldId": field.id, "label": field.name, "value": _plain(call, field, issue.values[field.id])}
            for field in filled
        ],
        "currentStatus": _status(call, issue, issue.status, issue.visited[-1][1]),
        "_links": {
            "self": where,
            "web": web,
            "jiraRest": f"{site.url}/rest/api/2/issue/{issue.id}",
            "agent": f"{site.url}/browse/{issue.key}",
        },
    }


def _plain(call: Call, field: Field, value: Any) -> Any:
    return as_text(field, value) if field.kind == "document" else show(field, value, call.taste)


def _status(call: Call, issue: Issue, name: str, since: Any) -> dict[str, Any]:
    category = {"new": "NEW", "indeterminate": "INDETERMINATE", "done": "DONE"}
    known = {status.name: category[status.category.key] for status in call.site.project_of(issue).workflow.statuses}
    said = {"status": name, "statusCategory": known.get(name, "UNDEFINED")}
    return said | {"statusDate": desk_time(since, call.taste.zone)}


def statuses(call: Call) -> Reply:
    """List the statuses that a request was in, the last one first."""
    issue = asked(call)
    return paged(call, [_status(call, issue, name, since) for name, since in reversed(issue.visited)])


def transitions(call: Call) -> Reply:
    """List the transitions that those who ask can make."""
    issue = asked(call)
    return paged(call, [{"id": edge.id, "name": edge.name} for edge in _for_customers(call, issue)])


def _for_customers(call: Call, issue: Issue) -> list[Any]:
    return [edge for edge in call.site.project_of(issue).workflow.edges_from(issue.status) if edge.is_for_customers]


def transition(call: Call) -> Reply:
    """Make one of those transitions."""
    issue, body = asked(call), call.body
    edge = next((one for one in _for_customers(call, issue) if one.id == str(body.get("id"))), None)
    if edge is None:
        raise Refusal(400, "The transition you are trying to perform is not available for this request.")
    if said := (body.get("additionalComment") or {}).get("body"):
        say(call, issue, said, is_public=True)
    call.site.move_along(issue, edge, by=call.asker.id)
    return done()


def say(call: Call, issue: Issue, said: str, *, is_public: bool) -> Comment:
    """Comment on a request."""
    properties = {"sd.public.comment": {"internal": not is_public}}
    body = taken(call, {"description": said})["description"]
    return call.site.comment(issue, body, by=call.asker.id, is_public=is_public, properties=properties)


ROUTES = [
    Route("GET", f"{ROOT}/info", info),
    Route("GET", f"{ROOT}/servicedesk", desks),
    Route("GET", f"{ROOT}/servicedesk/{{desk}}", desk),
    Route("GET", f"{ROOT}/servicedesk/{{desk}}/requesttype", request_types),
    Route("GET", f"{ROOT}/servicedesk/{{desk}}/requesttype/{{type}}", request_type),
    Route("GET", f"{ROOT}/servicedesk/{{desk}}/requesttype/{{type}}/field", request_fields),
    Route("POST", f"{ROOT}/request", create),
    Route("GET", f"{ROOT}/request/{{issue}}", read),
    Route("GET", f"{ROOT}/request/{{issue}}/status", statuses),
    Route("GET", f"{ROOT}/request/{{issue}}/transition", transitions),
    Route("POST", f"{ROOT}/request/{{issue}}/transition", transition),
]
