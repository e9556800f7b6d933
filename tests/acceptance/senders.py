"""Clients of the Deployments API as they are in the field, written after their public behaviour; each with a memory.

They speak as the real ones do and are as easily upset: what would make a real one stop raises `Upset` here.
"""

import json
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote, urlencode

from msgspec import Struct

from tests.acceptance.callers import Answer, Caller, NoAnswer

FORM = {"content-type": "application/x-www-form-urlencoded"}
JSON = {"content-type": "application/json"}


class Upset(Exception):
    """A real client would have stopped here and shown its user an error."""


class Credentials(Struct, frozen=True, kw_only=True):
    """What an app was given."""

    client_id: str
    client_secret: str


def credentials_of(made: Mapping[str, Any]) -> Credentials:
    """Read the credentials out of what the native API gave."""
    return Credentials(client_id=made["clientId"], client_secret=made["clientSecret"])


class Jenkins:
    """The Jira Software Cloud plugin 1.x: a form token for each call, more tries on 5xx, and on 404 when it polls."""

    RETRIES = 3
    PAUSE_S = 1.5
    """Five seconds in the plugin."""

    RESULTS: Mapping[str, bool | None] = {"allowed": True, "awaiting": False, "prevented": None, "expired": None}
    """What the step returns; None interrupts the run. Any other word cannot be parsed."""

    def __init__(self, url: str, credentials: Credentials) -> None:
        self._site = Caller(url, patience=5)
        self._credentials = credentials
        self.calls = 0

    def send(self, job: str, build: int, state: str, *, is_gated: bool = False) -> str:
        """Carry out the step `jiraSendDeploymentInfo`, which never fails; give what it writes into the build's log."""
        whole = {
            "properties": {"source": "jenkins"},
            "providerMetadata": {"product": "jenkins"},
            "deployments": [self._deployment(job, build, state, is_gated=is_gated)],
        }
        cloud_id = self._cloud_id()
        answer = self._call("POST", f"/jira/deployments/0.1/cloud/{cloud_id}/bulk", whole)
        if answer.status != 202:
            return f"{answer.status}: {answer.body.decode()}"
        found = answer.json
        if found["acceptedDeployments"]:
            return "accepted"
        if found["unknownAssociations"]:
            return f"unknown: {found['unknownAssociations']}"
        return f"rejected: {found['rejectedDeployments'][0]['errors'][0]['message']}"

    def check(self, job: str, build: int, environment: str = "prod-eu") -> bool | None:
        """Carry out the step `checkGatingStatus`."""
        segments = f"/pipelines/{quote(job, safe='')}/environments/{environment}/deployments/{build}/gating-status"
        answer = self._call("GET", f"/jira/deployments/0.1/cloud/{self._cloud_id()}{segments}")
        if answer.status != 200:
            raise Upset(f"{answer.status}: {answer.body.decode()}")
        found = answer.json
        if not isinstance(found["details"], list) or found["gatingStatus"] not in self.RESULTS:
            raise Upset(f"cannot parse {found}")
        if not -(2**31) <= found["deploymentSequenceNumber"] < 2**31:
            raise Upset("not an Integer")
        return self.RESULTS[found["gatingStatus"]]

    def wait_until_allowed(self, job: str, build: int, polls: int = 60) -> bool:
        """Carry out `waitUntil { checkGatingStatus() }`; False if the run was aborted."""
        for _ in range(polls):
            result = self.check(job, build)
            if result is not False:
                return result is True
            time.sleep(0.1)
        raise Upset("waits for ever")

    def close(self) -> None:
        """Let go of the connection."""
        self._site.close()

    def _deployment(self, job: str, build: int, state: str, *, is_gated: bool) -> dict[str, Any]:
        now = datetime.now(UTC)
        whole = {
            "deploymentSequenceNumber": build,
            "updateSequenceNumber": int(now.timestamp()),
            "displayName": f"#{build}",
            "url": f"https://jenkins.example/job/{build}/",
            "description": f"#{build}",
            "lastUpdated": now.strftime("%Y-%m-%dT%H:%M:%S.%f000Z"),
            "label": f"#{build}",
            "state": state,
            "pipeline": {"id": job, "displayName": job, "url": "https://jenkins.example/job/"},
            "environment": {"id": "prod-eu", "displayName": "Production Europe", "type": "production"},
            "associations": [{"associationType": "serviceIdOrKeys", "values": ["b:bGFtcA=="]}],
            "schemaVersion": "1.0",
        }
        return whole | ({"commands": [{"command": "initiate_deployment_gating"}]} if is_gated else {})

    def _cloud_id(self) -> str:
        cloud_id: str = self._insist(lambda: self._site.ask("GET", "/_edge/tenant_info")).expect(200).json["cloudId"]
        return cloud_id

    def _call(self, method: str, target: str, whole: object = None) -> Answer:
        is_poll = target.endswith("gating-status")
        return self._insist(lambda: self._call_once(method, target, whole), also=404 if is_poll else 500)

    def _insist(self, ask: Callable[[], Answer], *, also: int = 500) -> Answer:
        """Ask again when the site is in trouble; where a proxy would answer for one that is away, nobody does here."""
        for attempt in range(self.RETRIES + 1):
            self.calls += 1
            try:
                answer = ask()
            except NoAnswer as error:
                answer = Answer(status=502, headers={}, body=str(error).encode())
            if (answer.status < 500 and answer.status != also) or attempt == self.RETRIES:
                return answer
            time.sleep(self.PAUSE_S)
        raise AssertionError

    def _call_once(self, method: str, target: str, whole: object) -> Answer:
        form = {
            "client_id": self._credentials.client_id,
            "client_secret": self._credentials.client_secret,
            "grant_type": "client_credentials",
        }
        granted = self._site.ask("POST", "/oauth/token", body=urlencode(form).encode(), headers=FORM)
        if granted.status >= 500:
            return granted
        if granted.status != 200:
            raise Upset("no token")
        headers = {
            "authorization": f"Bearer {granted.json['access_token']}",
            "user-agent": "atlassian-jira-software-cloud-plugin",
        }
        body = json.dumps(whole).encode() if whole is not None else b""
        return self._site.ask(method, target, body=body, headers={**headers, **(JSON if body else {})})


class Sender:
    """What the other clients have in common: one token, kept for its hour."""

    def __init__(self, url: str, credentials: Credentials) -> None:
        self._site = Caller(url)
        grant = {
            "audience": "api.atlassian.com",
            "grant_type": "client_credentials",
            "client_id": credentials.client_id,
            "client_secret": credentials.client_secret,
        }
        self._site.token = self._site.ask("POST", "/oauth/token", json=grant).expect(200).json["access_token"]
        self.trouble: list[str] = []

    def close(self) -> None:
        """Let go of the connection."""
        self._site.close()


class GitLab(Sender):
    """GitLab's integration: milliseconds, nulls where it knows nothing, two lines of description; told by callback."""

    def send(self, iid: int, status: str, *, has_job: bool = True) -> None:
        """Tell of a deployment in GitLab's own status."""
        states = {"created": "pending", "blocked": "pending", "running": "in_progress", "canceled": "cancelled"}
        state = states.get(status, {"success": "successful"}.get(status, status))
        address = f"https://gitlab.example/harbour/ferry/-/jobs/{iid}" if has_job else None
        whole = {
            "schemaVersion": "1.0",
            "deploymentSequenceNumber": iid,
            "updateSequenceNumber": time.time_ns() // 1_000_000,
            "displayName": f"Deployment {iid} (main@5f1c09ab) to production",
            "description": f"Deployment {iid} of harbour/ferry at 5f1c09ab (release) to\n          production",
            "label": f"harbour/ferry-production-{iid}-5f1c09ab",
            "url": address,
            "state": state,
            "lastUpdated": datetime.now(UTC).isoformat(timespec="seconds"),
            "associations": [{"associationType": "issueKeys", "values": ["FERRY-17"]}],
            "pipeline": {"id": "20871", "displayName": "harbour/ferry", "url": address} if has_job else None,
            "environment": {"id": "61", "displayName": "harbour/ferry/production", "type": "production"},
            "commands": [{"command": "initiate_deployment_gating"}] if state == "pending" and has_job else None,
        }
        body = {"deployments": [whole], "providerMetadata": {"product": "GitLab 18.6.1-ee"}}
        answer = self._site.ask("POST", "/rest/deployments/0.1/bulk", json=body)
        if answer.status not in {200, 202}:
            raise Upset(f"{answer.status}: {answer.body.decode()}")
        for rejected in answer.json["rejectedDeployments"]:
            self.trouble += [error["message"] for error in rejected["errors"]]
