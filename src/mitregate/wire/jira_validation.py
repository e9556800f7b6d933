"""The tolerant and thorough reading of one deployment: forgives what real senders do, lists all that is wrong.

It takes JSON as `dict`, `list`, `str`, `bool`, `None` and `Numeral`. Every deployment that is not exactly as the schema
has it comes here; of one that is, `jira_exact` makes the same.
"""

from typing import Any

from mitregate.core.deployments import (
    Associations,
    Deployment,
    DeploymentKey,
    Environment,
    EnvironmentType,
    Pipeline,
    State,
)
from mitregate.wire.jira_associations import read_associations
from mitregate.wire.jira_fields import Fields
from mitregate.wire.jira_values import (
    COMMANDS_LIMIT,
    GATING_COMMAND,
    SCHEMA_VERSION,
    TEXT_LIMIT,
    Rejected,
    Shared,
    UnknownAssociation,
    clean,
    shown,
    whole_number,
)

NO_PIPELINE = "none"
"""The id of the pipeline of a deployment that says it has none (GitLab, when made without a job)."""


def judge(value: Any, shared: Shared) -> tuple[Deployment | Rejected, list[UnknownAssociation]]:
    """Read one deployment, whatever it is.

    Args:
        value: the deployment as JSON.
        shared: what holds for the whole request.

    Returns:
        The deployment, or all that is wrong with it; and its associations of unknown type.
    """
    if not isinstance(value, dict):
        return _rejected({}, [f"a deployment must be an object, not {shown(value)}"]), []
    of_associations: list[str] = []
    associations, unknown = read_associations(Fields(value, of_associations))
    problems: list[str] = []
    deployment = _read(Fields(value, problems), associations, shared)
    problems += of_associations
    return (_rejected(value, problems) if deployment is None or problems else deployment), unknown


def _read(fields: Fields, associations: Associations, shared: Shared) -> Deployment | None:
    _check_version(fields)
    sequence_number = fields.number("deploymentSequenceNumber")
    update_sequence_number = fields.number("updateSequenceNumber")
    display_name = fields.title("displayName")
    url = fields.url("url")
    description = fields.description("description")
    last_updated = fields.instant("lastUpdated")
    state = fields.word("state", State)
    environment = _environment(fields)
    pipeline = _pipeline(fields, environment, url)
    label = fields.optional_text("label")
    duration = fields.optional_number("duration")
    asks_for_gating = _asks_for_gating(fields, state)
    if last_updated is None or state is None or environment is None or pipeline is None:
        return None
    return Deployment(
        key=DeploymentKey(
            app_id=shared.app_id,
            pipeline_id=pipeline.id,
            environment_id=environment.id,
            sequence_number=sequence_number,
        ),
        update_sequence_number=update_sequence_number,
        display_name=display_name,
        url=url,
        description=description,
        last_updated=last_updated,
        state=state,
        pipeline=pipeline,
        environment=environment,
        label=label,
        duration=duration,
        associations=associations,
        asks_for_gating=asks_for_gating,
        properties=shared.properties,
        product=shared.product,
    )


def _check_version(fields: Fields) -> None:
    version = fields.raw("schemaVersion")
    if version is not None and version != SCHEMA_VERSION:
        fields.note("schemaVersion", f"must be '{SCHEMA_VERSION}', not {shown(version)}")


def _environment(fields: Fields) -> Environment | None:
    inner = fields.inner("environment")
    if inner is None:
        return None
    environment_id, display_name = inner.text("id"), inner.text("displayName")
    kind = inner.word("type", EnvironmentType)
    return None if kind is None else Environment(id=environment_id, display_name=display_name, type=kind)


def _pipeline(fields: Fields, environment: Environment | None, url: str) -> Pipeline | None:
    inner = fields.inner("pipeline", may_be_null=True)
    if inner is not None:
        return Pipeline(id=inner.text("id"), display_name=inner.text("displayName"), url=inner.url("url"))
    # GitLab knows no pipeline where a deployment was made without a job; what is deployed to then names it.
    display_name = environment.display_name if environment is not None else ""
    return Pipeline(id=NO_PIPELINE, display_name=display_name, url=url)


def _asks_for_gating(fields: Fields, state: State | None) -> bool:
    commands = fields.open_all("commands", fields.items("commands", COMMANDS_LIMIT))
    is_known = True
    for command in commands:
        word = command.required("command")
        if word != GATING_COMMAND and word is not None:
            command.note("command", f"is {shown(word)}; the only command that is known is '{GATING_COMMAND}'")
        is_known = is_known and word == GATING_COMMAND
    if commands and is_known and state not in {State.PENDING, None}:
        fields.problems.append(f"the command '{GATING_COMMAND}' is only valid with state 'pending', not '{state}'")
    return bool(commands)


# --- what can be said of a deployment that is rejected ---


def _rejected(value: dict[str, Any], problems: list[str]) -> Rejected:
    pipeline = value.get("pipeline", {})
    return Rejected(
        pipeline_id=NO_PIPELINE if pipeline is None else _id_of(pipeline),
        environment_id=_id_of(value.get("environment")),
        sequence_number=whole_number(value.get("deploymentSequenceNumber")) or 0,
        messages=tuple(problems),
    )


def _id_of(value: Any) -> str:
    read = value.get("id") if isinstance(value, dict) else None
    return clean(read[:TEXT_LIMIT]) if isinstance(read, str) else ""
