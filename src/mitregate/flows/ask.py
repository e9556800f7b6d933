"""Ask: read what is known, as far as the asker may see it. Nothing here writes."""

from collections.abc import Sequence
from datetime import datetime

from msgspec import Struct
from msgspec.structs import replace

from mitregate.core.approvals import Tally, sight
from mitregate.core.audit import Entry
from mitregate.core.binding import shown
from mitregate.core.changes import TRANSITIONS, Change, Comment, Transition, number_of
from mitregate.core.deployments import Deployment, DeploymentKey
from mitregate.core.errors import Unknown
from mitregate.core.gates import Gate, Stage
from mitregate.core.jobs import Attempt, Job
from mitregate.core.people import Permission, Principal, Scope
from mitregate.core.profiles import Profile
from mitregate.core.queries import AuditQuery, ChangeQuery, GateQuery, JobQuery
from mitregate.ports import ChangeSystem, UnitOfWork


class ChangeView(Struct, frozen=True, kw_only=True):
    """A change with its gates, remarks, and the transitions that are possible now.

    `shown` are the digests of what an approver judges by, none if there is nothing to decide on. `profile` says what
    the change needs, for the deployment that lacks most, and `tallies` how far its approvals have come for each gate
    that waits, by its id.
    """

    change: Change
    gates: tuple[Gate, ...]
    comments: tuple[Comment, ...]
    transitions: tuple[Transition, ...]
    shown: tuple[str, ...]
    profile: Profile | None = None
    tallies: dict[str, Tally] = {}

    @property
    def digest(self) -> str:
        """All that is shown as one digest, empty if that is nothing; `review.approve` takes it as `seen`."""
        return sight(self.shown)


class DeliveryView(Struct, frozen=True, kw_only=True):
    """A delivery with its tries."""

    job: Job
    attempts: tuple[Attempt, ...]


def deployment(uow: UnitOfWork, key: DeploymentKey) -> Deployment:
    """Read one deployment.

    Raises:
        Unknown: the app has no such deployment; whether another app has one is not said.
    """
    found = uow.deployments.get(key)
    if found is None:
        message = "No deployment data found for this pipeline, environment and deployment sequence number."
        raise Unknown(message)
    return found


def gate_of(uow: UnitOfWork, key: DeploymentKey) -> Gate:
    """Read the gate of a deployment.

    Raises:
        Unknown: the app has no such deployment, or it never asked for gating.
    """
    gate = uow.gates.of(key)
    if gate is None or gate.stage is Stage.WITHDRAWN:
        deployment(uow, key)
        message = "This deployment is not gated: it never carried the command 'initiate_deployment_gating'."
        raise Unknown(message, advice="Submit it in state 'pending' with that command to have it gated.")
    return gate


def is_overdue(gate: Gate, now: datetime) -> bool:
    """Tell whether *gate* must be decided anew before it is shown: a wake time has come that no worker has seen to."""
    return gate.stage is Stage.HELD and gate.verdict.wake_at is not None and gate.verdict.wake_at <= now


def gate(uow: UnitOfWork, gate_id: str, principal: Principal) -> Gate:
    """Read one gate; an app sees its own only.

    Raises:
        Forbidden: *principal* is a person who may not view, or an app that may not read.
        Unknown: there is no such gate to be seen.
    """
    found = uow.gates.get(gate_id)
    require_view(principal)
    if found is None or principal.app_id not in {None, found.key.app_id}:
        message = f"There is no gate {gate_id!r}."
        raise Unknown(message, advice="`mitregate status` shows the gates with their ids.")
    return found


def gates(uow: UnitOfWork, query: GateQuery, principal: Principal) -> list[Gate]:
    """Read a page of gates, newest first; an app sees its own only."""
    require_view(principal)
    return uow.gates.page(replace(query, app_id=principal.app_id or query.app_id))


def change(uow: UnitOfWork, key: str, principal: Principal, system: ChangeSystem) -> ChangeView:
    """Read one change with all that belongs to it.

    Args:
        uow: the transaction at hand.
        key: the key of the change.
        principal: who asks.
        system: where changes live, which says what they need.

    Raises:
        Forbidden: *principal* may not view.
        Unknown: there is no such change.
    """
    principal.require(Permission.VIEW)
    number = number_of(key)
    found = uow.changes.get(number)
    if found is None:
        message = f"There is no change request {key!r}."
        raise Unknown(message, advice="`mitregate change list` shows the changes.")
    gates = tuple(uow.gates.of_change(found.key))
    waiting = _waiting(uow, gates)
    tallies = {gate.id: _tally(uow, system, found.key, deployment) for gate, deployment in waiting}
    neediest = max(waiting, key=lambda each: _lack(tallies[each[0].id]), default=None)
    return ChangeView(
        change=found,
        gates=gates,
        comments=tuple(uow.changes.comments(number)),
        transitions=tuple(TRANSITIONS[found.status]),
        shown=shown(found, (deployment for _, deployment in waiting)),
        profile=system.profile(uow, found.key, neediest[1] if neediest is not None else None),
        tallies={gate_id: given for gate_id, given in tallies.items() if given is not None},
    )


def _waiting(uow: UnitOfWork, gates: Sequence[Gate]) -> list[tuple[Gate, Deployment]]:
    """Read what waits at those of *gates* that can still open."""
    waiting = [gate for gate in gates if gate.is_waiting]
    found = uow.deployments.get_all([gate.key for gate in waiting])
    return [(gate, found[gate.key]) for gate in waiting if gate.key in found]


def _tally(uow: UnitOfWork, system: ChangeSystem, key: str, deployment: Deployment) -> Tally | None:
    standing = system.look(uow, key, deployment)
    return standing.approvals if standing is not None else None


def _lack(tally: Tally | None) -> tuple[int, int]:
    """Order by how many approvals are missing, then by how many are stale."""
    return (tally.needed - tally.met, tally.stale) if tally is not None else (0, 0)


def shown_of(uow: UnitOfWork, change: Change, gates: Sequence[Gate]) -> tuple[str, ...]:
    """Give the digests of all that an approver of *change* judges by, which waits at *gates*."""
    return shown(change, (deployment for _, deployment in _waiting(uow, gates)))


def changes(uow: UnitOfWork, query: ChangeQuery, principal: Principal) -> list[Change]:
    """Read a page of changes, newest first."""
    principal.require(Permission.VIEW)
    return uow.changes.page(query)


def entries(uow: UnitOfWork, query: AuditQuery, principal: Principal) -> list[tuple[int, Entry]]:
    """Read a page of the audit log, newest first."""
    principal.require(Permission.AUDIT)
    return uow.audit.page(query)


def deliveries(uow: UnitOfWork, query: JobQuery, principal: Principal) -> list[Job]:
    """Read a page of deliveries, newest first."""
    principal.require(Permission.VIEW)
    return uow.jobs.page(query)


def delivery(uow: UnitOfWork, job_id: str, principal: Principal) -> DeliveryView:
    """Read one delivery with its tries.

    Raises:
        Forbidden: *principal* may not view.
        Unknown: there is no such delivery.
    """
    principal.require(Permission.VIEW)
    job = uow.jobs.get(job_id)
    if job is None:
        message = f"There is no delivery {job_id!r}."
        raise Unknown(message, advice="`mitregate delivery list` shows the deliveries with their ids.")
    return DeliveryView(job=job, attempts=tuple(uow.jobs.attempts(job_id)))


def require_view(principal: Principal) -> None:
    """Refuse a person who may not view, and an app that may not read."""
    if principal.app_id is None:
        principal.require(Permission.VIEW)
    else:
        principal.require_scope(Scope.READ)
