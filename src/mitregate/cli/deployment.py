"""A deployment as it is described on the command line, and as it is submitted."""

from datetime import datetime

from msgspec import Struct

from mitregate.core.deployments import EnvironmentType, State
from mitregate.core.errors import Malformed
from mitregate.wire.jira_values import GATING_COMMAND, SCHEMA_VERSION


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
    issues: tuple[str, ...] = ()
    services: tuple[str, ...] = ()
    commits: tuple[str, ...] = ()


def check(described: Described) -> None:
    """Refuse a description that does not say which deployment it is.

    Raises:
        Malformed: the pipeline, the environment or the sequence number is missing, or a commit is not readable.
    """
    named = {
        "--pipeline": described.pipeline,
        "--environment": described.environment,
        "--sequence": described.sequence,
    }
    missing = [name for name, value in named.items() if value is None]
    if missing:
        message = f"It is not said which deployment this is: {', '.join(missing)} is missing."
        raise Malformed(message, advice="Give --pipeline, --environment and --sequence; or a JSON file with --file.")
    for commit in described.commits:
        _commit(commit)


def body_of(described: Described, *, server: str, now: datetime) -> dict[str, object]:
    """Write the body of `POST …/bulk` for one deployment.

    Args:
        described: what was said; `check` has seen it.
        server: the server's address, where links lead if none were given.
        now: the server's time; what was not numbered is numbered by it, so that runners whose clocks differ do not
            overtake each other.
    """
    url = described.url or described.pipeline_url or server
    name = described.pipeline_name or described.pipeline
    deployment: dict[str, object] = {
        "schemaVersion": SCHEMA_VERSION,
        "deploymentSequenceNumber": described.sequence,
        "updateSequenceNumber": _number(described, now),
        "displayName": described.display_name or f"{name} #{described.sequence}",
        "url": url,
        "description": described.description,
        "lastUpdated": now,
        "state": described.state,
        "pipeline": {"id": described.pipeline, "displayName": name, "url": described.pipeline_url or url},
        "environment": {
            "id": described.environment,
            "displayName": described.environment_name or described.environment,
            "type": described.environment_type or EnvironmentType.UNMAPPED,
        },
        "associations": _associations(described),
    }
    if described.label is not None:
        deployment["label"] = described.label
    if described.gate if described.gate is not None else described.state is State.PENDING:
        deployment["commands"] = [{"command": GATING_COMMAND}]
    return {"deployments": [deployment]}


def _number(described: Described, now: datetime) -> int:
    return described.update_sequence if described.update_sequence is not None else round(now.timestamp() * 1000)


def _associations(described: Described) -> list[dict[str, object]]:
    kinds: dict[str, tuple[object, ...]] = {
        "issueIdOrKeys": described.issues,
        "serviceIdOrKeys": described.services,
        "commit": tuple(_commit(commit) for commit in described.commits),
    }
    return [{"associationType": kind, "values": values} for kind, values in kinds.items() if values]


def _commit(text: str) -> dict[str, str]:
    repository, _, commit = text.rpartition("@")
    if not (repository and commit):
        raise Malformed(f"The commit {text!r} has no repository.", advice="Write it as REPOSITORY@HASH.")
    return {"repositoryId": repository, "commitHash": commit}
