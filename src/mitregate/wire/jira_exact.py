"""The fast reading of one deployment that is exactly as the schema has it; anything else is left to `jira_validation`.

msgspec checks types and limits while it decodes, so that the usual deployment costs a few microseconds.
"""

from datetime import datetime
from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, Raw, Struct, UnsetType

from mitregate.core.deployments import (
    Associations,
    Commit,
    Deployment,
    DeploymentKey,
    Environment,
    EnvironmentType,
    Pipeline,
    State,
)
from mitregate.wire.jira_fields import in_utc
from mitregate.wire.jira_values import (
    ASSOCIATIONS_LIMIT,
    COMMANDS_LIMIT,
    INT64_MAX,
    INT64_MIN,
    ISSUE_ID_OR_KEY,
    ISSUE_KEY,
    ISSUE_KEYS_LIMIT,
    TEXT_LIMIT,
    URL_LIMIT,
    VALUES_LIMIT,
    Shared,
    cut,
)

_Text = Annotated[str, Meta(max_length=TEXT_LIMIT)]
_Name = Annotated[str, Meta(min_length=1, max_length=TEXT_LIMIT)]
_Url = Annotated[str, Meta(max_length=URL_LIMIT)]
_Number = Annotated[int, Meta(ge=INT64_MIN, le=INT64_MAX)]
_IssueKey = Annotated[str, Meta(pattern=ISSUE_KEY)]
_IssueIdOrKey = Annotated[str, Meta(pattern=ISSUE_ID_OR_KEY)]


class _Pipeline(Struct, rename="camel", gc=False):
    id: _Text
    display_name: _Text
    url: _Url


class _Environment(Struct, rename="camel", gc=False):
    id: _Text
    display_name: _Text
    type: EnvironmentType


class _Command(Struct, gc=False):
    command: Literal["initiate_deployment_gating"]


class _Commit(Struct, rename="camel", gc=False):
    commit_hash: _Name
    repository_id: _Name


class _Repository(Struct, rename="camel", gc=False):
    repository_id: _Name


class _IssueKeys(Struct, tag_field="associationType", tag="issueKeys"):
    values: list[_IssueIdOrKey] | None


class _IssueIdOrKeys(Struct, tag_field="associationType", tag="issueIdOrKeys"):
    values: list[_IssueIdOrKey] | None


class _ServiceIdOrKeys(Struct, tag_field="associationType", tag="serviceIdOrKeys"):
    values: list[_Name] | None


class _Commits(Struct, tag_field="associationType", tag="commit"):
    values: list[_Commit] | None


class _Repositories(Struct, tag_field="associationType", tag="repository"):
    values: list[_Repository] | None


_Association = _IssueKeys | _IssueIdOrKeys | _ServiceIdOrKeys | _Commits | _Repositories
_Associations = Annotated[list[_Association], Meta(max_length=ASSOCIATIONS_LIMIT)]


class _Exact(Struct, rename="camel"):
    deployment_sequence_number: _Number
    update_sequence_number: _Number
    display_name: _Text
    url: _Url
    description: str
    last_updated: datetime
    state: State
    pipeline: _Pipeline
    environment: _Environment
    schema_version: Literal["1.0"] | None = None
    label: _Text | None = None
    duration: _Number | None = None
    issue_keys: Annotated[list[_IssueKey], Meta(max_length=ISSUE_KEYS_LIMIT)] | UnsetType | None = UNSET
    associations: _Associations | UnsetType | None = UNSET
    commands: Annotated[list[_Command], Meta(max_length=COMMANDS_LIMIT)] | None = None


_DECODER = msgspec.json.Decoder(_Exact)


def read_exactly(raw: Raw, shared: Shared) -> Deployment | None:
    """Read one deployment that is exactly as the schema has it.

    Args:
        raw: the deployment's JSON, in valid UTF-8 and without NUL characters in its strings.
        shared: what holds for the whole request.

    Returns:
        The deployment, or None if it must be looked at closely.
    """
    try:
        exact = _DECODER.decode(raw)
        last_updated = in_utc(exact.last_updated)
    except (msgspec.DecodeError, OverflowError):
        return None
    if exact.issue_keys is UNSET and exact.associations is UNSET:
        return None
    if exact.commands and exact.state is not State.PENDING:
        return None
    associations = _associations(exact)
    return None if associations is None else _deployment(exact, last_updated, associations, shared)


def _deployment(exact: _Exact, last_updated: datetime, associations: Associations, shared: Shared) -> Deployment:
    pipeline, environment = exact.pipeline, exact.environment
    return Deployment(
        key=DeploymentKey(
            app_id=shared.app_id,
            pipeline_id=pipeline.id,
            environment_id=environment.id,
            sequence_number=exact.deployment_sequence_number,
        ),
        update_sequence_number=exact.update_sequence_number,
        display_name=exact.display_name,
        url=exact.url,
        description=cut(exact.description),
        last_updated=last_updated,
        state=exact.state,
        pipeline=Pipeline(id=pipeline.id, display_name=pipeline.display_name, url=pipeline.url),
        environment=Environment(id=environment.id, display_name=environment.display_name, type=environment.type),
        label=exact.label,
        duration=exact.duration,
        associations=associations,
        asks_for_gating=bool(exact.commands),
        properties=shared.properties,
        product=shared.product,
    )


def _associations(exact: _Exact) -> Associations | None:
    issues: list[str] = list(exact.issue_keys or ())
    services: list[str] = []
    commits: list[Commit] = []
    total = 0
    for association in exact.associations or ():
        total += len(association.values or ())
        match association:
            case _IssueKeys() | _IssueIdOrKeys():
                issues += association.values or ()
            case _ServiceIdOrKeys():
                services += association.values or ()
            case _Commits():
                commits += [Commit(repository_id=c.repository_id, hash=c.commit_hash) for c in association.values or ()]
            case _Repositories():
                commits += [Commit(repository_id=r.repository_id) for r in association.values or ()]
    if total > VALUES_LIMIT:
        return None
    return Associations(
        issues=tuple(dict.fromkeys(issues)),
        services=tuple(dict.fromkeys(services)),
        commits=tuple(dict.fromkeys(commits)),
    )
