"""The test of a connection to a Jira: what it finds wrong, in which words, and what it finds out."""

from collections.abc import Callable
from datetime import timedelta
from email.utils import format_datetime

import pytest
from msgspec.structs import replace

from mitregate.changes.jira.checking import check
from mitregate.core.changes import StatusClass
from mitregate.core.connections import Fault, Kind, Report, Role
from tests.changes.jira_situations import FLAVOURS, Scene, between
from tests.fakes.jira import faults
from tests.fakes.jira.faults import Fault as Trouble
from tests.fakes.jira.flavours import CLOUD, DATA_CENTER_9, DATA_CENTER_11
from tests.fakes.jira.workflow import CHANGE_WORKFLOW


def report_of(scene: Scene) -> Report:
    """Test a connection."""
    return scene.jira.converse(check(scene.access))


@pytest.mark.parametrize("name", FLAVOURS)
def test_a_new_site_needs_nothing(name: str) -> None:
    """With a new IT service project there is nothing to find fault with, and all is found out."""
    scene = Scene(FLAVOURS[name])
    report = report_of(scene)
    assert (report.findings, report.user, report.is_usable) == ((), "Gate", True)
    layout = report.layout
    assert layout is not None
    assert (layout.is_cloud, layout.version) == (name == "cloud", FLAVOURS[name].version)
    assert (layout.project_id, layout.service_desk_id, layout.request_type_id) == ("10001", "1", "11")
    assert (layout.issue_type_id, layout.site) == ("10021", "https://jira.example.com")
    assert layout.fields[Role.PLANNED_START] == "customfield_10011"
    assert set(Role) - layout.fields.keys() == (set() if name == "cloud" else {Role.SERVICES})
    classes = {status.name: status.meaning.status_class for status in layout.statuses}
    assert classes["Implementing"] is StatusClass.PROCEED
    assert classes["Awaiting CAB approval"] is StatusClass.WAIT
    assert classes["Closed"] is StatusClass.STOP


def test_it_changes_nothing() -> None:
    """A test only reads, and shows its credentials only once it is known that a Jira is there."""
    scene = Scene()
    report_of(scene)
    assert {seen.method for seen in scene.jira.log} == {"GET"}
    assert ["authorization" in seen.headers for seen in scene.jira.log[:2]] == [False, True]


# --- what lets nothing work ---


def token_is_wrong(scene: Scene) -> None:
    """Somebody revoked the token."""
    scene.secret = "wrong"


def is_unlicensed(scene: Scene) -> None:
    """The licence has ended."""
    scene.jira.site.is_licensed = False


def project_is_hidden(scene: Scene) -> None:
    """The service account may not browse the project."""
    scene.jira.gate.hidden_projects.add("ITSM")


def project_has_no_desk(scene: Scene) -> None:
    """It is a software project."""
    scene.jira.site.add_project("CODE", is_desk=False)
    scene.set(project="CODE")


def request_type_is_gone(scene: Scene) -> None:
    """Somebody gave the request type another name."""
    del scene.jira.site.projects["ITSM"].request_types[0]


def start_is_ambiguous(scene: Scene) -> None:
    """Another app brought a field of the same name."""
    site = scene.jira.site
    site.fields.append(replace(site.field("Planned start"), id="customfield_20001"))


def pin_is_wrong(scene: Scene) -> None:
    """The pinned field was deleted."""
    scene.set(pins={Role.PLANNED_START: "customfield_99999"})


def form_demands_more(scene: Scene) -> None:
    """An admin made a field required."""
    scene.jira.site.projects["ITSM"].request_types[0].required = ("summary", "customfield_10007")


def allow_status_is_gone(scene: Scene) -> None:
    """The workflow has no status that lets a deployment proceed."""
    scene.jira.site.projects["ITSM"].workflow = CHANGE_WORKFLOW.renamed({"Implementing": "Doing it"})


def may_not_create(scene: Scene) -> None:
    """The permission scheme changed."""
    scene.jira.gate.may.discard("CREATE_ISSUES")


def is_down(scene: Scene) -> None:
    """Nobody answers."""
    scene.jira.faults.is_down = True


def is_behind_single_sign_on(scene: Scene) -> None:
    """A single sign-on stands before it."""
    scene.jira.faults.always(faults.redirects("https://sso.example.com/"))


def path_is_wrong(scene: Scene) -> None:
    """The path below which Jira lives was left out."""
    scene.jira.context = "/jira"


FATAL: dict[Callable[[Scene], None], tuple[Fault, str, str]] = {
    is_down: (Fault.UNREACHABLE, "did not answer", "address is right"),
    is_behind_single_sign_on: (Fault.NOT_JIRA, "redirects are not followed", "base URL"),
    path_is_wrong: (Fault.NOT_JIRA, "There is no Jira", "with its path"),
    token_is_wrong: (Fault.LOGIN_REFUSED, "refuses the login", "token"),
    is_unlicensed: (Fault.NOT_LICENSED, "Jira Service Management", "license"),
    project_is_hidden: (Fault.PROJECT_MISSING, "no project ITSM", "permission to browse"),
    project_has_no_desk: (Fault.DESK_MISSING, "CODE has no service desk", "service project"),
    request_type_is_gone: (Fault.REQUEST_TYPE_MISSING, "no request type 'Request a change'", "the id of one of them"),
    start_is_ambiguous: (Fault.FIELD_AMBIGUOUS, "customfield_10011, customfield_20001", "Pin one of them"),
    pin_is_wrong: (Fault.FIELD_MISSING, "customfield_99999", "Pin the id"),
    form_demands_more: (Fault.FIELD_DEMANDED, "'Change reason'", "optional"),
    allow_status_is_gone: (Fault.STATUS_MISSING, "'Implementing' is not there", "'Doing it'"),
    may_not_create: (Fault.PERMISSION_MISSING, "lacks CREATE_ISSUES", "permission scheme"),
}


@pytest.mark.parametrize("when", FATAL)
@pytest.mark.parametrize("name", ["cloud", "dc9", "dc11"])
def test_what_lets_nothing_work_is_said(name: str, when: Callable[[Scene], None]) -> None:
    """What lets nothing work is found, with what is wrong and what to do about it."""
    scene = Scene(FLAVOURS[name])
    when(scene)
    report = report_of(scene)
    fault, message, advice = FATAL[when]
    (found,) = [finding for finding in report.findings if finding.is_fatal]
    assert found.fault is fault
    assert message in found.message
    assert advice in found.advice
    assert not report.is_usable


# --- what works, with a warning ---


def status_is_unknown(scene: Scene) -> None:
    """An admin added a status of their own."""
    scene.jira.site.projects["ITSM"].workflow = CHANGE_WORKFLOW.renamed({"Pending": "Parked"})


def prevent_status_is_unknown(scene: Scene) -> None:
    """The prevent status is spelled as in another workflow."""
    scene.set(prevent_status="Rejected")


def risk_is_gone(scene: Scene) -> None:
    """There is no field for the risk."""
    site = scene.jira.site
    field, form = site.field("Change risk"), site.projects["ITSM"].request_types[0]
    site.fields.remove(field)
    form.fields = tuple(id_ for id_ in form.fields if id_ != field.id)


def may_not_comment(scene: Scene) -> None:
    """Comments are not permitted."""
    scene.jira.gate.may.discard("ADD_COMMENTS")


def moves_changes(scene: Scene) -> None:
    """Changes are to be moved, and the workflow has nothing for failures."""
    scene.set(transitions=True)


WARNED: dict[Callable[[Scene], None], tuple[Fault, str, str]] = {
    status_is_unknown: (Fault.STATUS_UNKNOWN, "'Parked'", "wait, proceed or stop"),
    prevent_status_is_unknown: (Fault.STATUS_MISSING, "'Rejected'", "declined"),
    risk_is_gone: (Fault.FIELD_MISSING, "No field is risk", "pin its id"),
    may_not_comment: (Fault.PERMISSION_MISSING, "lacks ADD_COMMENTS", "permission scheme"),
    moves_changes: (Fault.TRANSITION_MISSING, "'Failed'", "stay where they are"),
}


@pytest.mark.parametrize("when", WARNED)
def test_what_works_half_is_a_warning(when: Callable[[Scene], None]) -> None:
    """What merely works less well is said, and the connection can be used."""
    scene = Scene()
    when(scene)
    report = report_of(scene)
    fault, message, advice = WARNED[when]
    (found,) = report.findings
    assert (found.fault, found.is_fatal) == (fault, False)
    assert message in found.message
    assert advice in found.advice
    assert report.is_usable


def test_a_choice_settles_what_is_ambiguous() -> None:
    """A pinned field is the one, whatever others are called."""
    scene = Scene()
    start_is_ambiguous(scene)
    scene.set(pins={Role.PLANNED_START: "customfield_20001"})
    report = report_of(scene)
    assert report.findings == ()
    assert report.layout is not None
    assert report.layout.fields[Role.PLANNED_START] == "customfield_20001"


def test_a_mapped_status_is_known() -> None:
    """Once a status of one's own is mapped nothing is said of it."""
    scene = Scene(statuses={"parked": StatusClass.WAIT})
    status_is_unknown(scene)
    assert report_of(scene).findings == ()


@pytest.mark.parametrize(("flavour", "kind"), [(CLOUD, Kind.DATA_CENTER), (DATA_CENTER_9, Kind.CLOUD)])
def test_the_wrong_kind_is_noticed(flavour: object, kind: Kind) -> None:
    """Cloud taken for Data Center is told apart, and the other way round."""
    scene = Scene(CLOUD if kind is Kind.DATA_CENTER else DATA_CENTER_9, kind=kind)
    (found,) = report_of(scene).findings
    assert found.fault is (Fault.WRONG_KIND if kind is Kind.DATA_CENTER else Fault.NOT_JIRA)
    assert "Cloud" in found.message + found.advice


def test_clocks_that_differ_are_noticed() -> None:
    """A site whose clock is wrong by minutes is usable, and told of."""
    scene = Scene()
    at = scene.access.now + timedelta(minutes=12)
    date = {"date": format_datetime(at, usegmt=True)}
    told = between(check(scene.access), hears=lambda reply: replace(reply, headers={**reply.headers, **date}))
    report = scene.jira.converse(told)
    (found,) = report.findings
    assert (found.fault, found.is_fatal) == (Fault.CLOCK_SKEWED, False)
    assert "12 minutes ahead of ours" in found.message


def test_scoped_tokens_go_through_the_gateway() -> None:
    """A scoped token works through the gateway, and people see the site where it is."""
    scene = Scene(base_url="https://api.atlassian.com/ex/jira/11223344-a1b2-3b33-c444-def123456789")
    needed = "read:jira-work write:jira-work read:jira-user read:servicedesk-request write:servicedesk-request"
    scene.jira.gate.scopes = frozenset(needed.split())
    report = report_of(scene)
    assert report.findings == ()
    assert report.layout is not None
    assert report.layout.site == "https://jira.example.com"
    scene.jira.gate.scopes = frozenset(["read:jira-work"])
    (found,) = report_of(scene).findings
    assert found.fault is Fault.LOGIN_REFUSED
    assert "write:servicedesk-request" in found.advice


def test_passwords_are_explained_on_data_center() -> None:
    """Where passwords are turned off, or a captcha stands in the way, that is what is said."""
    scene = Scene(DATA_CENTER_11, user="gate")
    scene.secret = scene.jira.gate.password
    (found,) = report_of(scene).findings
    assert "personal access token" in found.advice
    scene = Scene(DATA_CENTER_9, user="gate")
    scene.secret = scene.jira.gate.password
    assert report_of(scene).findings == ()
    scene.jira.gate.needs_captcha = True
    (found,) = report_of(scene).findings
    assert "captcha" in found.advice


def test_long_lists_are_read_to_their_end() -> None:
    """The desk and the request type are found on whichever page they are."""
    scene = Scene()
    for number in range(60):
        scene.jira.site.add_project(f"P{number}")
    scene.set(project="P59")
    report = report_of(scene)
    assert report.findings == ()
    assert report.layout is not None
    assert report.layout.service_desk_id == "61"


def test_trouble_on_the_way_is_no_verdict_on_the_site() -> None:
    """What breaks off in the middle is found as such, and what was found before is kept."""
    scene = Scene()
    scene.jira.faults.always(Trouble().only("GET", "/statuses"))
    report = report_of(scene)
    assert [finding.fault for finding in report.findings] == [Fault.UNREACHABLE]
    assert report.user == "Gate"
