"""A Jira site: what it remembers, and what can happen to its issues, whoever makes it happen."""

import copy
import functools
import threading
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, Concatenate, ParamSpec, TypeVar

from tests.fakes.jira.catalogue import catalogue
from tests.fakes.jira.clock import Clock
from tests.fakes.jira.fields import Field, as_text
from tests.fakes.jira.flavours import Flavour
from tests.fakes.jira.model import Approval, Comment, Event, Issue, Project, RequestType, Step, User
from tests.fakes.jira.workflow import CHANGE_WORKFLOW, DONE, Edge, Status, Workflow

P = ParamSpec("P")
R = TypeVar("R")

SUMMARY_ONLY = ("summary", "description")
CHANGE_FORM = (
    *SUMMARY_ONLY, "customfield_10005", "customfield_10006", "customfield_10007", "customfield_10004",
    "customfield_10003", "customfield_10011", "customfield_10012", "customfield_10043",
    "customfield_10054", "customfield_10055", "customfield_10056", "labels",
)  # fmt: skip


def _alone(method: Callable[Concatenate["Site", P], R]) -> Callable[Concatenate["Site", P], R]:
    @functools.wraps(method)
    def run(site: "Site", /, *args: P.args, **kwargs: P.kwargs) -> R:
        with site.lock:
            return method(site, *args, **kwargs)

    return run


class Site:
    """A site with its people, fields, projects and issues.

    `lag` is how much later a search knows what happened, `approves_standard` is the automation that approves standard
    changes, `bars_reporters` keeps who asked for a change from approving it, `approvers` are asked where a change names
    nobody. `listeners` are told all that happens. Requests come from one thread, what
    people do from another: `lock` keeps them apart.
    """

    def __init__(self, flavour: Flavour, clock: Clock) -> None:
        self.flavour = flavour
        self.clock = clock
        self.url = "https://jira.example.com"
        self.cloud_id = "11223344-a1b2-3b33-c444-def123456789"
        self.fields: list[Field] = catalogue(is_cloud=flavour.is_cloud)
        self.users: dict[str, User] = {}
        self.projects: dict[str, Project] = {}
        self.issues: dict[str, Issue] = {}
        self.indexed_properties: set[str] = set()
        self.is_licensed = True
        self.lag = timedelta()
        self.approves_standard = False
        self.bars_reporters = False
        self.approvers: list[str] = []
        self.lock = threading.RLock()
        self.listeners: list[Callable[[Event], None]] = []
        self._index: dict[str, list[tuple[datetime, Issue | None]]] = {}
        self._last = 10000

    # --- what there is ---

    def add_user(self, id_: str, **said: Any) -> User:
        """Let somebody in; what is not said is made of the id."""
        usual = {"name": id_, "email": f"{id_}@example.com", "display": id_.title(), "pat": f"pat-of-{id_}"}
        self.users[id_] = User(
            id=id_, **(usual | {"token": f"token-of-{id_}", "password": f"password-of-{id_}"} | said)
        )
        return self.users[id_]

    def add_project(self, key: str, *, workflow: Workflow = CHANGE_WORKFLOW, is_desk: bool = True) -> Project:
        """Open a project, with a service desk and its usual request types if it is to have one."""
        number = len(self.projects) + 1
        form = tuple(id_ for id_ in CHANGE_FORM if any(field.id == id_ for field in self.fields))
        types = [
            RequestType(id=f"{number}1", name="Request a change", fields=form),
            RequestType(id=f"{number}2", name="Report a system problem", fields=SUMMARY_ONLY),
        ]
        self.projects[key] = Project(
            id=str(10000 + number),
            key=key,
            name=f"{key} project",
            workflow=workflow,
            desk_id=str(number) if is_desk else None,
            request_types=types if is_desk else [],
            issue_types={"10021": "[System] Change", "10022": "[System] Incident"},
        )
        return self.projects[key]

    def next_id(self) -> str:
        """Count on."""
        self._last += 1
        return str(self._last)

    def field(self, wanted: str) -> Field:
        """Find a field by its id, or the first of its name."""
        return next(field for field in self.fields if wanted in {field.id, field.name})

    def issue(self, wanted: str) -> Issue | None:
        """Find an issue by its id, its key, or a key it had before it was moved."""
        if wanted in self.issues:
            return self.issues[wanted]
        key = wanted.upper()
        return next((issue for issue in self.issues.values() if key in {issue.key, *issue.old_keys}), None)

    def project_of(self, issue: Issue) -> Project:
        """Find the project of an issue."""
        return self.projects[issue.project]

    def status_of(self, issue: Issue) -> Status:
        """Find the status of an issue."""
        return self.project_of(issue).workflow.status(issue.status)

    def indexed(self, *, fresh: Iterable[str] = ()) -> list[Issue]:
        """List the issues as a search knows them now; those with ids in *fresh* as they are."""
        until, known = self.clock.now() - self.lag, list[Issue]()
        for id_, states in self._index.items():
            if id_ in set(fresh):
                known += [self.issues[id_]] if id_ in self.issues else []
            else:
                last = [state for at, state in states if at <= until][-1:]
                known += [state for state in last if state is not None]
        return known

    # --- what can happen ---

    @_alone
    def create(
        self, project: Project, issue_type: str, values: Mapping[str, Any], *, by: str, request: str | None = None,
        properties: Mapping[str, Any] | None = None,
    ) -> Issue:  # fmt: skip
        """Create an issue."""
        now = self.clock.now()
        project.last += 1
        first = project.workflow.statuses[0].name
        issue = Issue(
            id=self.next_id(),
            key=f"{project.key}-{project.last}",
            project=project.key,
            issue_type=issue_type,
            status=first,
            reporter=values.get("reporter") or by,
            created=now,
            updated=now,
            status_since=now,
            values=dict(values),
            properties=dict(properties or {}),
            visited=[(first, now)],
            raised_by_request=request,
        )
        self.issues[issue.id] = issue
        self._ask(issue)
        self._tell(issue, "jira:issue_created", "issue_created", by)
        self._automate(issue)
        return issue

    @_alone
    def edit(self, issue: Issue, values: Mapping[str, Any], *, by: str) -> None:
        """Fill in fields."""
        items = [
            item(field.name if field.is_custom else field.id, field.id, as_text(field, old), as_text(field, value))
            for field, old, value in ((self.field(id_), issue.values.get(id_), value) for id_, value in values.items())
            if old != value
        ]
        issue.values |= values
        issue.reporter = issue.values.get("reporter") or issue.reporter
        self._record(issue, items, "issue_updated" if len(items) > 1 else "issue_generic", by)

    @_alone
    def move_along(self, issue: Issue, edge: Edge, *, by: str, values: Mapping[str, Any] | None = None) -> None:
        """Transition an issue."""
        workflow, now = self.project_of(issue).workflow, self.clock.now()
        old, new = workflow.status(issue.status), workflow.status(edge.target)
        issue.values |= values or {}
        issue.status, issue.status_since = new.name, now
        issue.visited.append((new.name, now))
        items = [item("status", "status", old.name, new.name, old.id, new.id)]
        if (new.category is DONE) != (issue.resolved is not None):
            issue.resolved = now if new.category is DONE else None
            items.append(item("resolution", "resolution", *(("", "Done") if issue.resolved else ("Done", ""))))
        self._ask(issue)
        self._record(issue, items, "issue_generic", by)

    @_alone
    def comment(
        self, issue: Issue, body: Any, *, by: str, is_public: bool = True, properties: Mapping[str, Any] | None = None
    ) -> Comment:
        """Comment on an issue."""
        now = self.clock.now()
        said = Comment(
            id=self.next_id(),
            author=by,
            body=body,
            is_public=is_public,
            properties=dict(properties or {}),
            created=now,
            updated=now,
        )
        issue.comments.append(said)
        self._tell(issue, "jira:issue_updated", "issue_commented", by, comment=said)
        self._tell(issue, "comment_created", "issue_commented", by, comment=said)
        return said

    @_alone
    def decide(self, issue: Issue, approval: Approval, decision: str, *, by: str) -> None:
        """Answer an approval; the first answer decides, and the issue goes where that leads."""
        now, workflow = self.clock.now(), self.project_of(issue).workflow
        approval.decisions[by] = approval.outcome = decision
        approval.completed = now
        vote = workflow.votes[approval.status]
        target = vote.approved if decision == "approved" else vote.declined
        self.move_along(issue, self.edge(issue, target), by=by)

    def edge(self, issue: Issue, target: str) -> Edge:
        """Find the transition that leads from where an issue is to *target*, hidden or not."""
        edges = self.project_of(issue).workflow.edges_from(issue.status)
        return next(edge for edge in edges if edge.target == target)

    @_alone
    def move(self, issue: Issue, project: Project, *, by: str) -> None:
        """Move an issue to another project, where it gets another key and keeps its status if there is such a one."""
        old_key, old_project = issue.key, issue.project
        project.last += 1
        issue.old_keys.append(old_key)
        issue.key, issue.project = f"{project.key}-{project.last}", project.key
        items = [item("Key", "issuekey", old_key, issue.key), item("project", "project", old_project, project.key)]
        if all(status.name != issue.status for status in project.workflow.statuses):
            items.append(item("status", "status", issue.status, project.workflow.statuses[0].name))
            issue.status = project.workflow.statuses[0].name
        self._record(issue, items, "issue_moved", by)

    @_alone
    def delete(self, issue: Issue, *, by: str) -> None:
        """Delete an issue."""
        del self.issues[issue.id]
        self._tell(issue, "jira:issue_deleted", "issue_deleted", by)

    @_alone
    def set_property(self, issue: Issue, key: str, value: Any) -> None:
        """Keep a property with an issue, or forget it with None; nobody is told, and `updated` stays."""
        issue.properties.pop(key, None)
        if value is not None:
            issue.properties[key] = value
        self._index[issue.id].append((self.clock.now(), copy.deepcopy(issue)))

    # --- what follows ---

    def _ask(self, issue: Issue) -> None:
        for approval in issue.approvals:
            if approval.outcome == "pending":
                approval.completed = approval.completed or self.clock.now()
        if issue.status in self.project_of(issue).workflow.votes:
            approvers = list(issue.values.get("customfield_10003") or self.approvers)
            asked = Approval(id=self.next_id(), status=issue.status, approvers=approvers, created=self.clock.now())
            issue.approvals.append(asked)

    def _automate(self, issue: Issue) -> None:
        if self.approves_standard and issue.values.get("customfield_10005") == "Standard":
            vote = self.project_of(issue).workflow.votes[issue.status]
            self.move_along(issue, self.edge(issue, vote.approved), by="automation")

    def _record(self, issue: Issue, items: list[dict[str, Any]], type_name: str, by: str) -> None:
        step = Step(id=self.next_id(), author=by, created=self.clock.now(), items=items)
        if items:
            issue.history.append(step)
        self._tell(issue, "jira:issue_updated", type_name, by, step=step)

    def _tell(
        self, issue: Issue, kind: str, type_name: str, by: str, *, step: Step | None = None,
        comment: Comment | None = None,
    ) -> None:  # fmt: skip
        now = self.clock.now()
        issue.updated = now
        state = copy.deepcopy(issue)
        is_gone = issue.id not in self.issues
        self._index.setdefault(issue.id, []).append((now, None if is_gone else state))
        event = Event(kind=kind, type_name=type_name, at=now, issue=state, by=by, step=step, comment=comment)
        for listener in self.listeners:
            listener(event)


def item(name: str, id_: str, was: str, is_: str, *ids: str) -> dict[str, Any]:
    """Describe one change as histories and webhooks do."""
    kind = "custom" if id_.startswith("customfield_") else "jira"
    was_id, is_id = ids or (None, None)
    old, new = {"from": was_id, "fromString": was or None}, {"to": is_id, "toString": is_ or None}
    return {"field": name, "fieldtype": kind, "fieldId": id_, **old, **new}
