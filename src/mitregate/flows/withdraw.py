"""Withdraw: delete deployments, and what waits for them; remove an app with all it submitted."""

from collections.abc import Iterable, Mapping

from msgspec.structs import replace

from mitregate.core.audit import Action
from mitregate.core.deployments import DeploymentKey, State
from mitregate.core.errors import Unknown
from mitregate.core.gates import Gate, Stage
from mitregate.core.people import App, Permission
from mitregate.flows.act import Act


def delete(act: Act, key: DeploymentKey) -> None:
    """Delete one deployment, if it is there; its gate is withdrawn, its change canceled if it has not started."""
    _delete_all(act, [key])


def delete_by_properties(act: Act, properties: Mapping[str, str]) -> int:
    """Delete the app's own deployments that carry all of *properties*; say how many there were."""
    keys = act.uow.deployments.by_properties(act.principal.app_id or "", properties)
    _delete_all(act, keys)
    return len(keys)


def remove_app(act: Act, app_id: str) -> App:
    """Remove an app with its tokens, deployments and deliveries; what was decided for it stays on record.

    Returns:
        The app as it was.

    Raises:
        Forbidden: the principal does not administer.
        Unknown: there is no such app.
    """
    act.principal.require(Permission.ADMINISTER)
    app = act.uow.apps.get(app_id)
    if app is None:
        message = f"There is no app {app_id!r}."
        raise Unknown(message, advice="`mitregate app list` shows the apps with their ids.")
    _delete_all(act, act.uow.deployments.of_app(app_id))
    act.uow.apps.remove(app_id)
    act.record(Action.APP_REMOVED, app_id, {"name": app.name})
    return app


def _delete_all(act: Act, keys: Iterable[DeploymentKey]) -> None:
    for key in sorted(keys, key=lambda key: (key.pipeline_id, key.environment_id, key.sequence_number)):
        deployment = act.uow.deployments.get(key)
        if deployment is None:
            continue
        gate = act.uow.gates.of(key)
        if gate is not None and gate.stage is not Stage.WITHDRAWN:
            _withdraw(act, gate)
        act.uow.deployments.remove(key)


def _withdraw(act: Act, gate: Gate) -> None:
    """Withdraw *gate*, a finished one too: its verdict must not speak for what is submitted under this key later."""
    act.uow.gates.keep(replace(gate, stage=Stage.WITHDRAWN))
    act.uow.jobs.withdraw(gate.id, act.now, "The deployment was deleted.")
    if gate.change_key is not None and gate.relies:
        note = "The deployment was deleted by its app."
        act.ports.changes.finish(act.uow, gate.change_key, State.CANCELLED, act.now, note)
    act.record(Action.GATE_WITHDRAWN, gate.id)
