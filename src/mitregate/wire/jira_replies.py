"""What the Jira Deployments API 0.1 answers, as bytes.

No reply holds null: the Jenkins plugin and others stumble over it. Schemas:
https://developer.atlassian.com/cloud/jira/software/rest/api-group-deployments/.
"""

from collections.abc import Sequence
from datetime import UTC, datetime

import msgspec
from msgspec import UNSET, Struct, UnsetType

from mitregate.core.announcements import Detail
from mitregate.core.deployments import Associations, Deployment, DeploymentKey, EnvironmentType, State
from mitregate.core.gates import GatingStatus
from mitregate.wire.jira_values import ASSOCIATIONS_LIMIT, GATING_COMMAND, SCHEMA_VERSION, Rejected, Submission

_ENCODER = msgspec.json.Encoder()


class _Key(Struct, rename="camel"):
    pipeline_id: str
    environment_id: str
    deployment_sequence_number: int


class _Error(Struct, rename="camel"):
    message: str
    error_trace_id: str | UnsetType = UNSET


# --- POST …/bulk ---


class _Rejected(Struct):
    key: _Key
    errors: list[_Error]


class _Unknown(Struct, rename="camel"):
    association_type: str
    values: tuple[str | dict[str, str], ...]


class _Submitted(Struct, rename="camel"):
    accepted_deployments: list[_Key]
    rejected_deployments: list[_Rejected]
    unknown_issue_keys: tuple[str, ...]
    unknown_associations: list[_Unknown]


def write_submission(submission: Submission) -> bytes:
    """Write the body of the 202 to a submission; all four lists are there, be they empty."""
    return _ENCODER.encode(
        _Submitted(
            accepted_deployments=[_key(deployment.key) for deployment in submission.accepted],
            rejected_deployments=[_rejected(rejected) for rejected in submission.rejected],
            unknown_issue_keys=submission.unknown_issue_keys,
            unknown_associations=[
                _Unknown(association_type=unknown.association_type, values=unknown.values)
                for unknown in submission.unknown_associations
            ],
        )
    )


def _key(key: DeploymentKey) -> _Key:
    return _Key(
        pipeline_id=key.pipeline_id, environment_id=key.environment_id, deployment_sequence_number=key.sequence_number
    )


def _rejected(rejected: Rejected) -> _Rejected:
    return _Rejected(
        key=_Key(
            pipeline_id=rejected.pipeline_id,
            environment_id=rejected.environment_id,
            deployment_sequence_number=rejected.sequence_number,
        ),
        errors=[_Error(message=message) for message in rejected.messages],
    )


# --- GET …/deployments/{n} ---


class _Pipeline(Struct, rename="camel"):
    id: str
    display_name: str
    url: str


class _Environment(Struct, rename="camel"):
    id: str
    display_name: str
    type: EnvironmentType


class _Association(Struct, rename="camel"):
    association_type: str
    values: Sequence[str | dict[str, str]]


class _Deployment(Struct, rename="camel"):
    schema_version: str
    deployment_sequence_number: int
    update_sequence_number: int
    display_name: str
    url: str
    description: str
    last_updated: datetime
    label: str | UnsetType
    duration: int | UnsetType
    state: State
    pipeline: _Pipeline
    environment: _Environment
    issue_keys: Sequence[str | dict[str, str]] | UnsetType
    associations: list[_Association] | UnsetType
    commands: list[dict[str, str]] | UnsetType


def write_deployment(deployment: Deployment) -> bytes:
    """Write a deployment as it was submitted last; what it did not say is left out, and no field is null."""
    pipeline, environment = deployment.pipeline, deployment.environment
    associations = _associations(deployment.associations)
    # Of more than three kinds the issues came by the old field, for there were three associations beside it.
    issue_keys = associations.pop(0).values if len(associations) > ASSOCIATIONS_LIMIT else UNSET
    return _ENCODER.encode(
        _Deployment(
            schema_version=SCHEMA_VERSION,
            deployment_sequence_number=deployment.key.sequence_number,
            update_sequence_number=deployment.update_sequence_number,
            display_name=deployment.display_name,
            url=deployment.url,
            description=deployment.description,
            last_updated=deployment.last_updated.astimezone(UTC),
            label=UNSET if deployment.label is None else deployment.label,
            duration=UNSET if deployment.duration is None else deployment.duration,
            state=deployment.state,
            pipeline=_Pipeline(id=pipeline.id, display_name=pipeline.display_name, url=pipeline.url),
            environment=_Environment(id=environment.id, display_name=environment.display_name, type=environment.type),
            issue_keys=issue_keys,
            associations=associations or UNSET,
            commands=[{"command": GATING_COMMAND}] if deployment.asks_for_gating else UNSET,
        )
    )


def _associations(associations: Associations) -> list[_Association]:
    is_by_id = any("-" not in issue for issue in associations.issues)
    commits = [c for c in associations.commits if c.hash is not None]
    repositories = [c for c in associations.commits if c.hash is None]
    by_type: dict[str, Sequence[str | dict[str, str]]] = {
        "issueIdOrKeys" if is_by_id else "issueKeys": associations.issues,
        "serviceIdOrKeys": associations.services,
        "commit": [{"commitHash": c.hash or "", "repositoryId": c.repository_id} for c in commits],
        "repository": [{"repositoryId": c.repository_id} for c in repositories],
    }
    return [_Association(association_type=kind, values=values) for kind, values in by_type.items() if values]


# --- GET …/gating-status, and the callback ---


class _Detail(Struct, rename="camel"):
    type: str
    issue_key: str
    issue_link: str


class _GatingStatus(Struct, rename="camel"):
    updated_timestamp: str
    gating_status: GatingStatus
    details: list[_Detail]
    pipeline_id: str
    environment_id: str
    deployment_sequence_number: int


def write_gating_status(key: DeploymentKey, status: GatingStatus, since: datetime, details: Sequence[Detail]) -> bytes:
    """Write a gating status: the body of the reply as well as of the callback to a Connect app.

    Args:
        key: the deployment.
        status: its gating status.
        since: when that was reached; written in UTC with milliseconds and `+00:00`, as real payloads have it.
        details: the changes that bear on it; the list is written even if it is empty.

    Returns:
        The body, as on https://developer.atlassian.com/cloud/jira/software/modules/deployment-gating/.
    """
    return _ENCODER.encode(
        _GatingStatus(
            updated_timestamp=since.astimezone(UTC).isoformat(timespec="milliseconds"),
            gating_status=status,
            details=[_Detail(type="issue", issue_key=detail.key, issue_link=detail.link) for detail in details],
            pipeline_id=key.pipeline_id,
            environment_id=key.environment_id,
            deployment_sequence_number=key.sequence_number,
        )
    )


# --- 400, 413 and the like ---


def write_errors(messages: Sequence[str], trace_id: str | None = None) -> bytes:
    """Write the body of a failed request: a bare array of errors, of which the schema wants one at least.

    Args:
        messages: what went wrong.
        trace_id: under which it is found in the server's log.

    Returns:
        The body.
    """
    trace = UNSET if trace_id is None else trace_id
    return _ENCODER.encode([_Error(message=message, error_trace_id=trace) for message in messages])
