"""Clients in the field that only report: none of them asks to be held, so nothing of theirs is.

Like those in `senders`, they speak as the real ones do and are as easily upset.
"""

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from tests.acceptance.callers import Caller
from tests.acceptance.senders import JSON, Sender, Upset

BULK = "/rest/deployments/0.1/bulk"


class GitHubForJira(Sender):
    """GitHub for Jira: numeric properties, fields of its own, 202 the only success, deletion by properties."""

    INSTALLATION = 4400121

    def send(self, number: int, state: str, operation: str = "NORMAL", repository: int = 90210) -> None:
        """Tell of a deployment; whatever was not simply accepted is remembered as trouble."""
        whole = {
            "schemaVersion": "1.0",
            "deploymentSequenceNumber": number,
            "updateSequenceNumber": time.time_ns() // 1_000_000,
            "displayName": "deploy",
            "url": "https://github.example/pier/buoys/actions/runs/8801",
            "description": "deploy",
            "lastUpdated": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "state": state,
            "pipeline": {"id": "deploy", "displayName": "deploy", "url": "https://github.example/pier/buoys"},
            "environment": {"id": "prod-west", "displayName": "prod-west", "type": "production"},
            "associations": [
                {"associationType": "issueIdOrKeys", "values": ["BUOY-8"]},
                {"associationType": "commit", "values": [{"commitHash": "77aa01fe", "repositoryId": str(repository)}]},
            ],
        }
        body = {
            "deployments": [whole],
            "properties": {"gitHubInstallationId": self.INSTALLATION, "repositoryId": repository},
            "preventTransitions": operation == "BACKFILL",
            "operationType": operation,
        }
        answer = self._site.ask("POST", BULK, json=body)
        if answer.status != 202:
            raise Upset(f"{answer.status}: {answer.body.decode()}")
        found = answer.json
        self.trouble += [name for name, values in found.items() if name != "acceptedDeployments" and values]

    def disconnect(self, repository: int | None = None) -> None:
        """Delete all that was sent for one repository, or for the whole installation."""
        fitting = f"gitHubInstallationId={self.INSTALLATION}" if repository is None else f"repositoryId={repository}"
        answer = self._site.ask("DELETE", f"/rest/deployments/0.1/bulkByProperties?{fitting}")
        if answer.status not in {200, 202}:
            raise Upset(f"{answer.status}: {answer.body.decode()}")

    def reads(self, number: int) -> int:
        """Read a deployment; give the status."""
        target = f"/rest/deployments/0.1/pipelines/deploy/environments/prod-west/deployments/{number}"
        return self._site.ask("GET", target).status


class CircleCi(Sender):
    """The CircleCI orb 1.x: numbers as strings, empty strings where nothing is known, a new environment every time."""

    def send(self, run: int, state: str, *, second: int = 0) -> None:
        """Tell of a run, *second* seconds after its begin."""
        environment = {"id": f"{run:08x}-cranes-prod", "displayName": "cranes-prod", "type": "production"}
        whole = {
            "schemaVersion": "1.0",
            "pipeline": {"id": "gh/pier/cranes", "displayName": "pier/cranes", "url": "https://app.circleci.example"},
            "deploymentSequenceNumber": str(run),
            "updateSequenceNumber": str(1769860800 + second),
            "displayName": f"#{run} deploy-cranes",
            "description": "",
            "url": f"https://app.circleci.example/pipelines/gh/pier/cranes/{run}",
            "lastUpdated": "2026-01-31T14:00:00+02:00",
            "state": state,
            "issueKeys": [""],
            "associations": [{"associationType": "serviceIdOrKeys", "values": [""]}],
            "environment": environment,
        }
        answer = self._site.ask("POST", BULK, json={"deployments": [whole]})
        if answer.status not in {200, 202}:
            raise Upset(f"{answer.status}: {answer.body.decode()}")
        found = answer.json
        if found["unknownAssociations"]:
            raise Upset(f"unknown: {found['unknownAssociations'][0]}")
        if not found["acceptedDeployments"]:
            raise Upset(f"not accepted: {found}")

    def state(self, run: int) -> str:
        """Read back what was kept of a run."""
        target = f"/pipelines/{quote('gh/pier/cranes', safe='')}/environments/{run:08x}-cranes-prod/deployments/{run}"
        state: str = self._site.ask("GET", f"/rest/deployments/0.1{target}").expect(200).json["state"]
        return state


class CircleCiOrb:
    """The CircleCI orb 2.x: a URL of the user's, and in the header whatever was given as the token, as it was given."""

    def __init__(self, url: str, token: str) -> None:
        """Take the parameter `oidc_token`."""
        self._site = Caller(url)
        self._token = token

    def notify(self, run: int, state: str, service: str = "") -> None:
        """Carry out the command `notify` for a deployment; stop at anything that is called an error."""
        run_id = f"1d0c7a52-2222-4333-8444-{run:012x}"
        whole = {
            "deploymentSequenceNumber": str(run),
            "updateSequenceNumber": str(int(time.time())),
            "associations": [
                {"associationType": "issueIdOrKeys", "values": ["CRANE-5"]},
                {"associationType": "serviceIdOrKeys", "values": [service]},
            ],
            "displayName": f"Deployment #{run} of cranes",
            "url": f"https://circleci.example/gh/pier/cranes/{run}",
            "description": "Deployment successful",
            "lastUpdated": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z"),
            "label": f"Release {run}",
            "state": state,
            "pipeline": {"id": run_id, "displayName": f"Deployment: cranes::{run}", "url": "https://circleci.example"},
            "environment": {"id": f"ship::{run_id}", "displayName": "cranes-prod", "type": "production"},
            "schemaVersion": "1.0",
        }
        body = {"deployments": [whole], "providerMetadata": {"agent": "circleci-orb"}}
        headers = {"authorization": self._token, **JSON}
        answer = self._site.ask("POST", f"{BULK}?verbosity=error", json=body, headers=headers)
        errors = [
            item.get("errors") or item["error"] for item in objects(answer.json) if item.keys() & {"errors", "error"}
        ]
        if answer.status > 299 or errors:
            raise Upset(f"{answer.status}: {errors or answer.body.decode()}")

    def close(self) -> None:
        """Let go of the connection."""
        self._site.close()


class HighwayThree(Sender):
    """The action jira-upload-deployment-info: the id of the run, as a string, is both numbers; keys are not trimmed."""

    PIPELINE = "pier/ropes Build and ship"

    def upload(self, run: int, state: str, keys: str = "") -> None:
        """Upload what is known of a run; fail with the messages of the first deployment that is rejected."""
        address = f"https://github.example/pier/ropes/actions/runs/{run}"
        whole = {
            "schemaVersion": "1.0",
            "deploymentSequenceNumber": str(run),
            "updateSequenceNumber": str(run),
            "issueKeys": keys.split(","),
            "displayName": "",
            "url": address,
            "description": "",
            "lastUpdated": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "label": "",
            "state": state,
            "pipeline": {"id": self.PIPELINE, "displayName": "Workflow: Build and ship (#12)", "url": address},
            "environment": {"id": "Production", "displayName": "Production", "type": "production"},
        }
        answer = self._site.ask("POST", f"{self._family()}/bulk", json={"deployments": [whole]})
        if answer.status // 100 != 2:
            raise Upset(f"{answer.status} - {answer.body.decode()}")
        for rejected in answer.json["rejectedDeployments"][:1]:
            raise Upset(",".join(error["message"] for error in rejected["errors"]))

    def state(self, run: int) -> str:
        """Read back what was kept of a run."""
        segments = f"/pipelines/{quote(self.PIPELINE, safe='')}/environments/Production/deployments/{run}"
        state: str = self._site.ask("GET", self._family() + segments).expect(200).json["state"]
        return state

    def _family(self) -> str:
        cloud_id = self._site.ask("GET", "/_edge/tenant_info").expect(200).json["cloudId"]
        return f"/jira/deployments/0.1/cloud/{cloud_id}"


def objects(value: Any) -> Iterator[dict[str, Any]]:
    """List every object in *value*, however deep."""
    if isinstance(value, dict):
        yield value
    for item in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from objects(item)
