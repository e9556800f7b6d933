"""What the pipeline in the demo submits: shaped as GitLab's, with a description of two lines and with nulls."""

from collections.abc import Mapping

from mitregate.client import Key
from mitregate.wire.jira_values import GATING_COMMAND, SCHEMA_VERSION

PROJECT = "https://gitlab.example.com/acme/webshop"

COMMITS = {4711: "8f3a1c5d", 4712: "d27e90b4"}
"""The deployments of the demo by number, and what each deploys."""


def key_of(number: int) -> Key:
    """Name the deployment with that number; GitLab's pipelines have another id each time."""
    return Key(pipeline_id=str(number + 86_000), environment_id="17", deployment_sequence_number=number)


def payload(number: int, update: int, state: str) -> Mapping[str, object]:
    """Write the body of `POST …/bulk`.

    Args:
        number: the deployment's sequence number.
        update: the number of this update; it rises.
        state: how far the deployment is; only a pending one asks to be gated.
    """
    key, commit = key_of(number), COMMITS[number]
    deployment = {
        "schemaVersion": SCHEMA_VERSION,
        "deploymentSequenceNumber": number,
        "updateSequenceNumber": update,
        "displayName": f"deploy:production ({commit})",
        "description": f"Deployment {number} of acme/webshop at {commit}\nto production",
        "label": f"production\n{commit}",
        "state": state,
        "url": None,
        "lastUpdated": "2026-02-03T09:41:07.000Z",
        "duration": None,
        "pipeline": {"id": key.pipeline_id, "displayName": "acme/webshop", "url": f"{PROJECT}/-/pipelines"},
        "environment": {"id": key.environment_id, "displayName": "production", "type": "production"},
        "associations": [{"associationType": "issueIdOrKeys", "values": ["SHOP-318"]}],
        "commands": [{"command": GATING_COMMAND}] if state == "pending" else None,
    }
    return {"deployments": [deployment], "providerMetadata": {"product": "GitLab"}}
