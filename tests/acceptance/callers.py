"""Who calls a server: an app at the Deployments API, a person at the native API, each on one connection of its own.

The request line is sent as it is written here, so that a path arrives exactly as a test has quoted it.
"""

import base64
import http.client
import json as jsons
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar
from urllib.parse import quote, urlencode, urlsplit

from msgspec import Struct

T = TypeVar("T")

FAMILIES = (
    "/rest/deployments/0.1",
    "/jira/deployments/0.1/cloud/{cloud_id}",
    "/ex/jira/{cloud_id}/rest/deployments/0.1",
)
"""The three families of paths under which the Deployments API is served."""

IDS = [
    ("checkout", "prod"),
    ("team/checkout/main", "eu/prod"),
    ("build all + test 100%", "a&b=c?d#e"),
    ("Prüfung-构建-🚀", "Производство"),
    ("-1834291", "-7"),
    ("..", "."),
    ("%2F", "%"),
]
"""Ids of pipelines and environments; all but the first are what somebody stumbles over."""


class NoAnswer(Exception):
    """The connection broke, or could not be made: whether the request was carried out is not known."""


class Answer(Struct, frozen=True, kw_only=True):
    """What came back; header names are in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body, decoded."""
        return jsons.loads(self.body)

    def expect(self, status: int) -> "Answer":
        """Insist on a status."""
        assert self.status == status, f"{self.status} instead of {status}: {self.body.decode(errors='replace')}"
        return self


class Caller:
    """One HTTP connection, made anew when it has broken; *source* is the address of this machine to come from."""

    def __init__(self, url: str, token: str = "", patience: float = 30.0, source: str = "") -> None:
        self.url = url
        self.token = token
        parts = urlsplit(url)
        self._path = parts.path
        kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        self._connection = kind(parts.netloc, timeout=patience, source_address=(source, 0) if source else None)

    def ask(
        self,
        method: str,
        target: str,
        *,
        json: object = None,
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Send one request and take its answer; `NoAnswer` if there is none."""
        fields = {"authorization": f"Bearer {self.token}"} if self.token else {}
        if json is not None:
            body = jsons.dumps(json).encode()
            fields["content-type"] = "application/json"
        try:
            self._connection.request(
                method, self._path + target, body=body or None, headers={**fields, **(headers or {})}
            )
            response = self._connection.getresponse()
            found = {name.lower(): value for name, value in response.getheaders()}
            return Answer(status=response.status, headers=found, body=response.read())
        except (OSError, http.client.HTTPException) as error:
            self._connection.close()
            raise NoAnswer(str(error)) from error

    def close(self) -> None:
        """Let go of the connection."""
        self._connection.close()


class App(Caller):
    """An app with its OAuth credentials, as `POST /api/v1/apps` gave them."""

    def __init__(self, url: str, made: Mapping[str, Any], family: str = FAMILIES[0]) -> None:
        super().__init__(url)
        self.made = made
        self.id: str = made["id"]
        self.family = family.format(cloud_id=made["cloudId"])

    def like(self, family: str = FAMILIES[0]) -> "App":
        """The same app on another connection, or under another family of paths."""
        return App(self.url, self.made, family)

    def log_in(self) -> None:
        """Exchange the credentials for a token; done by `call` when it is needed."""
        grant = {
            "grant_type": "client_credentials",
            "client_id": self.made["clientId"],
            "client_secret": self.made["clientSecret"],
        }
        self.token = self.ask("POST", "/oauth/token", json=grant).expect(200).json["access_token"]

    def call(self, method: str, path: str, json: object = None) -> Answer:
        """Call an operation of the Deployments API; *path* is what follows `/0.1` or the cloud id."""
        if not self.token:
            self.log_in()
        return self.ask(method, self.family + path, json=json)

    def submit(self, *deployments: Mapping[str, Any], **more: Any) -> dict[str, Any]:
        """Submit deployments, all of which must be accepted."""
        answer: dict[str, Any] = self.call("POST", "/bulk", {"deployments": list(deployments), **more}).expect(202).json
        assert len(answer["acceptedDeployments"]) == len(deployments), answer
        assert answer["rejectedDeployments"] == [], answer
        return answer

    def gating(self, deployment: Mapping[str, Any]) -> dict[str, Any]:
        """Ask for a gating status."""
        found: dict[str, Any] = self.call("GET", f"{path_of(deployment)}/gating-status").expect(200).json
        return found

    def status(self, deployment: Mapping[str, Any]) -> str:
        """Ask for the word alone."""
        word: str = self.gating(deployment)["gatingStatus"]
        return word


class Person(Caller):
    """A person with an API token."""

    def like(self, url: str = "") -> "Person":
        """The same person on another connection, or at another server."""
        return Person(url or self.url, self.token)

    def get(self, path: str, **query: object) -> Any:
        """Read something."""
        conditions = {name: value for name, value in query.items() if value is not None}
        return self.ask("GET", f"/api/v1{path}?{urlencode(conditions)}").expect(200).json

    def pages(self, path: str, **query: object) -> Iterator[dict[str, Any]]:
        """Read a whole list, page by page."""
        cursor = None
        while True:
            page = self.get(path, limit=200, cursor=cursor, **query)
            yield from page["items"]
            cursor = page.get("next")
            if cursor is None:
                return

    def add_app(self, name: str, callback: str | None = None) -> App:
        """Add an app."""
        wanted = {"name": name} | ({"callbackUrl": callback} if callback else {})
        return App(self.url, self.ask("POST", "/api/v1/apps", json=wanted).expect(201).json)

    def change(self, key: str) -> Any:
        """Read a change."""
        return self.get(f"/changes/{key}")

    def approve(self, key: str, comment: str = "") -> Any:
        """Approve a change."""
        return self.ask("POST", f"/api/v1/changes/{key}/approve", json={"comment": comment}).expect(200).json

    def decline(self, key: str, comment: str = "") -> Any:
        """Decline a change."""
        return self.ask("POST", f"/api/v1/changes/{key}/decline", json={"comment": comment}).expect(200).json


def path_of(deployment: Mapping[str, Any]) -> str:
    """Write the path of a deployment, every reserved letter quoted."""
    pipeline = quote(deployment["pipeline"]["id"], safe="")
    environment = quote(deployment["environment"]["id"], safe="")
    return f"/pipelines/{pipeline}/environments/{environment}/deployments/{deployment['deploymentSequenceNumber']}"


def deployment(
    number: int = 1, *, pipeline: str = "checkout", environment: str = "prod", **more: Any
) -> dict[str, Any]:
    """Write a deployment that asks to be gated; *more* replaces fields, and None leaves one out."""
    whole = {
        "schemaVersion": "1.0",
        "deploymentSequenceNumber": number,
        "updateSequenceNumber": 1,
        "displayName": f"{pipeline} #{number}",
        "url": f"https://ci.example.com/{number}",
        "description": "A new version",
        "lastUpdated": "2026-01-01T09:30:00Z",
        "label": f"v{number}",
        "state": "pending",
        "pipeline": {"id": pipeline, "displayName": pipeline, "url": "https://ci.example.com"},
        "environment": {"id": environment, "displayName": environment, "type": "production"},
        "associations": [{"associationType": "serviceIdOrKeys", "values": ["shop"]}],
        "commands": [{"command": "initiate_deployment_gating"}],
        **more,
    }
    return {name: value for name, value in whole.items() if value is not None}


def progressed(earlier: Mapping[str, Any], state: str) -> dict[str, Any]:
    """Write the next update of a deployment, which reports *state*."""
    number = int(earlier["updateSequenceNumber"]) + 1
    return {name: value for name, value in earlier.items() if name != "commands"} | {
        "updateSequenceNumber": number,
        "state": state,
    }


def basic(user: str, password: str) -> str:
    """Write an Authorization header with a user's password."""
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def until(look: Callable[[], T], within: float = 5.0, every: float = 0.02) -> T:
    """Look again and again until there is something to see; give that."""
    end = time.monotonic() + within
    while not (seen := look()):
        assert time.monotonic() < end, f"not so within {within} s: {look}"
        time.sleep(every)
    return seen
