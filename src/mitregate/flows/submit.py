"""Submit: keep the newest update of each deployment, open gates, follow progress."""

from collections.abc import Sequence

from msgspec import Struct
from msgspec.structs import replace

from mitregate.core.audit import Action
from mitregate.core.control import Control, control, rules_for
from mitregate.core.deployments import FINAL_STATES, Deployment, State, is_newer
from mitregate.core.gates import PENDING, Gate, GatingStatus, Grounds, Stage
from mitregate.core.risk import COUNTED, REMEMBERED
from mitregate.core.rulebook import services_named
from mitregate.flows.act import Act
from mitregate.flows.contest import contest, is_of_another_job
from mitregate.flows.relate import Related, assessment_of, relate
from mitregate.flows.settle import announce, first_look, inputs_of, settle
from mitregate.flows.supersede import supersede


class Taken(Struct, frozen=True, kw_only=True):
    """What is to be said of a submission.

    Over the gates that are `contested` an update was not kept. The rulebook does not know the
    `unknown_services`; one without any service has nothing to say about that.
    """

    contested: tuple[Gate, ...] = ()
    unknown_services: tuple[str, ...] = ()


def submit(act: Act, deployments: Sequence[Deployment]) -> Taken:
    """Take in *deployments*, all of one app, in their order.

    An update that is not newer than what is stored is ignored, but for its wish to be gated. One that asks for gating
    opens a gate with a change, which are there when this returns; one that reports progress ends the gate's wait and is
    told to its change. One that comes from another job than what is stored is dealt with by `flows.contest`.

    Returns:
        What is to be said of it.
    """
    known = act.uow.deployments.get_all([deployment.key for deployment in deployments])
    contested: list[Gate] = []
    for deployment in deployments:
        stored = known.get(deployment.key)
        if stored is not None and is_of_another_job(act, deployment, stored):
            # Numbers of different jobs say nothing about which of two updates is the newer one.
            if (claimed := contest(act, stored, deployment)) is not None:
                contested.append(claimed)
                continue
        elif stored is not None and not is_newer(deployment, stored):
            _catch_up(act, stored, deployment)
            continue
        act.uow.deployments.keep(deployment, act.now)
        known[deployment.key] = deployment
        gate = act.uow.gates.of(deployment.key) if stored is not None else None
        _follow(act, gate, deployment)
    return Taken(contested=tuple(contested), unknown_services=_unknown_services(act, deployments))


def _unknown_services(act: Act, deployments: Sequence[Deployment]) -> tuple[str, ...]:
    book = act.uow.rules.current().book
    # CircleCI's orb sends an empty id where there is none.
    ids = [one for deployment in deployments for one in deployment.associations.services if one.strip()]
    return services_named(book, ids).unknown if book.services else ()


def _follow(act: Act, gate: Gate | None, deployment: Deployment) -> None:
    is_pending = deployment.state is State.PENDING
    if gate is not None and gate.stage is Stage.HELD and is_pending:
        settle(act, _describe(act, gate, deployment), deployment)
    elif gate is not None and gate.stage is not Stage.WITHDRAWN and is_pending:
        # The tool starts over: what was allowed then is not allowed now.
        _abandon(act, gate)
        _open(act, deployment, _control(act, deployment) or Control.REQUIRED, gate)
    elif (wanted := _control(act, deployment)) is not None:
        _open(act, deployment, wanted, gate)
    elif gate is not None:
        _progress(act, gate, deployment)


def _catch_up(act: Act, stored: Deployment, overtaken: Deployment) -> None:
    """Open the gate that an update asked for which was overtaken on its way: order must not decide what is gated."""
    wanted = _control(act, overtaken) if stored.state is State.PENDING else None
    gate = act.uow.gates.of(stored.key) if wanted is not None else None
    if wanted is not None and (gate is None or gate.stage is Stage.WITHDRAWN):
        _open(act, stored, wanted, gate)


def _control(act: Act, deployment: Deployment) -> Control | None:
    return control(deployment, act.uow.rules.current().book.control)


def _open(act: Act, deployment: Deployment, wanted: Control, earlier: Gate | None) -> None:
    related = relate(act, deployment) if wanted is Control.REQUIRED else None
    new = new_gate(act, act.ports.new_id(), deployment, wanted, related)
    new = replace(new, contested=earlier.contested if earlier is not None else None)
    gate, change = first_look(act, new, deployment)
    act.uow.gates.add(gate)
    detail = inputs_of(gate.verdict, change)
    if gate.found is not None:
        detail["found"] = gate.found.value
    act.record(Action.GATE_OPENED, gate.id, detail)
    announce(act, gate)
    supersede(act, gate, deployment)


def new_gate(act: Act, gate_id: str, deployment: Deployment, wanted: Control, related: Related | None) -> Gate:
    """Make the gate that is opened for *deployment*, which nobody has decided on yet.

    Args:
        act: the use case under way.
        gate_id: its id.
        deployment: what is to wait there.
        wanted: what change control says.
        related: its change, if it needs one.
    """
    rules = act.uow.rules.current()
    left, right = (rule.said if rule is not None else "" for rule in rules_for(deployment, rules.book.control))
    return Gate(
        id=gate_id,
        key=deployment.key,
        control=wanted,
        change_key=related.key if related is not None else None,
        verdict=PENDING,
        since=act.now,
        project=deployment.project,
        version=deployment.version,
        environment=deployment.environment.display_name or deployment.environment.id,
        environment_type=deployment.environment.type,
        url=deployment.url,
        found=related.how if related is not None else None,
        grounds=Grounds(
            revision=rules.revision, left=left, right=right, passed=related.note if related is not None else ""
        ),
        created_at=act.now,
    )


def _progress(act: Act, gate: Gate, deployment: Deployment) -> None:
    is_final = deployment.state in FINAL_STATES
    has_begun = deployment.state is State.IN_PROGRESS or (is_final and deployment.state is not State.CANCELLED)
    gate = settle(act, gate, deployment)
    if gate.stage is Stage.HELD and has_begun:
        is_allowed = gate.verdict.status is GatingStatus.ALLOWED
        action = Action.GATE_STARTED if is_allowed else Action.GATE_STARTED_UNALLOWED
        act.record(action, gate.id, {"status": gate.verdict.status.value})
        if gate.related_to is not None:
            text = "The deployment started." if is_allowed else "The deployment started WITHOUT being allowed to."
            act.ports.changes.comment(act.uow, gate.related_to, text, act.now)
        gate = _leave(act, gate, Stage.STARTED)
    if is_final and gate.stage in {Stage.HELD, Stage.STARTED}:
        act.record(Action.GATE_FINISHED, gate.id, {"state": deployment.state.value})
        relied = gate.relies
        gate = _leave(act, replace(gate, outcome=deployment.state), Stage.FINISHED)
        if gate.change_key is not None and relied:
            act.ports.changes.finish(act.uow, gate.change_key, deployment.state, act.now)
        _remember(act, gate, deployment.state)


def _remember(act: Act, gate: Gate, outcome: State) -> None:
    """Keep how a deployment ended, for the risk of those that follow."""
    if outcome in COUNTED:
        history = act.uow.gates.history(gate.place)
        act.uow.gates.remember(gate.place, (*history, outcome)[-REMEMBERED:])


def _abandon(act: Act, gate: Gate) -> None:
    """End what *gate* stands for, if its deployment has started and never ended: the tool starts over."""
    if gate.stage is not Stage.STARTED:
        return
    act.record(Action.GATE_FINISHED, gate.id, {"state": "started over"})
    gate = _leave(act, replace(gate, outcome=State.CANCELLED), Stage.FINISHED)
    if gate.related_to is not None:
        note = "The deployment starts over, with a gate of its own."
        act.ports.changes.finish(act.uow, gate.related_to, State.CANCELLED, act.now, note)


def _leave(act: Act, gate: Gate, stage: Stage) -> Gate:
    """End the wait of *gate*: its verdict stays as it is, and nothing about it is announced any more."""
    left = replace(gate, stage=stage)
    act.uow.gates.keep(left)
    act.uow.jobs.withdraw(gate.id, act.now, f"The deployment is {stage.value}.")
    return replace(left, revision=left.revision + 1)


def _describe(act: Act, gate: Gate, deployment: Deployment) -> Gate:
    """Keep with *gate*, and with its change, how its *deployment* describes itself now."""
    if gate.is_waiting and gate.change_key is not None:
        assessment = assessment_of(act.uow, deployment)
        act.ports.changes.describe(act.uow, gate.change_key, deployment, assessment, act.now)
    described = replace(
        gate,
        project=deployment.project,
        version=deployment.version,
        environment=deployment.environment.display_name or deployment.environment.id,
        environment_type=deployment.environment.type,
        url=deployment.url,
    )
    if described == gate:
        return gate
    act.uow.gates.keep(described)
    return replace(described, revision=described.revision + 1)
