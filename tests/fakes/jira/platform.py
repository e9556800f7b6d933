"""The platform's API about the site itself: who one is, what it runs, its fields, projects and permissions."""

from typing import Any

from mitregate.wire.http import Reply
from tests.fakes.jira import showing
from tests.fakes.jira.call import Call, Route, show_user
from tests.fakes.jira.clock import rest_time
from tests.fakes.jira.fields import Field
from tests.fakes.jira.refusals import Refusal, shown


def myself(call: Call) -> Reply:
    """Say who asks."""
    user = call.asker
    said = show_user(call.site, user.id)
    return shown(said | {"emailAddress": user.email, "locale": "en_GB", "groups": {"size": 1, "items": []}})


def server_info(call: Call) -> Reply:
    """Say what runs here; strangers are told as well."""
    flavour, site = call.site.flavour, call.site
    number = ".".join(map(str, flavour.version))
    said: dict[str, Any] = {
        "baseUrl": site.url,
        "version": f"{number}-SNAPSHOT" if flavour.is_cloud else number,
        "versionNumbers": list(flavour.version),
        "deploymentType": flavour.deployment,
        "buildNumber": 100304,
        "buildDate": "2026-01-05T00:00:00.000+0000",
        "serverTime": rest_time(site.clock.now(), call.taste.zone),
        "scmInfo": "0f1e2d3c4b5a69788796a5b4c3d2e1f00f1e2d3c",
        "serverTitle": "Jira",
    }
    return shown(said | ({"displayUrl": site.url} if flavour.is_cloud else {}))


def fields(call: Call) -> Reply:
    """List all fields; strangers see none but the system's."""
    kept: list[dict[str, Any]] = [
        {"id": id_, "name": name, "custom": False, "orderable": False, "navigable": True, "searchable": True,
         "clauseNames": [id_], "schema": {"type": id_, "system": id_}}
        for id_, name in showing.SYSTEM.items()
    ]  # fmt: skip
    seen = call.site.fields if call.user else [field for field in call.site.fields if not field.is_custom]
    described = [*kept, *map(_described, seen)]
    return shown([{"key": said["id"], **said} for said in described] if call.site.flavour.is_cloud else described)


def _described(field: Field) -> dict[str, Any]:
    return {
        "id": field.id,
        "name": field.name,
        "custom": field.is_custom,
        "orderable": True,
        "navigable": True,
        "searchable": True,
        "clauseNames": field.clauses,
        "schema": field.schema,
    }


def project(call: Call) -> Reply:
    """Describe a project."""
    found = call.project()
    root = f"{call.site.url}/rest/api/{call.version}"
    types = [
        {"self": f"{root}/issuetype/{id_}", "id": id_, "name": name, "subtask": False, "description": ""}
        for id_, name in found.issue_types.items()
    ]
    kind = "service_desk" if found.desk_id else "software"
    said = {"self": f"{root}/project/{found.id}", "id": found.id, "key": found.key, "name": found.name}
    return shown(said | {"projectTypeKey": kind, "issueTypes": types, "description": ""})


def project_statuses(call: Call) -> Reply:
    """List the statuses of a project's workflows, by issue type."""
    found = call.project()
    root = f"{call.site.url}/rest/api/{call.version}"
    listed = [showing.status(call, status) for status in found.workflow.statuses]
    return shown([
        {"self": f"{root}/issuetype/{id_}", "id": id_, "name": name, "subtask": False, "statuses": listed}
        for id_, name in found.issue_types.items()
    ])  # fmt: skip


def statuses(call: Call) -> Reply:
    """List all statuses that are used in projects that can be seen."""
    seen = [one for key, one in call.site.projects.items() if call.may("BROWSE_PROJECTS", key)]
    listed = {status.id: showing.status(call, status) for one in seen for status in one.workflow.statuses}
    return shown(list(listed.values()))


def permissions(call: Call) -> Reply:
    """Say which permissions who asks has; Cloud demands to be told which are meant."""
    wanted = call.words("permissions")
    if call.site.flavour.is_cloud and not wanted:
        raise Refusal(400, "The 'permissions' query parameter is required.")
    where = call.said("projectKey")
    if where and not call.may("BROWSE_PROJECTS", where):
        raise Refusal(404, f"No project could be found with key '{where}'.")
    has = call.user.may if call.user else set[str]()
    said = {
        key: {"id": str(number), "key": key, "name": key.replace("_", " ").title(), "type": "PROJECT",
              "description": "", "havePermission": key in has}
        for number, key in enumerate(wanted or sorted(has))
    }  # fmt: skip
    return shown({"permissions": said})


ROUTES = [
    Route("GET", "/rest/api/{v}/myself", myself),
    Route("GET", "/rest/api/{v}/serverInfo", server_info),
    Route("GET", "/rest/api/{v}/field", fields),
    Route("GET", "/rest/api/{v}/status", statuses),
    Route("GET", "/rest/api/{v}/mypermissions", permissions),
    Route("GET", "/rest/api/{v}/project/{project}", project),
    Route("GET", "/rest/api/{v}/project/{project}/statuses", project_statuses),
]
