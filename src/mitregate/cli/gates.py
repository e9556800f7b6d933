"""Gates as the commands find and show them."""

from mitregate.cli.desk import Desk, ask, ask_pages, decoded, path
from mitregate.cli.records import Gate
from mitregate.cli.terminal import moment, show_card, show_table
from mitregate.core.errors import Malformed, Unknown
from mitregate.core.telling import FOUND

Deployment = tuple[str | None, str | None, int | None]
"""The ids of pipeline and environment, and the sequence number, as far as they are known."""


def conditions(deployment: Deployment) -> dict[str, object]:
    """Write which gates are meant, as the native API wants it."""
    pipeline, environment, sequence = deployment
    return {"pipelineId": pipeline, "environmentId": environment, "deploymentSequenceNumber": sequence}


async def find_gate(desk: Desk, gate_id: str | None, deployment: Deployment) -> bytes:
    """Find the one gate that is meant, by its id or by its deployment.

    Raises:
        Malformed: neither is given, or both; or several apps have such a deployment.
        Unknown: there is none.
    """
    is_by_deployment = all(part is not None for part in deployment)
    if (gate_id is not None) == (deployment != (None, None, None)) or not (gate_id or is_by_deployment):
        message = "It is not clear which gate is meant."
        raise Malformed(message, advice="Give its id; or all of --pipeline, --environment and --sequence.")
    if gate_id is None:
        gate_id = await _current_gate(desk, deployment)
    return await ask(desk, "GET", path("gates", gate_id))


async def _current_gate(desk: Desk, deployment: Deployment) -> str:
    """Find the newest gate of a deployment."""
    page = await ask_pages(desk, path("gates"), conditions(deployment), 20)
    found = [decoded(item, Gate) for item in page.items]
    if not found:
        pipeline, environment, sequence = deployment
        message = f"There is no gate for deployment {sequence} of {pipeline!r} to {environment!r}."
        advice = "Was it submitted, and did it ask to be gated? `mitregate status` shows the gates that wait."
        raise Unknown(message, advice=advice)
    if len({gate.app_id for gate in found}) > 1:
        message = "Several apps have such a deployment."
        raise Malformed(message, advice=f"Give the gate's id: {', '.join(gate.id for gate in found)}.")
    return found[0].id


def show_gate(gate: Gate) -> None:
    """Show one gate with all there is to say about it."""
    show_card(
        [
            ("status", gate.gating_status),
            ("since", moment(gate.since)),
            ("deployment", gate.deployment),
            ("why", gate.why),
            ("to open it", gate.remedy),
            ("opens at the earliest", moment(gate.opens_at)),
            ("good until", moment(gate.good_until)),
            ("ends if undecided", moment(gate.ends_at)),
            ("ended", gate.ended.said if gate.ended else ""),
            ("freeze overridden", gate.override.said if gate.override else ""),
            ("stage", gate.stage if gate.stage != "held" else ""),
            ("change", f"{gate.change_key} {gate.change_link or ''}" if gate.change_key else ""),
            ("found", FOUND[gate.found] if gate.found else ""),
            ("gate", gate.id),
            ("where", gate.link),
        ]
    )


def show_gates(gates: list[Gate]) -> None:
    """Show several gates as a table."""
    columns = ("STATUS", "DEPLOYMENT", "WHY", "TO OPEN IT", "EARLIEST", "CHANGE", "GATE")
    show_table(
        columns,
        [(g.gating_status, g.deployment, g.why, g.remedy, moment(g.opens_at), g.change_key or "", g.id) for g in gates],
    )
