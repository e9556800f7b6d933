"""A Python client of the Jira Deployments API 0.1: Mitregate's, or Jira Cloud's.

Each function is a conversation (`wire.http`), so the same code serves whatever performs the requests:

    outbound = Outbound(guard=False)
    site = ours("https://gate.example.com")
    access = await outbound.converse(token(site, client_id, client_secret))
    outcome = await outbound.converse(submit(site, access.access_token, body))

Sources: https://developer.atlassian.com/cloud/jira/software/rest/api-group-deployments/; for addresses of Jira Cloud
https://developer.atlassian.com/cloud/jira/software/integrate-jsw-cloud-with-onpremises-tools/.
"""

from collections.abc import Generator, Mapping
from datetime import datetime
from typing import TypeVar
from urllib.parse import quote, urlencode

import msgspec
from msgspec import Struct

from mitregate.core.errors import (
    Forbidden,
    IllegalTransition,
    Malformed,
    Misconfigured,
    MitregateError,
    Refused,
    Stale,
    StoreError,
    TooLarge,
    Unknown,
    Unproven,
    Unreachable,
    Unsettled,
)
from mitregate.wire.http import Conversation, Reply, Request

S = TypeVar("S")

AUDIENCE = "api.atlassian.com"
"""What Atlassian wants to read in a request for a token; Mitregate does not mind it."""

KINDS: dict[str, type[MitregateError]] = {
    kind.__name__.lower(): kind
    for kind in (
        MitregateError,
        Refused,
        Malformed,
        Unproven,
        Forbidden,
        Unknown,
        Stale,
        IllegalTransition,
        TooLarge,
        Misconfigured,
        Unsettled,
        Unreachable,
        StoreError,
    )
}
"""Errors by the last word of the `type` in a problem reply (RFC 9457), without regard to case."""

BY_STATUS: dict[int, type[MitregateError]] = {
    401: Unproven,
    403: Forbidden,
    404: Unknown,
    408: Unsettled,
    409: Stale,
    413: TooLarge,
    429: Unsettled,
}
"""Errors by HTTP status, where the reply does not say more; else 4xx is `Malformed` and 5xx `Unsettled`."""


class Site(Struct, frozen=True, kw_only=True):
    """Where a Deployments API is: the URL that its paths are appended to, and the URL that gives tokens."""

    deployments: str
    tokens: str


def ours(url: str) -> Site:
    """Describe the Mitregate at *url*, such as https://gate.example.com."""
    url = url.rstrip("/")
    return Site(deployments=f"{url}/rest/deployments/0.1", tokens=f"{url}/oauth/token")


def jira_cloud(cloud_id: str) -> Site:
    """Describe the Jira Cloud site with *cloud_id*, reached with OAuth credentials made in Jira."""
    site = quote(cloud_id, safe="")
    return Site(
        deployments=f"https://api.atlassian.com/jira/deployments/0.1/cloud/{site}",
        tokens="https://api.atlassian.com/oauth/token",
    )


class AccessToken(Struct, frozen=True, kw_only=True):
    """An OAuth access token; `expires_in` is in seconds."""

    access_token: str
    expires_in: int
    scope: str = ""


class Key(Struct, frozen=True, kw_only=True, rename="camel"):
    """Which deployment of the asking app."""

    pipeline_id: str
    environment_id: str
    deployment_sequence_number: int


class Fault(Struct, frozen=True, kw_only=True):
    """One thing that is wrong."""

    message: str


class RejectedDeployment(Struct, frozen=True, kw_only=True):
    """A deployment that was not accepted, and why."""

    key: Key
    errors: tuple[Fault, ...]


class UnknownAssociation(Struct, frozen=True, kw_only=True, rename="camel"):
    """Associated things that are not known there."""

    association_type: str
    values: tuple[str | dict[str, str], ...]


class Outcome(Struct, frozen=True, kw_only=True, rename="camel"):
    """What became of a submission: each of its deployments was accepted or rejected by itself."""

    accepted_deployments: tuple[Key, ...] = ()
    rejected_deployments: tuple[RejectedDeployment, ...] = ()
    unknown_issue_keys: tuple[str, ...] = ()
    unknown_associations: tuple[UnknownAssociation, ...] = ()


class Detail(Struct, frozen=True, kw_only=True, rename="camel"):
    """A change request that bears on a gating status."""

    type: str
    issue_key: str
    issue_link: str


class GatingState(Struct, frozen=True, kw_only=True, rename="camel"):
    """Whether a deployment may go on; `gating_status` is `awaiting`, `allowed`, `prevented` or `invalid`."""

    gating_status: str
    updated_timestamp: datetime
    details: tuple[Detail, ...] = ()
    pipeline_id: str
    environment_id: str
    deployment_sequence_number: int


class Pipeline(Struct, frozen=True, kw_only=True, rename="camel"):
    """The pipeline of a deployment that was read."""

    id: str
    display_name: str
    url: str | None = None


class Environment(Struct, frozen=True, kw_only=True, rename="camel"):
    """The environment of a deployment that was read."""

    id: str
    display_name: str
    type: str


class Record(Struct, frozen=True, kw_only=True, rename="camel"):
    """A deployment as it was submitted last."""

    deployment_sequence_number: int
    update_sequence_number: int
    display_name: str
    url: str | None = None
    description: str
    last_updated: datetime
    state: str
    label: str | None = None
    pipeline: Pipeline | None = None
    environment: Environment


def token(site: Site, client_id: str, client_secret: str) -> Conversation[AccessToken]:
    """Get an access token (OAuth 2.0 client credentials).

    Raises:
        Unproven: the id or the secret is wrong.
        MitregateError: anything else that `error_of` tells of; so too the other functions here.
    """
    wanted = {
        "grant_type": "client_credentials",
        "client_id": client_id,
        "client_secret": client_secret,
        "audience": AUDIENCE,
    }
    body = msgspec.json.encode(wanted)
    reply = yield Request(method="POST", url=site.tokens, headers={"content-type": "application/json"}, body=body)
    return _decoded(reply, AccessToken)


def submit(site: Site, access_token: str, body: bytes) -> Conversation[Outcome]:
    """Submit deployments: *body* is the JSON of `POST …/bulk`."""
    reply = yield from _exchange("POST", f"{site.deployments}/bulk", access_token, body)
    return _decoded(reply, Outcome)


def read(site: Site, access_token: str, key: Key) -> Conversation[Record]:
    """Read a deployment; `Unknown` if there is none, or it belongs to another app."""
    reply = yield from _exchange("GET", site.deployments + path_of(key), access_token)
    return _decoded(reply, Record)


def delete(site: Site, access_token: str, key: Key) -> Conversation[None]:
    """Delete a deployment; it is no error if there is none."""
    yield from _exchange("DELETE", site.deployments + path_of(key), access_token)


def delete_by_properties(site: Site, access_token: str, properties: Mapping[str, str]) -> Conversation[None]:
    """Delete the deployments that were submitted with all of *properties*; `Malformed` if there are none given."""
    url = f"{site.deployments}/bulkByProperties?{urlencode(properties, quote_via=quote)}"
    yield from _exchange("DELETE", url, access_token)


def gating_status(site: Site, access_token: str, key: Key) -> Conversation[GatingState]:
    """Ask whether a deployment may go on; `Unknown` if it never asked to be gated."""
    reply = yield from _exchange("GET", f"{site.deployments}{path_of(key)}/gating-status", access_token)
    return _decoded(reply, GatingState)


def path_of(key: Key) -> str:
    """Write the path of a deployment; ids may hold slashes, spaces and anything else."""
    pipeline, environment = quote(key.pipeline_id, safe=""), quote(key.environment_id, safe="")
    return f"/pipelines/{pipeline}/environments/{environment}/deployments/{key.deployment_sequence_number}"


class _Problem(Struct):
    """Every shape of error body that is sent: RFC 9457, OAuth, Jira's platform, Atlassian's gateway."""

    type: str = ""
    title: str = ""
    detail: str = ""
    advice: str | None = None
    error_description: str = ""
    errorMessages: tuple[str, ...] = ()  # noqa: N815  as it is on the wire
    message: str = ""


def error_of(reply: Reply) -> MitregateError:
    """Make an error of a reply that is no success: of the class that the server raised, if the reply names it."""
    if 300 <= reply.status < 400:
        elsewhere = reply.headers.get("location", "another address")
        message = f"The server sends us on to {elsewhere}."
        return Misconfigured(message, advice="Use the address where the server itself answers.")
    fallback = BY_STATUS.get(reply.status, Unsettled if reply.status >= 500 else Malformed)
    problem = _read_problem(reply.body)
    kind = KINDS.get(problem.type.rpartition(":")[2].replace("-", "").lower(), fallback)
    said = problem.detail or problem.error_description or " ".join(problem.errorMessages) or problem.message
    return kind(said or problem.title or f"The server answered {reply.status}.", advice=problem.advice)


def _read_problem(body: bytes) -> _Problem:
    try:
        return msgspec.json.decode(body, type=_Problem)
    except (msgspec.DecodeError, UnicodeDecodeError):
        pass
    try:
        faults = msgspec.json.decode(body, type=tuple[Fault, ...])
    except (msgspec.DecodeError, UnicodeDecodeError):
        return _Problem()
    return _Problem(detail=" ".join(fault.message for fault in faults))


def _exchange(method: str, url: str, access_token: str, body: bytes = b"") -> Generator[Request, Reply, Reply]:
    headers = {"authorization": f"Bearer {access_token}", "accept": "application/json"}
    if body:
        headers["content-type"] = "application/json"
    reply = yield Request(method=method, url=url, headers=headers, body=body)
    if not 200 <= reply.status < 300:
        raise error_of(reply)
    return reply


def _decoded(reply: Reply, kind: type[S]) -> S:
    if not 200 <= reply.status < 300:
        raise error_of(reply)
    try:
        return msgspec.json.decode(reply.body, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError):
        message = f"The answer is not what the Deployments API says: {reply.status}, {len(reply.body)} bytes."
        raise Misconfigured(message, advice="Check the address: something else may answer there.") from None
