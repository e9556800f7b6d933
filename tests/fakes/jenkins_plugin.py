"""The Jenkins plugin Atlassian Jira Software Cloud 2.x, with a memory: how it asks, what it reads, what it shows.

Written after the public behaviour of https://github.com/jenkinsci/atlassian-jira-software-cloud-plugin. It speaks over
real sockets, makes its tokens by hand, tries again what failed with 500 or more, and reads replies as its Jackson does:
fields that it does not know are passed over, words that it does not know break the whole.
"""

import base64
import hmac
import http.client
import json
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

HEADERS = {"content-type": "application/jwt; charset=utf-8", "user-agent": "atlassian-jira-software-cloud-plugin"}
JENKINS = "https://jenkins.example/"
GATING = {"allowed", "prevented", "awaiting", "expired", "invalid"}
LIFE_S = 5 * 60
TIMEOUT_S = 5.0
RETRIES = 3


class AbortedRun(Exception):
    """The run was interrupted, and ends as ABORTED."""


class FailedStep(Exception):
    """The step failed with a message for the user; unless the pipeline catches that, the build fails."""


# --- how it names and signs ---


def hash_of(job: str) -> int:
    """Compute `String.hashCode()`, by which a pipeline is called: 32 bits, signed."""
    units = job.encode("utf-16-be")
    value = 0
    for high, low in zip(units[::2], units[1::2], strict=True):
        value = (31 * value + (high << 8 | low)) & 0xFFFFFFFF
    return value - (1 << 32) if value >> 31 else value


def token_of(request: Mapping[str, Any], secret: str, now: float, **claims: object) -> str:
    """Wrap a request in a token; further claims replace the plugin's own, and None takes one away."""
    own = {
        "aud": "jenkins-forge-app",
        "iss": "jenkins-plugin",
        "request_body_json": json.dumps(request, separators=(",", ":")),
        "exp": int(now) + LIFE_S,
        "iat": int(now),
    }
    payload = {name: value for name, value in {**own, **claims}.items() if value is not None}
    return signed({"typ": "JWT", "alg": "HS256"}, payload, secret)


def signed(header: Mapping[str, Any], payload: Mapping[str, Any], secret: str) -> str:
    """Sign a token by hand."""
    content = ".".join(_base64(json.dumps(part, separators=(",", ":")).encode()) for part in (header, payload))
    return f"{content}.{_base64(hmac.digest(secret.encode(), content.encode(), 'sha256'))}"


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


# --- what it sends ---


def deployment_event(
    job: str, build: int, state: str, now: float, *, is_gated: bool = False, environment: str = "prod-eu"
) -> dict[str, Any]:
    """Make what the step `jiraSendDeploymentInfo` sends."""
    at = datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f000Z")
    address = JENKINS + "".join(f"job/{part}/" for part in job.split("/"))
    deployment = {
        "deploymentSequenceNumber": build,
        "updateSequenceNumber": int(now),
        "associations": [{"associationType": "serviceIdOrKeys", "values": ["b:bGFtcA=="]}],
        "displayName": f"#{build}",
        "url": f"{address}{build}/",
        "description": f"#{build}",
        "lastUpdated": at,
        "label": f"#{build}",
        "state": state,
        "pipeline": {"id": str(hash_of(job)), "displayName": job, "url": address},
        "environment": {"id": environment, "displayName": environment, "type": "production"},
        **({"commands": [{"command": "initiate_deployment_gating"}]} if is_gated else {}),
        "schemaVersion": "1.0",
    }
    return _event("deployment", job, f"#{build}", deployment)


def build_event(job: str, build: int, state: str, now: float) -> dict[str, Any]:
    """Make what the step `jiraSendBuildInfo` sends."""
    at = datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f000Z")
    told = {
        "pipelineId": str(hash_of(job)),
        "buildNumber": build,
        "updateSequenceNumber": int(now),
        "displayName": job,
        "description": None,
        "label": f"#{build}",
        "url": f"{JENKINS}job/{job}/{build}/",
        "state": state,
        "lastUpdated": at,
        "issueKeys": ["LAMP-3"],
        "references": None,
        "testInfo": None,
        "schemaVersion": "1.0",
    }
    return _event("build", job, job, told)


def _event(kind: str, job: str, name: str, told: Mapping[str, object]) -> dict[str, Any]:
    return {
        "requestType": "event",
        "eventType": kind,
        "pipelineName": name,
        "status": told["state"],
        "lastUpdated": told["lastUpdated"],
        "payload": {
            "properties": {"source": "jenkins"},
            "providerMetadata": {"product": "jenkins"},
            f"{kind}s": [told],
        },
        "pipelineId": str(hash_of(job)),
    }


def gating_query(job: str, build: int, environment: str = "prod-eu") -> dict[str, Any]:
    """Make what the step `checkGatingStatus` sends."""
    return {
        "requestType": "gatingStatus",
        "deploymentId": str(build),
        "pipelineId": str(hash_of(job)),
        "environmentId": environment,
    }


# --- the plugin ---


class JenkinsPlugin:
    """The plugin in one Jenkins, with what was pasted into it; `log` is what its users see."""

    def __init__(
        self, webhook_url: str, secret: str, clock: Callable[[], float] = time.time, pause: float = 5.0
    ) -> None:
        self.webhook_url = webhook_url
        self.secret = secret
        self.log: list[str] = []
        self.calls = 0
        self._clock = clock
        self._pause = pause
        parts = urlsplit(webhook_url)
        self._site = parts.netloc  # stands for the site name, which means port 443
        self._target = f"{parts.path}?{parts.query}"

    def test_connection(self) -> str:
        """Press *Test connection*; give what is shown."""
        if self._cloud_id() is None:
            return f"Failed to resolve Jira Cloud site: {self._site}"
        try:
            is_well = self._post({"requestType": "ping"})["success"]
        except FailedStep as error:
            return f"Error message from Jira: {error}"
        return "Successfully validated site credentials" if is_well else "Is the secret correct?"

    def save(self, **settings: object) -> None:
        """Save the plugin's settings; `FailedStep` if they cannot be saved."""
        told = {"ipAddress": "192.0.2.44", "autoBuildEnabled": False, "autoBuildRegex": ""}
        told |= {"autoDeploymentsEnabled": False, "autoDeploymentsRegex": ""}
        assert self._post({"requestType": "pluginConfig", **told, **settings}) == {"success": True}

    def send(self, job: str, build: int, state: str, *, is_gated: bool = False, environment: str = "prod-eu") -> str:
        """Carry out `jiraSendDeploymentInfo`, which never fails its build; give the word that it logs."""
        event = deployment_event(job, build, state, self._clock(), is_gated=is_gated, environment=environment)
        return self._tell(event, "Deployments", "unknownAssociations", "UNKNOWN_ASSOCIATIONS", is_unknown_first=True)

    def send_build(self, job: str, build: int, state: str) -> str:
        """Carry out `jiraSendBuildInfo`; give the word that it logs."""
        event = build_event(job, build, state, self._clock())
        return self._tell(event, "Builds", "unknownIssueKeys", "UNKNOWN_ISSUE_KEYS", is_unknown_first=False)

    def check(self, job: str, build: int, environment: str = "prod-eu") -> bool:
        """Carry out `checkGatingStatus`: True to go on, False to ask again."""
        if self._cloud_id() is None:
            raise FailedStep(f"Jira site: {self._site} can't be found.")
        found = self._post(gating_query(job, build, environment))
        word, details, number = found["gatingStatus"], found["details"], found["deploymentSequenceNumber"]
        if word not in GATING or details is None or not -(2**31) <= number < 2**31:
            raise FailedStep(f"Unexpected error when submitting update to Jira: {found}")
        issues = ", ".join(detail["issueLink"] for detail in details)
        said = (
            f"Successfully retrieved deployment gating status. Related issues: {issues}, gating status: {word.upper()}."
        )
        self.log.append(f"checkGatingStatus: {said}")
        if word == "invalid":
            raise FailedStep(said)
        if word in {"prevented", "expired"}:
            raise AbortedRun(said)
        return bool(word == "allowed")

    def _tell(self, event: Mapping[str, Any], what: str, unknown: str, word: str, *, is_unknown_first: bool) -> str:
        if self._cloud_id() is None:
            return self._logged("FAILURE_SITE_NOT_FOUND", self._site)
        try:
            found = self._post(event)
        except FailedStep as error:
            return self._logged(f"FAILURE_{what.upper()}_API_RESPONSE", str(error))
        order = [(unknown, f"FAILURE_{word}"), (f"rejected{what}", f"FAILURE_{what[:-1].upper()}_REJECTED")]
        order = order if is_unknown_first else order[::-1]
        for name, said in [(f"accepted{what}", f"SUCCESS_{what[:-1].upper()}_ACCEPTED"), *order]:
            if found[name]:
                return self._logged(said, str(found[name]))
        return self._logged("FAILURE_UNEXPECTED_RESPONSE", f"Unexpected {what[:-1]}Api response.")

    def _logged(self, word: str, message: str) -> str:
        self.log.append(f"{word}: {message}")
        return word

    def _cloud_id(self) -> str | None:
        status, body = self._insist("GET", "/_edge/tenant_info", b"")
        return str(json.loads(body)["cloudId"]) if status == 200 else None

    def _post(self, request: Mapping[str, Any]) -> Any:
        status, body = self._insist("POST", self._target, token_of(request, self.secret, self._clock()).encode())
        if 400 <= status < 500:
            raise FailedStep(body.decode())
        if not 200 <= status < 300:
            raise FailedStep(f"Error response code {status} when calling Jenkins app in Jira")
        return json.loads(body)

    def _insist(self, method: str, target: str, body: bytes) -> tuple[int, bytes]:
        status, answer = self._call(method, target, body)
        for _ in range(RETRIES):
            if status < 500:
                break
            time.sleep(self._pause)
            status, answer = self._call(method, target, body)
        return status, answer

    def _call(self, method: str, target: str, body: bytes) -> tuple[int, bytes]:
        self.calls += 1
        connection = http.client.HTTPConnection(self._site, timeout=TIMEOUT_S)
        try:
            connection.request(method, target, body or None, HEADERS if body else {})
            reply = connection.getresponse()
            return reply.status, reply.read()
        except OSError as error:
            raise FailedStep(f"Server exception when submitting update to Jenkins app in Jira: {error}") from error
        finally:
            connection.close()
