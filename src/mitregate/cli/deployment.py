"""A deployment as it is described on the command line, and as it is submitted."""

from collections.abc import Iterable
from datetime import datetime

from msgspec import Struct

from mitregate.client import GATING, Association, Deployment, Environment, Key, Pipeline
from mitregate.core.changes import ChangeType
from mitregate.core.deployments import RUNBOOK, Commit, EnvironmentType, State
from mitregate.core.errors import Malformed
from mitregate.core.matching import NUMBER, TYPE


class Described(Struct, frozen=True, kw_only=True):
    """What the options of `submit` say; what is None was not said."""

    pipeline: str | None = None
    pipeline_name: str | None = None
    pipeline_url: str | None = None
    environment: str | None = None
    environment_name: str | None = None
    environment_type: EnvironmentType | None = None
    sequence: int | None = None
    update_sequence: int | None = None
    state: State = State.PENDING
    gate: bool | None = None
    label: str | None = None
    display_name: str | None = None
    description: str = ""
    url: str | None = None
    associations: tuple[Association, ...] = ()
    properties: dict[str, str] = {}


def check(described: Described) -> Key:
    """Refuse a description that does not say which deployment it is; give its key.

    Raises:
        Malformed: the pipeline, the environment or the sequence number is missing.
    """
    pipeline, environment, sequence = described.pipeline, described.environment, described.sequence
    if pipeline is None or environment is None or sequence is None:
        named = {"--pipeline": pipeline, "--environment": environment, "--sequence": sequence}
        missing = ", ".join(name for name, value in named.items() if value is None)
        message = f"It is not said which deployment this is: {missing} is missing."
        raise Malformed(message, advice="Give --pipeline, --environment and --sequence; or a JSON file with --file.")
    return Key(pipeline_id=pipeline, environment_id=environment, deployment_sequence_number=sequence)


def deployment_of(described: Described, *, server: str, now: datetime) -> Deployment:
    """Make the deployment that is to be submitted.

    Args:
        described: what was said; `check` has seen it.
        server: the server's address, where links lead if none were given.
        now: the server's time; what was not numbered is numbered by it, so that runners whose clocks differ do not
            overtake each other.
    """
    key = check(described)
    url = described.url or described.pipeline_url or server
    name = described.pipeline_name or key.pipeline_id
    asks = described.gate if described.gate is not None else described.state is State.PENDING
    return Deployment(
        deployment_sequence_number=key.deployment_sequence_number,
        update_sequence_number=_number(described, now),
        display_name=described.display_name or f"{name} #{key.deployment_sequence_number}",
        url=url,
        description=described.description,
        last_updated=now,
        label=described.label,
        state=described.state,
        pipeline=Pipeline(id=key.pipeline_id, display_name=name, url=described.pipeline_url or url),
        environment=Environment(
            id=key.environment_id,
            display_name=described.environment_name or key.environment_id,
            type=described.environment_type or EnvironmentType.UNMAPPED,
        ),
        associations=described.associations,
        commands=(GATING,) if asks else None,
    )


def _number(described: Described, now: datetime) -> int:
    return described.update_sequence if described.update_sequence is not None else round(now.timestamp() * 1000)


def associations_of(
    issues: Iterable[str] | None, services: Iterable[str] | None, commits: Iterable[str] | None
) -> tuple[Association, ...]:
    """Say what a deployment concerns.

    Raises:
        Malformed: a commit is not readable.
    """
    kinds = (
        Association.issues(*(issues or ())),
        Association.services(*(services or ())),
        Association.commits(*map(_commit, commits or ())),
    )
    return tuple(kind for kind in kinds if kind.values)


def properties_of(change: str | None, kind: ChangeType | None, *, is_runbook: bool) -> dict[str, str]:
    """Say what a deployment asks of change control, as properties of its submission."""
    asked = {NUMBER: change, TYPE: kind.value if kind is not None else None, RUNBOOK: "true" if is_runbook else None}
    return {name: value for name, value in asked.items() if value is not None}


def _commit(text: str) -> Commit:
    repository, _, commit = text.rpartition("@")
    if not (repository and commit):
        raise Malformed(f"The commit {text!r} has no repository.", advice="Write it as REPOSITORY@HASH.")
    return Commit(repository_id=repository, hash=commit)
