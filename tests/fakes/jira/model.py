"""What Jira remembers: people, projects, issues, and what happened to them."""

from datetime import datetime
from typing import Any

from msgspec import Struct, field

from tests.fakes.jira.workflow import Workflow

_IN_PROJECTS = ("BROWSE_PROJECTS", "CREATE_ISSUES", "EDIT_ISSUES", "TRANSITION_ISSUES", "LINK_ISSUES")
EVERYTHING = frozenset([*_IN_PROJECTS, "ADD_COMMENTS", "DELETE_ISSUES"])
"""What an agent may do in a project; `ADMINISTER` is for webhooks."""


class User(Struct, kw_only=True):
    """A person or a service account, with the secrets that prove it.

    `scopes` bind the token to what they say, and to the gateway; None is a classic token. `is_agent`: has a licence for
    Jira Service Management. `hidden_projects` cannot be seen.
    """

    id: str
    name: str
    email: str
    display: str
    zone: str = "UTC"
    token: str = ""
    pat: str = ""
    password: str = ""
    scopes: frozenset[str] | None = None
    may: set[str] = field(default_factory=lambda: set(EVERYTHING))
    hidden_projects: set[str] = field(default_factory=set)
    is_agent: bool = True
    is_active: bool = True
    needs_captcha: bool = False


class RequestType(Struct, kw_only=True):
    """What can be asked for through a service desk; `fields` are shown in its form, `required` must be filled in."""

    id: str
    name: str
    fields: tuple[str, ...]
    required: tuple[str, ...] = ("summary",)


class Project(Struct, kw_only=True):
    """A project; without a `desk_id` it is no service project."""

    id: str
    key: str
    name: str
    workflow: Workflow
    desk_id: str | None
    request_types: list[RequestType]
    issue_types: dict[str, str]
    last: int = 0


class Comment(Struct, kw_only=True):
    """A comment; `body` is a document on Cloud and text on Data Center."""

    id: str
    author: str
    body: Any
    is_public: bool
    properties: dict[str, Any]
    created: datetime
    updated: datetime


class Approval(Struct, kw_only=True):
    """A question to approvers, asked when an issue came to `status`."""

    id: str
    status: str
    approvers: list[str]
    created: datetime
    decisions: dict[str, str] = field(default_factory=dict)
    outcome: str = "pending"
    completed: datetime | None = None


class Step(Struct, kw_only=True):
    """One set of changes to an issue, as its history tells it."""

    id: str
    author: str
    created: datetime
    items: list[dict[str, Any]]


class Issue(Struct, kw_only=True):
    """An issue.

    `old_keys` are those it had in other projects, `values` the fields that people fill in, by id, and `links` those
    that lead out of Jira.
    """

    id: str
    key: str
    project: str
    issue_type: str
    status: str
    reporter: str
    created: datetime
    updated: datetime
    status_since: datetime
    values: dict[str, Any]
    old_keys: list[str] = field(default_factory=list)
    comments: list[Comment] = field(default_factory=list)
    approvals: list[Approval] = field(default_factory=list)
    properties: dict[str, Any] = field(default_factory=dict)
    links: dict[str, dict[str, Any]] = field(default_factory=dict)
    history: list[Step] = field(default_factory=list)
    visited: list[tuple[str, datetime]] = field(default_factory=list)
    resolved: datetime | None = None
    raised_by_request: str | None = None


class Event(Struct, frozen=True, kw_only=True):
    """What webhooks tell about; `issue` is as it was just after, or just before it was deleted."""

    kind: str
    type_name: str
    at: datetime
    issue: Issue
    by: str
    step: Step | None = None
    comment: Comment | None = None
