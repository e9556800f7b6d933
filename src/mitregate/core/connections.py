"""Connections: a customer's own Jira Service Management as the place where changes live.

A connection says where that Jira is, which project and request type change requests belong to, and what the statuses of
its workflow mean. What differs from site to site (ids of fields, of the service desk, of the request type) is not
configured but found out: that is its layout. Secrets are no part of it; they are handed to each conversation.

Sources: domain.md §4;
https://support.atlassian.com/jira-service-management-cloud/docs/set-up-deployment-gating/.
"""

import re
from base64 import b64encode
from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from urllib.parse import urlsplit

from msgspec import Struct
from typing_extensions import override

from mitregate.core.changes import CLASS_OF, Status, StatusClass
from mitregate.core.errors import Malformed

REQUEST_TYPE = "Request a change"
"""The request type of a new service project by which changes are asked for."""

URL_ADVICE = (
    "Write it with its protocol, such as https://example.atlassian.net or https://jira.example.com/jira; for a scoped "
    "token https://api.atlassian.com/ex/jira/ and the cloud id."
)

PROJECT_KEY = re.compile(r"[A-Z][A-Z0-9_]{1,254}", re.ASCII)
ISSUE_KEY = re.compile(r"[A-Z][A-Z0-9_]{1,254}-[1-9][0-9]{0,17}", re.ASCII)
"""A key of an issue, in upper case."""


class Kind(StrEnum):
    """Which kind of Jira it is."""

    CLOUD = "jira_cloud"
    DATA_CENTER = "jira_dc"


class Remarks(StrEnum):
    """Whether Mitregate comments on changes, and who can read that."""

    OFF = "off"
    INTERNAL = "internal"
    PUBLIC = "public"


class Role(StrEnum):
    """What a field is to us, whatever its id and name."""

    PLANNED_START = "planned_start"
    PLANNED_END = "planned_end"
    CHANGE_TYPE = "change_type"
    RISK = "risk"
    SERVICES = "services"
    APPROVERS = "approvers"
    IMPLEMENTATION_PLAN = "implementation_plan"
    BACKOUT_PLAN = "backout_plan"
    TEST_PLAN = "test_plan"
    REQUEST_TYPE = "request_type"


class Known(StrEnum):
    """Why a status means what it means: it is set, it is one of Jira's own, or nobody knows it."""

    MAPPED = "mapped"
    DEFAULT = "default"
    UNKNOWN = "unknown"


class Meaning(Struct, frozen=True, kw_only=True):
    """What a status means for a gate, and why."""

    status_class: StatusClass
    known: Known


class StatusFound(Struct, frozen=True, kw_only=True):
    """A status of the project's workflow; `category` is Jira's: new, indeterminate or done."""

    name: str
    category: str
    meaning: Meaning


class Layout(Struct, frozen=True, kw_only=True):
    """What was found out about a Jira.

    `site` is where people see it, which differs from where scoped tokens go. `issue_type_id` is the type of the issues
    that the request type makes. `fields` are ids by role, `ambiguities` the ids between which nobody has chosen.
    """

    is_cloud: bool
    version: tuple[int, ...]
    site: str
    project_id: str
    service_desk_id: str
    request_type_id: str
    issue_type_id: str
    fields: Mapping[Role, str] = {}
    statuses: tuple[StatusFound, ...] = ()
    ambiguities: Mapping[Role, tuple[str, ...]] = {}


class Fault(StrEnum):
    """What can be wrong with a connection."""

    UNREACHABLE = "unreachable"
    NOT_JIRA = "not_jira"
    WRONG_KIND = "wrong_kind"
    LOGIN_REFUSED = "login_refused"
    NOT_LICENSED = "not_licensed"
    PROJECT_MISSING = "project_missing"
    DESK_MISSING = "desk_missing"
    REQUEST_TYPE_MISSING = "request_type_missing"
    FIELD_MISSING = "field_missing"
    FIELD_AMBIGUOUS = "field_ambiguous"
    FIELD_DEMANDED = "field_demanded"
    STATUS_UNKNOWN = "status_unknown"
    STATUS_MISSING = "status_missing"
    TRANSITION_MISSING = "transition_missing"
    PERMISSION_MISSING = "permission_missing"
    CLOCK_SKEWED = "clock_skewed"


class Finding(Struct, frozen=True, kw_only=True):
    """Something that a test of a connection found wrong: in words, with what to do; a fatal one lets nothing work."""

    fault: Fault
    message: str
    advice: str
    is_fatal: bool


class Report(Struct, frozen=True, kw_only=True):
    """What a test of a connection came to.

    `user` is whom Jira takes us for, empty if it refused us. `layout` is None if too much was wrong to find it out.
    """

    findings: tuple[Finding, ...]
    user: str = ""
    layout: Layout | None = None

    @property
    def is_usable(self) -> bool:
        """Whether changes can be followed there, whatever else is wrong."""
        return self.layout is not None and not any(finding.is_fatal for finding in self.findings)


class Connection(Struct, frozen=True, kw_only=True):
    """A link to a Jira.

    `base_url` has a protocol, may have a path, and has no slash at its end. With a `user` the secret is the token or
    password that belongs to that e-mail address or name; without one it is a token that stands for itself. `pins` are
    ids of fields chosen by hand, `statuses` what statuses mean where that is not what Jira ships. With `transitions`
    Mitregate moves changes as their deployments start and end.
    """

    id: str
    name: str
    kind: Kind
    base_url: str
    project: str
    user: str = ""
    request_type: str = REQUEST_TYPE
    pins: Mapping[Role, str] = {}
    statuses: Mapping[str, StatusClass] = {}
    allow_status: str = Status.IMPLEMENTING.value
    prevent_status: str = Status.DECLINED.value
    remarks: Remarks = Remarks.OFF
    transitions: bool = False
    layout: Layout | None = None


class Access(Struct, frozen=True, kw_only=True):
    """A connection with the secret that opens it, at an instant; how it is shown says nothing of the secret."""

    connection: Connection
    secret: str
    now: datetime

    @property
    def is_cloud(self) -> bool:
        """Whether it is a Jira Cloud."""
        return self.connection.kind is Kind.CLOUD

    @property
    def proof(self) -> str:
        """The header that proves who asks."""
        if not self.connection.user:
            return f"Bearer {self.secret}"
        return "Basic " + b64encode(f"{self.connection.user}:{self.secret}".encode()).decode()

    @override
    def __repr__(self) -> str:
        return f"Access(connection={self.connection.name!r}, now={self.now.isoformat()!r})"

    @override
    def __rich_repr__(self) -> list[tuple[str, str]]:
        return [("connection", self.connection.name), ("now", self.now.isoformat())]


SYNONYMS: dict[str, Status] = {
    **{status.value: status for status in Status},
    "Preview": Status.PEER_REVIEW,
    "Review": Status.PEER_REVIEW,
    "Peer review": Status.PEER_REVIEW,
    "Change manager approval": Status.PEER_REVIEW,
    "Authorize": Status.AWAITING_CAB,
    "Completed": Status.RESOLVED,
}
"""What the statuses of Jira's default change workflow are called, in one version or another (domain.md §4)."""

_SPELLINGS = (("cancelled", "canceled"), ("authoris", "authoriz"))


def meaning_of(connection: Connection, status: str) -> Meaning:
    """Say what a status of a foreign workflow means for a gate.

    What is set for it counts first, then the prevent status and the allow status, then Jira's own workflow. Case,
    spaces and spelling make no difference. A status that nobody knows stops: nothing opens by accident.
    """
    if (said := connection.statuses.get(status)) is not None:
        return Meaning(status_class=said, known=Known.MAPPED)
    name = fold(status)
    alike = {one for known, one in connection.statuses.items() if fold(known) == name}
    if alike:
        # Written twice in ways that differ only here, and meaning two things: the one that opens nothing wins.
        return Meaning(status_class=max(alike, key=_strictness), known=Known.MAPPED)
    if name == fold(connection.prevent_status):
        return Meaning(status_class=StatusClass.STOP, known=Known.DEFAULT)
    if name == fold(connection.allow_status):
        return Meaning(status_class=StatusClass.PROCEED, known=Known.DEFAULT)
    known = status_like(status)
    if known is None:
        return Meaning(status_class=StatusClass.STOP, known=Known.UNKNOWN)
    return Meaning(status_class=CLASS_OF[known], known=Known.DEFAULT)


def class_of_status(connection: Connection, status: str) -> StatusClass:
    """Say what a status of a foreign workflow means for a gate, without the reason."""
    return meaning_of(connection, status).status_class


def status_like(name: str) -> Status | None:
    """Say which status of Jira's default change workflow a name stands for, if any."""
    return _FOLDED.get(fold(name))


def fold(name: str) -> str:
    """Write a name so that case, spaces, punctuation and spelling make no difference."""
    text = re.sub(r"[\W_]+", "", name.casefold()) or name.casefold().strip()
    for variant, usual in _SPELLINGS:
        text = text.replace(variant, usual)
    return text


def read_base_url(text: str) -> str:
    """Read the address of a Jira.

    Returns:
        The address without a slash at its end.

    Raises:
        Malformed: it is no plain http or https address: credentials, a query or a fragment would be sent or lost.
    """
    url = text.strip().rstrip("/")
    try:
        parts = urlsplit(url)
        is_plain = bool(parts.hostname) and parts.port != 0 and not ("?" in url or "#" in url or "@" in parts.netloc)
    except ValueError:
        raise Malformed(f"{text!r} is not the address of a Jira.", advice=URL_ADVICE) from None
    if parts.scheme not in {"http", "https"} or not is_plain or not url.isprintable() or re.search(r"[\s\\]", url):
        raise Malformed(f"{text!r} is not the address of a Jira.", advice=URL_ADVICE)
    return url


def _strictness(status_class: StatusClass) -> int:
    return (StatusClass.PROCEED, StatusClass.WAIT, StatusClass.STOP).index(status_class)


_FOLDED = {fold(name): status for name, status in SYNONYMS.items()}
