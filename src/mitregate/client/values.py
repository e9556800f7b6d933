"""What is submitted and what comes back, as values; their names are the API's own, in snake case.

Source: https://developer.atlassian.com/cloud/jira/software/rest/api-group-deployments/.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Self

import msgspec
from msgspec import Struct
from msgspec.structs import replace
from typing_extensions import override

from mitregate.core.deployments import Commit, EnvironmentType, State
from mitregate.core.errors import Malformed
from mitregate.core.gates import GatingStatus
from mitregate.wire.jira_values import GATING_COMMAND, SCHEMA_VERSION


class Key(Struct, frozen=True, kw_only=True, rename="camel"):
    """Which deployment of the asking app."""

    pipeline_id: str
    environment_id: str
    deployment_sequence_number: int

    @override
    def __str__(self) -> str:
        return f"{self.pipeline_id} → {self.environment_id} #{self.deployment_sequence_number}"


# --- a deployment ---


class Pipeline(Struct, frozen=True, kw_only=True, rename="camel"):
    """The pipeline that deploys."""

    id: str
    display_name: str
    url: str | None


class Environment(Struct, frozen=True, kw_only=True, rename="camel"):
    """The environment that is deployed to."""

    id: str
    display_name: str
    type: EnvironmentType


class Association(Struct, frozen=True, kw_only=True, rename="camel"):
    """What a deployment concerns, things of one kind; made by one of the functions below."""

    association_type: str
    values: tuple[str | dict[str, str], ...]

    @classmethod
    def issues(cls, *ids_or_keys: str) -> Self:
        """Name issues, such as SHOP-318."""
        return cls(association_type="issueIdOrKeys", values=ids_or_keys)

    @classmethod
    def services(cls, *ids_or_keys: str) -> Self:
        """Name services."""
        return cls(association_type="serviceIdOrKeys", values=ids_or_keys)

    @classmethod
    def commits(cls, *commits: Commit) -> Self:
        """Name commits; for a repository as a whole there is `repositories`."""
        values = tuple({"repositoryId": commit.repository_id, "commitHash": commit.hash or ""} for commit in commits)
        return cls(association_type="commit", values=values)

    @classmethod
    def repositories(cls, *ids: str) -> Self:
        """Name repositories."""
        return cls(association_type="repository", values=tuple({"repositoryId": one} for one in ids))


class Command(Struct, frozen=True, kw_only=True):
    """Something that is asked for with a deployment."""

    command: str


GATING = Command(command=GATING_COMMAND)
"""Hold this deployment until it is allowed; may be asked with the state `pending` only."""


class Deployment(Struct, frozen=True, kw_only=True, rename="camel"):
    """A deployment, as it is submitted and as it is read again.

    `deployment_sequence_number` rises from one deployment to the next within pipeline and environment.
    `update_sequence_number` rises from one report about the same deployment to the next; a report whose number is not
    higher is accepted and has no effect. `label` is the release or version, `duration` is in seconds. What is None is
    not sent.
    """

    schema_version: str = SCHEMA_VERSION
    deployment_sequence_number: int
    update_sequence_number: int
    display_name: str
    url: str | None
    description: str = ""
    last_updated: datetime
    label: str | None = None
    duration: int | None = None
    state: State
    pipeline: Pipeline | None
    environment: Environment
    issue_keys: tuple[str, ...] | None = None
    associations: tuple[Association, ...] | None = ()
    commands: tuple[Command, ...] | None = None

    def updated(self, state: State, *, at: datetime, update_sequence_number: int | None = None) -> Self:
        """Give the next report about this deployment, without its commands, which have been given.

        Args:
            state: how far the deployment is now.
            at: when that became so.
            update_sequence_number: the number of this report; one more than the last by default.
        """
        number = self.update_sequence_number + 1 if update_sequence_number is None else update_sequence_number
        return replace(self, state=state, last_updated=at, update_sequence_number=number, commands=None)


Submitted = Deployment | Sequence[Deployment] | Mapping[str, object] | bytes
"""What can be submitted: deployments; or the body of `POST …/bulk` as it is, be it JSON or not written yet."""


def write_body(submitted: Submitted, properties: Mapping[str, str] | None, product: str | None) -> bytes:
    """Write the body of `POST …/bulk`.

    Args:
        submitted: one deployment or several, or the body as it is.
        properties: names and values by which these deployments can be deleted later.
        product: what submits, such as a tool and its version.

    Raises:
        Malformed: the body was given as it is, and properties or a product beside it.
    """
    if isinstance(submitted, bytes | Mapping):
        if properties is not None or product is not None:
            message = "Properties or a product were given beside a body that is sent as it is."
            raise Malformed(message, advice="Write them into the body, or submit values of the type Deployment.")
        return submitted if isinstance(submitted, bytes) else msgspec.json.encode(submitted)
    deployments = (submitted,) if isinstance(submitted, Deployment) else submitted
    body: dict[str, object] = {"deployments": [_told(deployment) for deployment in deployments]}
    if properties is not None:
        body["properties"] = properties
    if product is not None:
        body["providerMetadata"] = {"product": product}
    return msgspec.json.encode(body)


def _told(deployment: Deployment) -> dict[str, object]:
    fields: dict[str, object] = msgspec.to_builtins(deployment)
    return {name: value for name, value in fields.items() if value is not None}


# --- what comes back ---


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

    def insist(self) -> Self:
        """Insist that none was rejected, and give this same outcome.

        Raises:
            Malformed: one was; the message says which and why, for all of them.
        """
        if self.rejected_deployments:
            raise Malformed(" ".join(_why(rejected) for rejected in self.rejected_deployments))
        return self


def _why(rejected: RejectedDeployment) -> str:
    return f"{rejected.key} was rejected: {'; '.join(fault.message.rstrip('.') for fault in rejected.errors)}."


class Detail(Struct, frozen=True, kw_only=True, rename="camel"):
    """A change request that bears on a gating status."""

    type: str
    issue_key: str
    issue_link: str


class GatingState(Struct, frozen=True, kw_only=True, rename="camel"):
    """Whether a deployment may go on.

    `gating_status` is `awaiting`, `allowed`, `prevented` or `invalid`; a word that is none of these ends a wait and
    lets nothing go on.
    """

    gating_status: str
    updated_timestamp: datetime
    details: tuple[Detail, ...] = ()
    pipeline_id: str
    environment_id: str
    deployment_sequence_number: int

    @property
    def key(self) -> Key:
        """Which deployment this is about."""
        return Key(
            pipeline_id=self.pipeline_id,
            environment_id=self.environment_id,
            deployment_sequence_number=self.deployment_sequence_number,
        )

    @property
    def is_awaiting(self) -> bool:
        """Whether it is still to be decided."""
        return self.gating_status == GatingStatus.AWAITING

    @property
    def is_allowed(self) -> bool:
        """Whether the deployment may go on, which nothing but the word `allowed` says."""
        return self.gating_status == GatingStatus.ALLOWED
