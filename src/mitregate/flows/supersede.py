"""Supersede: a newer deployment takes the place of an older one that waits, where the rules say so (domain.md §6)."""

from mitregate.core.deployments import Deployment
from mitregate.core.gates import Ended, Gate, GatingStatus, ReasonCode
from mitregate.core.reach import subject_of
from mitregate.core.waiting import waiting_for
from mitregate.flows.act import Act
from mitregate.flows.settle import end

WAITS = {GatingStatus.AWAITING, GatingStatus.INVALID}
"""Statuses out of which a gate can yet be allowed; what is invalid waits for an operator."""


def supersede(act: Act, gate: Gate, deployment: Deployment) -> None:
    """Let *gate*, just opened, take the place of those that wait at the same place, or one of them that of *gate*.

    What is allowed already keeps its place, and what was prevented its reason. Of one pipeline the higher number is the
    newer deployment, whatever came first; of different ones, or where a tool has a pipeline for each run, the one that
    was opened later.
    """
    others = rivals(act, gate, deployment)
    newer = [other for other in others if _is_overtaken(gate, other)]
    if newer:
        if gate.verdict.status in WAITS:
            _end(act, gate, deployment, newer[-1])
        return
    for other in others:
        waiting = act.uow.deployments.get(other.key) if other.verdict.status in WAITS else None
        if waiting is not None:
            _end(act, other, waiting, gate)


def rivals(act: Act, gate: Gate, deployment: Deployment) -> list[Gate]:
    """Give the other gates that wait at the place of *gate*, where the rules let only the newest one wait there.

    One that cannot be allowed, such as for a mistyped number of its change, takes nobody's place.
    """
    if not gate.is_waiting or gate.contested is not None or gate.verdict.status is GatingStatus.PREVENTED:
        return []
    rules = act.uow.rules.current().book.waiting
    if not rules or not waiting_for(rules, subject_of(deployment)).supersede:
        return []
    return [other for other in act.uow.gates.held_at(gate.place) if other.id != gate.id and other.is_waiting]


def _is_overtaken(gate: Gate, other: Gate) -> bool:
    same = gate.key.pipeline_id == other.key.pipeline_id
    return same and gate.key.sequence_number < other.key.sequence_number


def _end(act: Act, gate: Gate, deployment: Deployment, by: Gate) -> None:
    successor = f"{by.project} {by.version}, number {by.key.sequence_number} of {by.key.pipeline_id}"
    note = f"A newer deployment took the place of {deployment.display_name}: {successor}."
    end(act, gate, deployment, Ended(code=ReasonCode.SUPERSEDED, at=act.now, successor=successor), note)
