"""The test of a connection: what is wrong, in words, with what to do; and what was found out about the site.

It goes from the outside in: is it there, is it a Jira of that kind, who are we to it, is there Jira Service Management,
the project, its desk, the request type, the fields, the statuses, and may we do what there is to do. It changes nothing
there.
"""

from datetime import timedelta
from urllib.parse import quote

from mitregate.changes.jira.inquiry import Inquiry, Stopped, get, get_list
from mitregate.changes.jira.surveying import survey_fields, survey_form, survey_permissions, survey_statuses
from mitregate.changes.jira.talk import DESK, GATEWAY, api, ask, complaint, prove, understanding, who_asks
from mitregate.core.connections import Access, Fault, Layout, Report, fold
from mitregate.core.errors import Unsettled
from mitregate.wire.http import Conversation
from mitregate.wire.jira_json import read
from mitregate.wire.jira_site import Desk, Licence, Project, RequestType, Server, read_date

SKEW = timedelta(minutes=5)
"""By how much the clocks may differ before it is said: windows open by ours."""

ABSENT = frozenset({404})
HIDDEN = frozenset({403, 404})


def check(access: Access) -> Conversation[Report]:
    """Inquiry a connection, and find out what there is to know about the site.

    Args:
        access: which Jira, and who asks.

    Returns:
        What is wrong, each in words with advice; whom Jira takes us for; and the layout, if that much was found out.
        Nothing is raised: what goes wrong is what is reported.
    """
    inquiry = Inquiry(access)
    layout: Layout | None = None
    try:
        server = yield from _server(inquiry)
        login = yield from inquiry.need(prove(access), Fault.LOGIN_REFUSED)
        inquiry.user = login.display_name or login.name or login.account_id
        yield from _licence(inquiry)
        project = yield from _project(inquiry)
        layout = yield from _desk(inquiry, server, project)
        layout = yield from survey_fields(inquiry, layout)
        layout = yield from survey_statuses(inquiry, layout)
        yield from survey_form(inquiry, layout)
        yield from survey_permissions(inquiry)
    except Stopped:
        pass  # it is written down why
    return Report(findings=tuple(inquiry.findings), user=inquiry.user, layout=layout)


def _server(inquiry: Inquiry) -> Conversation[Server]:
    access = inquiry.access
    is_gateway = GATEWAY in access.connection.base_url
    # Whoever is there says so to strangers: nothing is shown to what is no Jira.
    path, what = f"{api(access)}/serverInfo", "say what runs there"
    asked = ask(access, "GET", path, what=what, takes=ABSENT, as_stranger=not is_gateway)
    reply = yield from inquiry.need(asked, Fault.LOGIN_REFUSED if is_gateway else Fault.NOT_JIRA)
    other = "Data Center" if access.is_cloud else "Cloud"
    if reply.status == 404:
        message = f"There is no Jira {'Cloud' if access.is_cloud else 'Data Center'} at {access.connection.base_url}."
        advice = f"Check the base URL, with its path if Jira has one, and that it is no Jira {other}."
        raise inquiry.missing(Fault.NOT_JIRA, message, advice)
    try:
        with understanding(access, reply):
            server = read(reply.body, Server)
    except Unsettled as error:
        raise inquiry.missing(Fault.NOT_JIRA, error.message, error.advice()) from None
    if server.is_cloud != access.is_cloud:
        message = f"{access.connection.base_url} is a Jira {'Cloud' if server.is_cloud else 'Data Center'}."
        raise inquiry.missing(Fault.WRONG_KIND, message, "Give the connection that kind.")
    at = read_date(reply)
    if at is not None and abs(at - access.now) > SKEW:
        ahead = "ahead of" if at > access.now else "behind"
        message = f"Its clock is {round(abs(at - access.now).total_seconds() / 60)} minutes {ahead} ours."
        advice = "Let both clocks be set by NTP: windows open by the clock of this server."
        inquiry.find(Fault.CLOCK_SKEWED, message, advice, is_fatal=False)
    return server


def _licence(inquiry: Inquiry) -> Conversation[None]:
    access = inquiry.access
    name = access.connection.name
    reply = yield from inquiry.need(
        get(access, f"{DESK}/info", "say what it is licensed for", HIDDEN), Fault.NOT_LICENSED
    )
    advice = "Install and license Jira Service Management there, or choose the site that has it."
    if reply.status in {403, 404}:
        message = f"{name} has no Jira Service Management: {complaint(access, reply) or f'HTTP {reply.status}.'}"
        raise inquiry.missing(Fault.NOT_LICENSED, message, advice)
    with inquiry.reading(reply):
        licence = read(reply.body, Licence)
    if not licence.is_licensed_for_use:
        raise inquiry.missing(Fault.NOT_LICENSED, f"{name} has no licence for Jira Service Management.", advice)


def _project(inquiry: Inquiry) -> Conversation[Project]:
    access = inquiry.access
    key = access.connection.project
    path = f"{api(access)}/project/{quote(key, safe='')}"
    reply = yield from inquiry.need(get(access, path, "see the project", HIDDEN), Fault.PROJECT_MISSING)
    if reply.status in {403, 404}:
        message = f"{access.connection.name} has no project {key} that {who_asks(access)} may see."
        advice = f"Check the key, and give {who_asks(access)} the permission to browse that project."
        raise inquiry.missing(Fault.PROJECT_MISSING, message, advice)
    with inquiry.reading(reply):
        return read(reply.body, Project)


def _desk(inquiry: Inquiry, server: Server, project: Project) -> Conversation[Layout]:
    """Find the service desk of the project, and the request type there."""
    access, wanted = inquiry.access, inquiry.access.connection.request_type
    desks = yield from inquiry.need(get_list(access, f"{DESK}/servicedesk", Desk, "list the desks"), Fault.DESK_MISSING)
    desk = next((one for one in desks if one.project_key == project.key), None)
    if desk is None:
        message = f"The project {project.key} has no service desk that {who_asks(access)} may use."
        advice = f"Choose a service project, and make {who_asks(access)} an agent or a customer there."
        raise inquiry.missing(Fault.DESK_MISSING, message, advice)
    path = f"{DESK}/servicedesk/{quote(desk.id, safe='')}/requesttype"
    types = yield from inquiry.need(get_list(access, path, RequestType, "list the types"), Fault.REQUEST_TYPE_MISSING)
    fitting = [one for one in types if one.id == wanted] or [one for one in types if fold(one.name) == fold(wanted)]
    if len(fitting) != 1:
        said = ", ".join(f"{one.name!r} ({one.id})" for one in types) or "none"
        many = "several request types" if fitting else "no request type"
        message = f"The service desk of {project.key} has {many} {wanted!r}; there are: {said}."
        raise inquiry.missing(Fault.REQUEST_TYPE_MISSING, message, "Set the request type to the id of one of them.")
    return Layout(
        is_cloud=access.is_cloud,
        version=server.version_numbers,
        site=server.base_url.rstrip("/"),
        project_id=project.id,
        service_desk_id=desk.id,
        request_type_id=fitting[0].id,
        issue_type_id=fitting[0].issue_type_id,
    )
