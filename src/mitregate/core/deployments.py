"""Deployments: one intent to deploy, its identity and the order of its updates.

A deployment is identified by (app, pipeline id, environment id, deployment sequence number); a record replaces another
one of the same identity only if its update sequence number is higher (domain.md §1; Jira Deployments API,
https://developer.atlassian.com/cloud/jira/software/rest/api-group-deployments/).

Of two with equal numbers the one further on in the life of a deployment counts. That is ours: the Jenkins plugin counts
seconds, and a short deployment begins and ends within one (docs/decisions/0010).
"""

from datetime import datetime
from enum import StrEnum

from msgspec import Struct

RUNBOOK = "runbook"
"""The property by which a submission says that its deployments are runs of a runbook: `true`."""


class State(StrEnum):
    """What the CI/CD tool says about its deployment."""

    UNKNOWN = "unknown"
    PENDING = "pending"
    IN_PROGRESS = "in_progress"
    CANCELLED = "cancelled"
    FAILED = "failed"
    ROLLED_BACK = "rolled_back"
    SUCCESSFUL = "successful"


FINAL_STATES = frozenset({State.CANCELLED, State.FAILED, State.ROLLED_BACK, State.SUCCESSFUL})
"""States after which nothing more happens in a deployment."""


# How far a deployment has come. What is least far never replaces an equal number: no late `pending` undoes a start.
_STEP = {State.UNKNOWN: 0, State.PENDING: 0, State.IN_PROGRESS: 1, **dict.fromkeys(FINAL_STATES, 2)}


class EnvironmentType(StrEnum):
    """Kind of environment; GitLab calls it tier."""

    UNMAPPED = "unmapped"
    DEVELOPMENT = "development"
    TESTING = "testing"
    STAGING = "staging"
    PRODUCTION = "production"


class DeploymentKey(Struct, frozen=True, kw_only=True):
    """Identity of a deployment; the same ids from two apps are two deployments."""

    app_id: str
    pipeline_id: str
    environment_id: str
    sequence_number: int


class Pipeline(Struct, frozen=True, kw_only=True):
    """The pipeline that deploys."""

    id: str
    display_name: str
    url: str


class Environment(Struct, frozen=True, kw_only=True):
    """The environment that is deployed to."""

    id: str
    display_name: str
    type: EnvironmentType


class Commit(Struct, frozen=True, kw_only=True):
    """A commit in a repository; without a hash, the repository as a whole."""

    repository_id: str
    hash: str | None = None


class Associations(Struct, frozen=True, kw_only=True):
    """What a deployment says it concerns."""

    issues: tuple[str, ...] = ()
    services: tuple[str, ...] = ()
    commits: tuple[Commit, ...] = ()


class Deployment(Struct, frozen=True, kw_only=True):
    """One submitted record of a deployment.

    `duration` is in seconds. `asks_for_gating` is the command `initiate_deployment_gating`. `properties` are the
    submission's own name-value pairs, by which it can be deleted. `product` names the sending tool, if it said so.
    """

    key: DeploymentKey
    update_sequence_number: int
    display_name: str
    url: str
    description: str
    last_updated: datetime
    state: State
    pipeline: Pipeline
    environment: Environment
    label: str | None = None
    duration: int | None = None
    associations: Associations = Associations()
    asks_for_gating: bool = False
    properties: dict[str, str] = {}
    product: str | None = None

    @property
    def project(self) -> str:
        """What change control matches on: the pipeline's display name, not its id (domain.md §1)."""
        return self.pipeline.display_name or self.pipeline.id

    @property
    def is_runbook(self) -> bool:
        """Whether it is the run of a runbook, which its submission says by the property `runbook`."""
        return self.properties.get(RUNBOOK, "").strip().casefold() in {"true", "yes", "1"}

    @property
    def version(self) -> str:
        """What is deployed: the label, else the display name (domain.md §1)."""
        return self.label or self.display_name


def is_newer(incoming: Deployment, stored: Deployment | None) -> bool:
    """Tell whether *incoming* replaces *stored*: by a higher number, or by an equal one in a state further on."""
    return stored is None or _place(stored) < _place(incoming)


def _place(record: Deployment) -> tuple[int, int]:
    return record.update_sequence_number, _STEP[record.state]
