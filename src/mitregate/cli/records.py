"""What the native API answers, as far as people are shown it; `--json` passes on all that was answered."""

from datetime import datetime

from msgspec import Raw, Struct

from mitregate.core.gates import spell
from mitregate.core.matching import How


class Page(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A list, or the part of one; `next` says where it goes on."""

    items: tuple[Raw, ...]
    next: str | None = None


class About(Struct, frozen=True, kw_only=True, rename="camel"):
    """What a server says of itself; `time` is its clock."""

    version: str
    base_url: str
    database: str
    time: datetime


class EarlierSecret(Struct, frozen=True, kw_only=True):
    """A client secret that was replaced and is good yet: until then, or until it is ended."""

    until: datetime | None = None


class NewApp(Struct, frozen=True, kw_only=True, rename="camel"):
    """An app just added, with its secrets."""

    id: str
    name: str
    client_id: str
    client_secret: str
    cloud_id: str
    signing_secret: str | None = None
    scopes: tuple[str, ...]
    callback_url: str | None = None
    earlier_secrets: tuple[EarlierSecret, ...] = ()


class NewJenkins(Struct, frozen=True, kw_only=True, rename="camel"):
    """A Jenkins server just added, or one that got another secret, with what is pasted there."""

    name: str
    site_name: str
    webhook_url: str
    secret: str
    warnings: tuple[str, ...]
    callback_url: str | None = None
    signing_secret: str | None = None


class JenkinsServer(Struct, frozen=True, kw_only=True, rename="camel"):
    """What a Jenkins server is, beside an app; `config` is what its plugin tells of its settings."""

    server_uuid: str
    config: dict[str, str] = {}


class ConnectApp(Struct, frozen=True, kw_only=True, rename="camel"):
    """What a Connect app is, beside an app."""

    key: str
    base_url: str
    descriptor_url: str
    modules: tuple[str, ...]
    state: str
    is_secret_uncertain: bool


class Told(Struct, frozen=True, kw_only=True):
    """What a Connect app was told of itself, and what it answered."""

    event: str
    reception: str
    words: str


class InstallKey(Struct, frozen=True, kw_only=True):
    """A key that signs installations, and where its public half is."""

    id: str
    link: str


class App(Struct, frozen=True, kw_only=True, rename="camel"):
    """An app; only one of the kind `oauth` has a client id. `told` is what it was told of what was just done to it.

    `signing_secret` is known only once, when it has just got its first callback.
    """

    id: str
    name: str
    kind: str
    client_id: str = ""
    scopes: tuple[str, ...]
    callback_url: str | None = None
    signing_secret: str | None = None
    earlier_secrets: tuple[EarlierSecret, ...] = ()
    jenkins: JenkinsServer | None = None
    connect: ConnectApp | None = None
    told: tuple[Told, ...] = ()
    created_at: datetime


class User(Struct, frozen=True, kw_only=True, rename="camel"):
    """A person."""

    id: str
    name: str
    role: str
    created_at: datetime | None = None


class Token(Struct, frozen=True, kw_only=True, rename="camel"):
    """A token; `token` is the secret itself, given only once."""

    id: str
    label: str = ""
    kind: str = ""
    token: str | None = None
    created_at: datetime | None = None
    expires_at: datetime | None = None


class Link(Struct, frozen=True, kw_only=True, rename="camel"):
    """An address of the calendar, given only once."""

    id: str
    label: str
    url: str
    expires_at: datetime | None = None


class Reason(Struct, frozen=True, kw_only=True):
    """Why a gate stands as it does."""

    code: str
    message: str
    remedy: str = ""


class Override(Struct, frozen=True, kw_only=True):
    """Leave to start in spite of freezes."""

    freezes: tuple[str, ...]
    actor: str
    at: datetime
    reason: str

    @property
    def said(self) -> str:
        """Who overrode what, and why, in one line."""
        return f"{self.actor} overrode {', '.join(self.freezes)}: {self.reason}"


class Ended(Struct, frozen=True, kw_only=True):
    """A wait that has ended for good."""

    code: str
    at: datetime
    successor: str = ""

    @property
    def said(self) -> str:
        """When and why, in one line."""
        by = f" by {self.successor}" if self.successor else ""
        return f"{spell(self.at)}, {self.code}{by}"


class Gate(Struct, frozen=True, kw_only=True, rename="camel"):
    """A gate."""

    id: str
    app_id: str
    pipeline_id: str
    environment_id: str
    deployment_sequence_number: int
    project: str
    version: str
    environment: str
    stage: str
    gating_status: str
    since: datetime
    reasons: tuple[Reason, ...] = ()
    opens_at: datetime | None = None
    good_until: datetime | None = None
    ends_at: datetime | None = None
    ended: Ended | None = None
    change_key: str | None = None
    change_link: str | None = None
    found: How | None = None
    override: Override | None = None
    revision: int
    link: str = ""

    @property
    def deployment(self) -> str:
        """What is to be deployed where, in one line."""
        return " ".join(f"{self.project} {self.version} → {self.environment}".split())

    @property
    def why(self) -> str:
        """All its reasons, a line each."""
        return "\n".join(reason.message for reason in self.reasons)

    @property
    def remedy(self) -> str:
        """What would open it, a line for each reason."""
        return "\n".join(reason.remedy for reason in self.reasons if reason.remedy)


class Attempt(Struct, frozen=True, kw_only=True, rename="camel"):
    """A try of a delivery; `status` is the HTTP status, if there was a reply."""

    number: int
    started_at: datetime
    duration_ms: int
    result: str
    status: int | None = None
    detail: str = ""


class Delivery(Struct, frozen=True, kw_only=True, rename="camel"):
    """A delivery; `status` is the gating status it tells; `tries` are told only of a single one."""

    id: str
    provider: str
    lane: str
    gate_id: str
    state: str
    status: str
    attempts: int
    due_at: datetime
    created_at: datetime
    finished_at: datetime | None = None
    note: str = ""
    tries: tuple[Attempt, ...] = ()


class Entry(Struct, frozen=True, kw_only=True):
    """An entry of the audit log."""

    number: int
    at: datetime
    actor: str
    origin: str = ""
    action: str
    subject: str
    detail: dict[str, str] = {}
