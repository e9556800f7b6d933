"""A Python client of the Jira Deployments API 0.1: Mitregate's, or Jira Cloud's; `Client`, and `AsyncClient`.

    with Client(Site.mitregate("https://gate.example.com"), OAuth(client_id=…, client_secret=…)) as client:
        (key,) = client.submit(deployment).insist().accepted_deployments
        if client.wait(key, timeout=3600).is_allowed:
            …

Both perform the same dialogues, of `caller`, in which there is no input and no output.

Source: https://developer.atlassian.com/cloud/jira/software/rest/api-group-deployments/.
"""

from mitregate.client.asynchronous import AsyncClient
from mitregate.client.blocking import Client
from mitregate.client.errors import StillAwaiting
from mitregate.client.proofs import Bearer, ConnectJWT, OAuth, Proof
from mitregate.client.replies import error_of
from mitregate.client.retries import ONCE, USUAL, Pause, Retries
from mitregate.client.sites import Site
from mitregate.client.values import (
    GATING,
    Association,
    Command,
    Deployment,
    Detail,
    Environment,
    Fault,
    GatingState,
    Key,
    Outcome,
    Pipeline,
    RejectedDeployment,
    Submitted,
    UnknownAssociation,
)
from mitregate.core.deployments import Commit, EnvironmentType, State
from mitregate.core.errors import (
    Forbidden,
    Malformed,
    Misconfigured,
    MitregateError,
    Refused,
    TooLarge,
    Unknown,
    Unproven,
    Unreachable,
    Unsettled,
)
from mitregate.wire.http import Reply, Request

__all__ = [
    "GATING",
    "ONCE",
    "USUAL",
    "Association",
    "AsyncClient",
    "Bearer",
    "Client",
    "Command",
    "Commit",
    "ConnectJWT",
    "Deployment",
    "Detail",
    "Environment",
    "EnvironmentType",
    "Fault",
    "Forbidden",
    "GatingState",
    "Key",
    "Malformed",
    "Misconfigured",
    "MitregateError",
    "OAuth",
    "Outcome",
    "Pause",
    "Pipeline",
    "Proof",
    "Refused",
    "RejectedDeployment",
    "Reply",
    "Request",
    "Retries",
    "Site",
    "State",
    "StillAwaiting",
    "Submitted",
    "TooLarge",
    "Unknown",
    "UnknownAssociation",
    "Unproven",
    "Unreachable",
    "Unsettled",
    "error_of",
]
