"""Contest: two jobs of one Jenkins that claim to be the same deployment.

The Jenkins plugin 2.x calls a pipeline by the hash of its job's full name, 32 bits of `String.hashCode()`, and a poll
names nothing else: two jobs with one hash, in builds of the same number, cannot be told apart by who asks. What each of
them submits does name its job. So once both have submitted while one of them waits or runs, that gate allows nobody any
more (docs/decisions/0011). Of other tools a name may change where the id does not; there nothing is contested.

https://github.com/jenkinsci/atlassian-jira-software-cloud-plugin, `DeploymentPayloadBuilder`.
"""

from msgspec.structs import replace

from mitregate.core.audit import Action
from mitregate.core.calendar import Calendar
from mitregate.core.deployments import Deployment, Pipeline
from mitregate.core.gates import Gate, Stage, decide
from mitregate.core.people import AppKind
from mitregate.flows.act import Act
from mitregate.flows.settle import settle

AT_STAKE = {Stage.HELD, Stage.STARTED}
"""Stages in which a gate speaks for a job that may still ask for it."""


def is_of_another_job(act: Act, deployment: Deployment, stored: Deployment) -> bool:
    """Tell whether *deployment*, of the same key as *stored*, comes from another job: by the job's name and address."""
    if deployment.pipeline == stored.pipeline:
        return False
    app = act.uow.apps.get(stored.key.app_id)
    return app is not None and app.kind is AppKind.JENKINS


def contest(act: Act, stored: Deployment, rival: Deployment) -> Gate | None:
    """Let a job's gate be contested by an update of another one, if it is at stake.

    A gate that is over is withdrawn: what one job was allowed must not speak for the other one.

    Args:
        act: the use case under way.
        stored: what is kept of the job whose gate it is.
        rival: the update of the other job.

    Returns:
        The gate, contested; the update is not to be kept then. None if the other job can have the key.
    """
    gate = act.uow.gates.of(stored.key)
    if gate is None or (gate.contested is not None and gate.stage in AT_STAKE):
        return gate
    if gate.stage in AT_STAKE:
        return _shut(act, gate, stored, rival)
    if gate.stage is Stage.FINISHED and gate.contested is None:
        act.uow.gates.keep(replace(gate, stage=Stage.WITHDRAWN))
        act.record(Action.GATE_WITHDRAWN, gate.id, {"other": rival.project})
    return None


def _shut(act: Act, gate: Gate, stored: Deployment, rival: Deployment) -> Gate:
    contested = replace(gate, contested=_names(stored.pipeline, rival.pipeline))
    act.record(Action.GATE_CONTESTED, gate.id, {"job": stored.project, "other": rival.project})
    if gate.related_to is not None:
        text = f"The jobs {contested.contested} cannot be told apart: neither will be allowed by this change."
        act.ports.changes.comment(act.uow, gate.related_to, text, act.now)
    if gate.stage is Stage.HELD:
        return settle(act, contested, stored)
    # What has started is neither decided on nor announced any more; but the other job may ask for it.
    shut = replace(contested, verdict=decide(contested, None, Calendar(), act.now), since=act.now)
    act.uow.gates.keep(shut)
    return replace(shut, revision=shut.revision + 1)


def _names(one: Pipeline, other: Pipeline) -> str:
    if one.display_name != other.display_name:
        return f"{one.display_name!r} and {other.display_name!r}"
    return f"{one.display_name!r} at {one.url} and {other.display_name!r} at {other.url}"
