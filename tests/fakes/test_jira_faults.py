"""The fake Jira's faults, its rate limit, and its life on a socket."""

import urllib.error
import urllib.request
from collections.abc import Generator
from datetime import UTC, datetime
from http.client import HTTPException

import pytest

from mitregate.core.errors import Unreachable
from mitregate.wire.http import Reply, Request
from tests.fakes.jira import faults
from tests.fakes.jira.asking import Caller, proof
from tests.fakes.jira.faults import Budget
from tests.fakes.jira.flavours import CLOUD, DATA_CENTER_9
from tests.fakes.jira.jira import FakeJira
from tests.fakes.jira.server import JiraServer
from tests.fakes.sink import Sink, answers, running

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


@pytest.fixture
def asking() -> Caller:
    """Somebody who asks a Jira Cloud whose clock stands still."""
    return Caller(FakeJira(at=NOON))


def test_faults_come_once_in_their_order(asking: Caller) -> None:
    """What was told to go wrong does so with one request each, then all is well."""
    asking.jira.faults.then(faults.busy("7"), faults.broken(502), faults.redirects("https://sso.example.com/"))
    assert asking.ask("GET", "myself")[0] == 429
    assert asking.reply.headers["retry-after"] == "7"
    assert asking.ask("GET", "myself")[0] == 502
    assert asking.ask("GET", "myself")[0] == 302
    assert asking.ask("GET", "myself")[0] == 200
    assert [seen.status for seen in asking.jira.log] == [429, 502, 302, 200]


def test_faults_meet_the_requests_they_are_for(asking: Caller) -> None:
    """A fault can be for a method and a path, and can stay until it is ended."""
    asking.jira.faults.always(faults.conflict().only("POST", "/transitions"))
    key = asking.request_change("A change")
    for _ in range(2):
        assert asking.ask("POST", f"issue/{key}/transitions", {"transition": {"id": "11"}})[0] == 409
    asking.jira.faults.end()
    assert asking.ask("POST", f"issue/{key}/transitions", {"transition": {"id": "11"}})[0] == 204


def test_a_reply_can_be_lost(asking: Caller) -> None:
    """A lost reply differs from a lost request: the change is there."""
    asking.jira.faults.then(faults.hangs_up().only("POST"))
    with pytest.raises(Unreachable):
        asking.request_change("Lost")
    asking.jira.faults.then(faults.loses_reply().only("POST"))
    with pytest.raises(Unreachable):
        asking.request_change("Kept")
    assert (len(asking.jira.titled("Lost")), len(asking.jira.titled("Kept"))) == (0, 1)
    assert asking.jira.count("POST", "/servicedeskapi/request$") == 2


def test_replies_can_be_garbled_or_huge(asking: Caller) -> None:
    """A reply can be cut off or larger than anybody wants."""
    asking.jira.faults.then(faults.garbles(), faults.oversized(100_000))
    assert asking.ask("GET", "field") == (200, '{"issues": [{"id": "100')
    asking.ask("GET", "field")
    assert len(asking.reply.body) > 100_000


def test_it_can_be_down(asking: Caller) -> None:
    """While it is down nothing is answered, and people work on in what they see of it."""
    key = asking.request_change("A change")
    asking.jira.faults.is_down = True
    with pytest.raises(Unreachable):
        asking.get("myself")
    asking.jira.people.approve(key)
    asking.jira.faults.end()
    assert asking.get(f"issue/{key}")["fields"]["status"]["name"] == "Planning"


def test_it_can_be_down_for_a_while(asking: Caller) -> None:
    """When it goes down for an hour it answers again after that hour."""
    asking.jira.go_down(hours=1)
    asking.jira.clock.advance(minutes=59)
    with pytest.raises(Unreachable):
        asking.get("myself")
    asking.jira.clock.advance(minutes=1)
    assert asking.ask("GET", "myself")[0] == 200


def test_a_budget_runs_out_and_comes_back(asking: Caller) -> None:
    """When the budget of a span is spent Jira says when there is more, and keeps to it."""
    asking.jira.budget = Budget(2, 60)
    assert [asking.ask("GET", "myself")[0] for _ in range(3)] == [200, 200, 429]
    assert asking.reply.headers["retry-after"] == "60"
    assert asking.reply.headers["x-ratelimit-remaining"] == "0"
    asking.jira.clock.advance(seconds=60)
    assert asking.ask("GET", "myself")[0] == 200
    assert asking.reply.headers["x-ratelimit-remaining"] == "1"


def test_conversations_are_driven_to_their_end(asking: Caller) -> None:
    """A conversation gets its replies, and is told when there is none."""

    def talk() -> Generator[Request, Reply, list[int]]:
        request = Request(method="GET", url="https://jira.example.com/rest/api/3/serverInfo")
        heard = [(yield request).status]
        try:
            yield request
        except Unreachable:
            heard.append(0)
        return [*heard, (yield request).status]

    asking.jira.faults.then(faults.busy(), faults.hangs_up())
    assert asking.jira.converse(talk()) == [429, 0, 200]


def test_it_lives_below_its_context() -> None:
    """A Data Center can live below a path, and is nowhere else."""
    asking = Caller(FakeJira(DATA_CENTER_9))
    asking.jira.context = "/jira"
    assert asking.ask("GET", "myself")[0] == 404
    asking.root += "/jira"
    assert asking.ask("GET", "myself")[0] == 200


# --- on a socket ---


def fetch(server: JiraServer, path: str, timeout: float = 5) -> tuple[int, bytes]:
    """Read something from a server as the service account."""
    headers = {"authorization": proof(server.jira.gate, server.jira.site.flavour)}
    request = urllib.request.Request(server.base_url + path, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=timeout) as reply:
            return reply.status, reply.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read()


def test_it_answers_on_a_socket() -> None:
    """On a socket it says the same, and names itself by where it listens."""
    with running(JiraServer(DATA_CENTER_9, context="/jira")) as server:
        status, said = fetch(server, "/rest/api/2/serverInfo")
        assert status == 200
        assert server.base_url.encode() in said
        assert fetch(server, "/rest/api/2/issue/NO-1")[0] == 404
        assert server.jira.count("GET", "/rest/api/2/") == 2


def test_it_fails_on_a_socket() -> None:
    """On a socket connections break, replies stop short, are no HTTP, or come too late."""
    with running(JiraServer(CLOUD)) as server:
        for fault in (faults.hangs_up(), faults.stops_short(), faults.speaks_otherwise()):
            server.jira.faults.then(fault)
            with pytest.raises((OSError, HTTPException)):
                fetch(server, "/rest/api/3/myself")
        server.jira.faults.then(faults.slow(1))
        with pytest.raises(TimeoutError):
            fetch(server, "/rest/api/3/myself", timeout=0.2)
        assert fetch(server, "/rest/api/3/myself")[0] == 200


async def test_webhooks_go_out_by_themselves() -> None:
    """A server sends its webhooks, and remembers what came back."""
    async with Sink() as sink, JiraServer() as server:
        wish = {"name": "Gate", "url": sink.url, "events": ["jira:issue_created"], "secret": "s"}
        Caller(server.jira, "ada").post(CLOUD.hooks_path, wish)
        server.jira.people.raise_change("ITSM", "A change")
        (taken,) = await sink.received(1)
        assert "x-hub-signature" in taken.headers
        assert await server.posted(1) == [200]


async def test_webhooks_that_failed_are_sent_again() -> None:
    """What nobody took is sent again, marked as that, when Jira tries again."""
    async with Sink(default=answers(503)) as sink, JiraServer() as server:
        wish = {"name": "Gate", "url": sink.url, "events": ["jira:issue_created"]}
        Caller(server.jira, "ada").post(CLOUD.hooks_path, wish)
        server.jira.people.raise_change("ITSM", "A change")
        assert await server.posted(1) == [503]
        sink.tell(answers(204))
        server.send_again()
        assert await server.posted(2) == [503, 204]
        first, second = sink.requests
        assert first.body == second.body
        assert second.headers["x-atlassian-webhook-retry"] == "1"
        server.send_again()
        assert server.jira.hooks.take() == []
