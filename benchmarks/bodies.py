"""The requests that are sent, prebuilt: bytes in pieces, between which the number of the deployment is put."""

import json

from msgspec import Struct

from benchmarks.talk import request

MARK = 1_999_999_999
"""Where a number goes; every number has as many digits, so that the length of the body stays the same."""

FIRST = 1_000_000_000

API = "/rest/deployments/0.1"


class Source(Struct, frozen=True, kw_only=True):
    """Requests that differ in one number.

    Args:
        pieces: the request without the number.
        status: what a good answer begins with.
        good: what a good answer contains.
        span: how many numbers there are; after them it begins again. 0: as many as are needed, each used once.
        lowest: the number of the request with index 0.
    """

    pieces: tuple[bytes, ...]
    status: int
    good: bytes
    span: int = 0
    lowest: int = FIRST

    def number(self, index: int) -> int:
        """Say which number the request with this index carries; with a span they are spread over it."""
        return self.lowest + ((index * 7919) % self.span if self.span else index)

    def make(self, index: int) -> bytes:
        """Write the request with this index."""
        return (b"%d" % self.number(index)).join(self.pieces)


def submission(count: int, number: int = MARK) -> bytes:
    """Write the body of a submission of *count* deployments that ask for gating, as GitLab would send it."""
    return json.dumps({"deployments": [_deployment(place, number) for place in range(count)]}).encode()


def submits(token: str, count: int) -> Source:
    """Submit *count* deployments with each request."""
    raw = request("POST", f"{API}/bulk", token, submission(count))
    return Source(pieces=tuple(raw.split(b"%d" % MARK)), status=202, good=b'"rejectedDeployments":[]')


def reads(token: str, span: int, lowest: int = FIRST, status: str = "awaiting") -> Source:
    """Read the gating status of one of *span* deployments, which were submitted one by one."""
    path = f"{API}/pipelines/{pipeline_id(0)}/environments/production/deployments/{MARK}/gating-status"
    pieces = tuple(request("GET", path, token).split(b"%d" % MARK))
    return Source(pieces=pieces, status=200, good=f'"{status}"'.encode(), span=span, lowest=lowest)


def pipeline_id(place: int) -> str:
    """Name the pipeline of the deployment at a place in its request."""
    return f"pipeline-{place:02}"


def _deployment(place: int, number: int) -> dict[str, object]:
    return {
        "schemaVersion": "1.0",
        "deploymentSequenceNumber": number,
        "updateSequenceNumber": 1,
        "displayName": f"Deployment {number} of lock-keeper",
        "url": f"https://gitlab.example.com/harbour/lock-keeper/-/jobs/{number}",
        "description": "Deploys the lock keeper to production",
        "lastUpdated": "2026-01-31T12:00:00.000Z",
        "label": f"v1.{place}.{number}",
        "state": "pending",
        "pipeline": {
            "id": pipeline_id(place),
            "displayName": "harbour/lock-keeper",
            "url": "https://gitlab.example.com/harbour/lock-keeper/-/pipelines/4711",
        },
        "environment": {"id": "production", "displayName": "production", "type": "production"},
        "associations": [{"associationType": "issueIdOrKeys", "values": ["LOCK-1", "LOCK-2"]}],
        "commands": [{"command": "initiate_deployment_gating"}],
    }
