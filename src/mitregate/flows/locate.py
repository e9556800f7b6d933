"""Locate: find the one deployment, or the one app, that somebody means."""

from msgspec import Struct

from mitregate.core.deployments import Deployment, DeploymentKey
from mitregate.core.errors import Malformed, Unknown
from mitregate.core.gates import Gate, Stage
from mitregate.core.people import App, Principal
from mitregate.core.queries import GateQuery
from mitregate.flows.ask import require_view
from mitregate.ports import UnitOfWork

SAME_IDS = 50
"""Gates that are looked at in search of the apps that have such a deployment, at most, the newest ones."""


class Wanted(Struct, frozen=True, kw_only=True):
    """Which deployment is meant; `app` is the id or the name of its app, empty if there is only one that can be."""

    pipeline_id: str
    environment_id: str
    sequence_number: int
    app: str = ""

    @property
    def said(self) -> str:
        """The deployment, for people."""
        return f"deployment {self.sequence_number} of pipeline {self.pipeline_id!r} to {self.environment_id!r}"


def find(uow: UnitOfWork, wanted: Wanted, principal: Principal) -> Gate | Deployment:
    """Find a deployment: give its gate if it has one, and what was submitted if it has none.

    Raises:
        Forbidden: the principal may not view, or is an app that may not read.
        Malformed: several apps have such a deployment.
        Unknown: there is none; an app is not told whether another one has it.
    """
    require_view(principal)
    names = _names_of_apps(uow, wanted, principal)
    keys = [
        DeploymentKey(
            app_id=app_id,
            pipeline_id=wanted.pipeline_id,
            environment_id=wanted.environment_id,
            sequence_number=wanted.sequence_number,
        )
        for app_id in names
    ]
    known = uow.deployments.get_all(keys) if keys else {}
    found = [one for key in keys if (one := _current(uow.gates.of(key), known.get(key))) is not None]
    if not found:
        advice = "Was it submitted under these ids? `mitregate status` shows the gates that wait."
        raise Unknown(f"There is no {wanted.said}.", advice=advice)
    if len(found) > 1:
        told = ", ".join(sorted(names[one.key.app_id] for one in found))
        advice = "Name the app, by its id or its name; or give the id of the gate."
        raise Malformed(f"Several apps have a {wanted.said}: {told}.", advice=advice)
    return found[0]


def app_named(uow: UnitOfWork, name: str, principal: Principal) -> App | None:
    """Find the app that is meant: the one of that id or *name*, or, if none is given, the only one there is.

    An app means itself.

    Raises:
        Unknown: there is no such app, or it is not the one that asks.
    """
    may_see = [app for app in uow.apps.all() if principal.app_id in {None, app.id}]
    found = [app for app in may_see if name in {app.id, app.name}] if name else may_see
    if name and not found:
        raise Unknown(f"There is no app {name!r}.", advice="`mitregate app list` shows the apps.")
    return found[0] if len(found) == 1 else None


def _names_of_apps(uow: UnitOfWork, wanted: Wanted, principal: Principal) -> dict[str, str]:
    """Give the ids of the apps whose the deployment can be, with their names."""
    names = {app.id: app.name for app in uow.apps.all()}
    query = GateQuery(
        app_id=principal.app_id,
        pipeline_id=wanted.pipeline_id,
        environment_id=wanted.environment_id,
        sequence_number=wanted.sequence_number,
        limit=SAME_IDS,
    )
    # The gates of an app that was removed are there yet.
    names = {gate.key.app_id: gate.key.app_id for gate in uow.gates.page(query)} | names
    return {
        app_id: name
        for app_id, name in names.items()
        if principal.app_id in {None, app_id} and (not wanted.app or wanted.app in {app_id, name})
    }


def _current(gate: Gate | None, deployment: Deployment | None) -> Gate | Deployment | None:
    """Give what there is; of a deployment that came again without a gate not the gate that was withdrawn."""
    is_over = gate is None or gate.stage is Stage.WITHDRAWN
    return deployment if is_over and deployment is not None else gate
