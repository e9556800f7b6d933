"""A world without a network: a dialogue is performed against prepared replies, and time passes when it pauses."""

import json
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from mitregate.client import USUAL, Bearer, Key, OAuth, Pause, Proof, Retries, Site
from mitregate.client.caller import Caller
from mitregate.client.retries import Dialogue, Surroundings
from mitregate.core.errors import Unreachable
from mitregate.wire.http import Reply, Request

T = TypeVar("T")

OURS = Site.mitregate("https://gate.example.com/")
KEY = Key(pipeline_id="a/b c+d%", environment_id="ümläut", deployment_sequence_number=-7)
AT = "/pipelines/a%2Fb%20c%2Bd%25/environments/%C3%BCml%C3%A4ut/deployments/-7"
BEARER = Bearer(token="mga_1")
APP = OAuth(client_id="id", client_secret="secret")

NOBODY = Unreachable("gate.example.com gave no reply: connection refused.")

Answer = Reply | Unreachable


class Script:
    """Performs dialogues, and remembers what was sent, when, and how long was paused and why."""

    def __init__(self, *answers: Answer, chance: float = 0.0, takes: float = 0.0) -> None:
        """Prepare the answers; each request takes so many seconds."""
        self.answers = list(answers)
        self.sent: list[Request] = []
        self.pauses: list[Pause] = []
        self.seconds = 0.0
        self._takes = takes
        self.began = datetime(2026, 2, 3, 9, 0, tzinfo=UTC)
        self.around = Surroundings(
            now=lambda: self.began + timedelta(seconds=self.seconds),
            elapsed=lambda: self.seconds,
            chance=lambda: chance,
        )

    def caller(self, proof: Proof | None = APP, *, site: Site = OURS, retries: Retries = USUAL) -> Caller:
        """Make a caller in this world."""
        return Caller(site, proof, retries, self.around)

    def play(self, dialogue: Dialogue[T]) -> T:
        """Perform a dialogue; give what came of it."""
        try:
            step = next(dialogue)
            while True:
                step = self._answer(dialogue, step)
        except StopIteration as end:
            outcome: T = end.value
            return outcome

    def _answer(self, dialogue: Dialogue[T], step: Request | Pause) -> Request | Pause:
        if isinstance(step, Pause):
            self.pauses.append(step)
            self.seconds += step.seconds
            return next(dialogue)
        self.sent.append(step)
        self.seconds += self._takes
        answer = self.answers.pop(0)
        return dialogue.throw(answer) if isinstance(answer, Unreachable) else dialogue.send(answer)

    @property
    def urls(self) -> list[str]:
        """What was asked for, without where."""
        return [request.url.removeprefix(OURS.base) for request in self.sent]

    @property
    def lengths(self) -> list[float]:
        """How long the pauses were."""
        return [pause.seconds for pause in self.pauses]


def reply(status: int, body: object = None, **headers: str) -> Reply:
    """Make a reply; a body that is not bytes is written as JSON, header names have underscores."""
    raw = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
    return Reply(status=status, headers={name.replace("_", "-"): text for name, text in headers.items()}, body=raw)


def access(token: str = "mga_1", expires_in: object = 3600) -> Reply:
    """Answer a request for a token."""
    told = {"access_token": token, "token_type": "Bearer", "expires_in": expires_in, "scope": "a b"}
    return reply(200, {name: value for name, value in told.items() if value is not None})


def gating(status: str = "awaiting") -> Reply:
    """Answer a question for a gating status."""
    told = {
        "updatedTimestamp": "2020-08-16T16:08:13.814+00:00",
        "gatingStatus": status,
        "details": [{"type": "issue", "issueKey": "CHG-1", "issueLink": "https://gate.example.com/changes/CHG-1"}],
        "pipelineId": "a/b c+d%",
        "environmentId": "ümläut",
        "deploymentSequenceNumber": -7,
    }
    return reply(200, told)


def authorizations(requests: Iterable[Request]) -> list[str]:
    """List what proved the requests."""
    return [request.headers.get("authorization", "") for request in requests]
