"""What a receiver was told: the callbacks that a sink took, verified and read."""

import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

from msgspec import Struct
from standardwebhooks.webhooks import Webhook

from tests.acceptance.callers import until
from tests.fakes.sink import Sink, Taken

Key = tuple[str, str, int]
"""Pipeline, environment and number."""


class Receipt(Struct, frozen=True, kw_only=True):
    """One callback; `id` is the same over all tries of a message, `since` is when the status was reached."""

    id: str
    key: Key
    status: str
    since: datetime
    links: tuple[str, ...]
    changes: tuple[str, ...]
    at: datetime


def key_of(deployment: Mapping[str, Any]) -> Key:
    """Name a deployment as callbacks do."""
    number = int(deployment["deploymentSequenceNumber"])
    return deployment["pipeline"]["id"], deployment["environment"]["id"], number


def read(taken: Taken, secret: str) -> Receipt:
    """Verify a callback with the public library of Standard Webhooks, and read it."""
    Webhook(secret).verify(taken.body, taken.headers, json_parse=False)
    body = json.loads(taken.body)
    return Receipt(
        id=taken.headers["webhook-id"],
        key=(body["pipelineId"], body["environmentId"], body["deploymentSequenceNumber"]),
        status=body["gatingStatus"],
        since=datetime.fromisoformat(body["updatedTimestamp"]),
        links=tuple(detail["issueLink"] for detail in body["details"]),
        changes=tuple(detail["issueKey"] for detail in body["details"]),
        at=taken.at,
    )


def receipts(sink: Sink, secret: str) -> list[Receipt]:
    """All callbacks so far, repeated ones included."""
    return [read(taken, secret) for taken in list(sink.requests)]


def firsts(all_of_them: Iterable[Receipt]) -> Iterator[Receipt]:
    """The first arrival of each message."""
    seen: set[str] = set()
    for receipt in all_of_them:
        if receipt.id not in seen:
            seen.add(receipt.id)
            yield receipt


def told(sink: Sink, secret: str, deployment: Mapping[str, Any], status: str, within: float = 5.0) -> Receipt:
    """Wait until the sink has been told *status* of a deployment."""
    key = key_of(deployment)

    def look() -> list[Receipt]:
        return [found for found in receipts(sink, secret) if found.key == key and found.status == status]

    return until(look, within)[0]


def words(sink: Sink, secret: str, deployment: Mapping[str, Any]) -> list[str]:
    """What the sink has been told of a deployment, each message once."""
    key = key_of(deployment)
    return [found.status for found in firsts(receipts(sink, secret)) if found.key == key]
