"""People who work in Jira, beside whoever uses its API."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from tests.fakes.jira.adf import from_text
from tests.fakes.jira.model import Issue
from tests.fakes.jira.site import Site
from tests.fakes.jira.workflow import Edge


class People:
    """What somebody does in Jira's own pages; whoever `by` names, Ada where nobody does."""

    def __init__(self, site: Site) -> None:
        self._site = site

    def approve(self, key: str, *, by: str | None = None) -> None:
        """Approve what is asked for, as an approver or as anybody who may transition."""
        self._decide(key, "approved", by)

    def decline(self, key: str, *, by: str | None = None) -> None:
        """Decline it."""
        self._decide(key, "declined", by)

    def transition(self, key: str, *targets: str, by: str = "ada") -> None:
        """Take an issue along the workflow to a status, and on to others; hidden transitions serve as well."""
        issue = self._issue(key)
        for target in targets:
            self._site.move_along(issue, self._site.edge(issue, target), by=by)

    def force(self, key: str, status: str, *, by: str = "ada") -> None:
        """Take an issue to a status that no transition leads to from where it is, as an administrator can."""
        issue = self._issue(key)
        self._site.move_along(issue, Edge(id="0", name="Force", sources=(issue.status,), target=status), by=by)

    def implement(self, key: str, *, by: str = "ada") -> None:
        """Take a new change through all approvals to Implementing."""
        self.approve(key, by=by)
        self.transition(key, "Awaiting implementation", "Implementing", by=by)

    def plan(self, key: str, start: datetime | None, end: datetime | None, *, by: str = "ada") -> None:
        """Set the window of a change; None takes an end of it away."""
        fields = {name: at and at.astimezone(UTC) for name, at in (("Planned start", start), ("Planned end", end))}
        self.fill_in(key, fields, by=by)

    def retitle(self, key: str, title: str, *, by: str = "ada") -> None:
        """Give an issue another title."""
        self.fill_in(key, {"Summary": title}, by=by)

    def fill_in(self, key: str, fields: Mapping[str, Any], *, by: str = "ada") -> None:
        """Set fields, by id or name, to what Jira keeps of them: options by word, users by id, instants in UTC."""
        self._site.edit(self._issue(key), {self._site.field(name).id: value for name, value in fields.items()}, by=by)

    def comment(self, key: str, text: str, *, is_public: bool = True, by: str = "ada") -> None:
        """Say something."""
        body = from_text(text) if self._site.flavour.is_cloud else text
        properties = {"sd.public.comment": {"internal": not is_public}}
        self._site.comment(self._issue(key), body, by=by, is_public=is_public, properties=properties)

    def move(self, key: str, project: str, *, by: str = "ada") -> str:
        """Move an issue to another project; gives its new key."""
        issue = self._issue(key)
        self._site.move(issue, self._site.projects[project], by=by)
        return issue.key

    def delete(self, key: str, *, by: str = "ada") -> None:
        """Delete an issue."""
        self._site.delete(self._issue(key), by=by)

    def raise_change(self, project: str, title: str, *, by: str = "ada", **values: Any) -> str:
        """Ask for a change in the portal; gives its key."""
        desk = self._site.projects[project]
        form = desk.request_types[0].id
        filled = {"summary": title, "customfield_10010": form, "reporter": by, **values}
        return self._site.create(desk, next(iter(desk.issue_types)), filled, by=by, request=form).key

    def _decide(self, key: str, decision: str, by: str | None) -> None:
        issue = self._issue(key)
        asked = [one for one in issue.approvals if one.completed is None]
        if not asked:
            raise AssertionError(f"nothing is to be decided about {key}, which is {issue.status}")
        self._site.decide(issue, asked[-1], decision, by=by or next(iter(asked[-1].approvers), "ada"))

    def _issue(self, key: str) -> Issue:
        issue = self._site.issue(key)
        if issue is None:
            raise AssertionError(f"there is no issue {key}")
        return issue
