"""Whatever goes wrong between us and a Jira, every conversation ends in a clear word, and nothing happens twice."""

import itertools
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from mitregate.changes.jira.acting import comment, move
from mitregate.changes.jira.checking import check
from mitregate.changes.jira.finding import find_title, recover
from mitregate.changes.jira.hooking import hook
from mitregate.changes.jira.opening import open_change
from mitregate.changes.jira.reading import find_number, read_change, sweep
from mitregate.core.connections import Report
from mitregate.core.errors import Misconfigured, MitregateError, Unreachable
from mitregate.core.jobs import Outcome, Result
from mitregate.wire.http import Conversation, Reply, Request
from tests.changes.jira_situations import FLAVOURS, NOON, TITLE, Scene, between, draft
from tests.fakes.jira import faults
from tests.fakes.jira.faults import Fault

Talk = Callable[[Scene, str], Conversation[Any]]

CONVERSATIONS: dict[str, Talk] = {
    "check": lambda scene, key: check(scene.access),
    "find_title": lambda scene, key: find_title(scene.access, scene.layout, TITLE),
    "find_number": lambda scene, key: find_number(scene.access, scene.layout, key),
    "open_change": lambda scene, key: open_change(scene.access, scene.layout, draft("Another")),
    "recover": lambda scene, key: recover(scene.access, scene.layout, draft(), first_try=NOON, last_try=NOON),
    "read_change": lambda scene, key: read_change(scene.access, scene.layout, key),
    "sweep": lambda scene, key: sweep(scene.access, scene.layout, [key]),
    "comment": lambda scene, key: comment(scene.access, key, "Started.", "r1"),
    "move": lambda scene, key: move(scene.access, scene.layout, key, "Planning"),
    "hook": lambda scene, key: hook(scene.access, scene.layout, "https://gate.example.com/hooks/jira", "secret"),
}

PASSING: dict[str, Callable[[], Fault]] = {
    "rate limit": lambda: faults.busy("7"),
    "unavailable": lambda: faults.busy("7", status=503),
    "bad gateway": lambda: faults.broken(502),
    "internal error": lambda: faults.broken(500),
    "no reply": faults.hangs_up,
    "slow": lambda: faults.slow(60),
    "cut off": faults.garbles,
    "a page": lambda: faults.garbles(b"<html><title>Log in</title></html>"),
    "another shape": lambda: faults.garbles(b'["what", {"is": 7}]'),
    "no JSON at all": lambda: faults.garbles(b"\xff\xfe\x00"),
    "deep": lambda: faults.garbles(b"[" * 100_000),
}

LASTING: dict[str, Callable[[Scene], Fault]] = {
    "redirect": lambda scene: faults.redirects("https://sso.example.com/"),
    "login refused": lambda scene: Fault(reply=Reply(status=401, body=b'{"message": "Unauthorized"}')),
    "login overlooked": lambda scene: Fault(
        reply=Reply(status=404, headers={"x-seraph-loginreason": "AUTHENTICATED_FAILED"})
    ),
    "forbidden": lambda scene: Fault(reply=Reply(status=403, body=b"<html><title>Forbidden</title></html>")),
    "what was sent repeated": lambda scene: Fault(reply=Reply(status=400, body=echo(scene))),
    "repeated in a page": lambda scene: Fault(
        reply=Reply(status=403, body=b"<title>" + echo(scene)[20:-3] + b"</title>")
    ),
    "gone for good": lambda scene: Fault(reply=Reply(status=410, body=b'{"errorMessages": ["removed"]}')),
}


@pytest.fixture(params=["cloud", "dc10"])
def scene(request: pytest.FixtureRequest) -> Scene:
    """A Jira of either kind, whose layout is known, and whose service account is an administrator."""
    scene = Scene(FLAVOURS[request.param])
    scene.jira.gate.may.add("ADMINISTER")
    assert scene.layout.request_type_id
    return scene


@pytest.mark.parametrize("fault", PASSING)
@pytest.mark.parametrize("name", CONVERSATIONS)
def test_what_time_mends_is_later(scene: Scene, name: str, fault: str) -> None:
    """What passes by itself ends in "later", never in a decision, and no part of the secret is repeated."""
    key = scene.jira.people.raise_change("ITSM", TITLE)
    scene.jira.faults.always(PASSING[fault]())
    said = outcome_of(scene, CONVERSATIONS[name](scene, key))
    match said:
        case Report():
            assert [finding.is_fatal for finding in said.findings] == [True]
            assert said.layout is None
            assert said.findings[0].fault in {"unreachable", "not_jira"}
        case Outcome():
            assert said.result is Result.LATER
        case _:
            assert isinstance(said, Unreachable), said
    if fault in {"rate limit", "unavailable"} and not isinstance(said, Report):
        pause = said.retry_after if isinstance(said, Unreachable) else said.retry_after.total_seconds()
        assert pause == 7
    assert_no_secret(scene, said)


@pytest.mark.parametrize("fault", LASTING)
@pytest.mark.parametrize("name", CONVERSATIONS)
def test_what_the_operator_must_mend_is_said(scene: Scene, name: str, fault: str) -> None:
    """What somebody must mend is said with advice, repairs itself once it is mended, and takes no change for gone."""
    key = scene.jira.people.raise_change("ITSM", TITLE)
    scene.jira.faults.always(LASTING[fault](scene))
    said = outcome_of(scene, CONVERSATIONS[name](scene, key))
    match said:
        case Report():
            assert said.findings[-1].is_fatal
            assert said.findings[-1].advice
            assert said.layout is None
        case Outcome():
            assert said.result is Result.LATER
        case _:
            assert isinstance(said, Misconfigured), said
            assert said.advice()
    assert_no_secret(scene, said)
    if fault in {"login refused", "login overlooked"} and name != "check":
        assert "refuses the login" in (said.detail if isinstance(said, Outcome) else said.message)
    scene.jira.faults.end()
    again = outcome_of(scene, CONVERSATIONS[name](scene, key))
    assert not isinstance(again, MitregateError), again
    assert not isinstance(again, Outcome) or again.result is Result.DONE


MOMENTS = range(8)
LOSSES: dict[str, Callable[[], Fault]] = {
    "request lost": faults.hangs_up,
    "reply lost": faults.loses_reply,
    "reply cut off": lambda: Fault(is_carried_out=True, reply=Reply(status=201, body=b'{"issueKey": "IT')),
    "reply replaced": lambda: Fault(is_carried_out=True, reply=faults.broken(504).reply),
}


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("lag", [0, 120], ids=["fresh", "late"])
def test_no_change_is_raised_twice(scene: Scene, moment: int, loss: str, lag: int) -> None:
    """Whichever request of raising a change is lost, the change is there once in the end, whole and marked."""
    scene.jira.site.lag = timedelta(seconds=lag)
    wanted, began = draft(), scene.jira.clock.now()
    said = outcome_of(scene, failing_at(moment, LOSSES[loss](), scene, open_change(scene.access, scene.layout, wanted)))
    for _ in range(20):
        if not isinstance(said, Unreachable):
            break
        scene.jira.clock.advance(seconds=min(said.retry_after or 30, 60))
        said = outcome_of(scene, open_change(scene.access, scene.layout, wanted, first_try=began))
    assert not isinstance(said, MitregateError), said
    (issue,) = scene.jira.titled(TITLE)
    assert said.key == issue.key
    # What was lost after the change was there is noted; it is mended when that is asked for once more.
    whole = outcome_of(
        scene, open_change(later(scene), scene.layout, wanted, first_try=began, last_try=scene.jira.clock.now())
    )
    assert (whole.key, whole.was_there, whole.is_marked, whole.notes) == (issue.key, True, True, ())
    assert issue.values["customfield_10011"] == wanted.window.start
    assert issue.properties == {"mitregate": {"reference": wanted.reference}}
    assert len(issue.links) == 1


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("moment", range(3))
def test_no_comment_is_written_twice(scene: Scene, moment: int, loss: str) -> None:
    """Whichever request of a comment is lost, it is there once in the end."""
    key = scene.jira.people.raise_change("ITSM", TITLE)
    outcome_of(scene, failing_at(moment, LOSSES[loss](), scene, comment(scene.access, key, "Started.", "r1")))
    said = outcome_of(scene, comment(scene.access, key, "Started.", "r1"))
    assert said.result is Result.DONE
    assert len(scene.jira.issue(key).comments) == 1


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("moment", range(3))
def test_no_change_is_moved_twice(scene: Scene, moment: int, loss: str) -> None:
    """Whichever request of a transition is lost, the change has moved once in the end."""
    key = scene.jira.people.raise_change("ITSM", TITLE)
    outcome_of(scene, failing_at(moment, LOSSES[loss](), scene, move(scene.access, scene.layout, key, "Planning")))
    said = outcome_of(scene, move(scene.access, scene.layout, key, "Planning"))
    assert said.result is Result.DONE
    assert [status for status, _ in scene.jira.issue(key).visited][1:] == ["Planning"]


@pytest.mark.parametrize("name", CONVERSATIONS)
def test_credentials_go_nowhere_else(scene: Scene, name: str) -> None:
    """Every request goes to the connection's own address, whatever links and redirects the replies name."""
    scene.jira.site.url = "https://evil.example.com"
    key = scene.jira.people.raise_change("ITSM", TITLE)
    asked: list[Request] = []

    def asks(request: Request) -> Request:
        asked.append(request)
        return request

    outcome_of(scene, between(CONVERSATIONS[name](scene, key), asks=asks))
    assert asked
    assert all(request.url.startswith("https://jira.example.com/rest/") for request in asked)


def outcome_of(scene: Scene, conversation: Conversation[Any]) -> Any:
    """Carry a conversation to its end; gives what it returns, or the error."""
    try:
        return scene.jira.converse(conversation)
    except MitregateError as error:
        return error


def failing_at(moment: int, fault: Fault, scene: Scene, conversation: Conversation[Any]) -> Conversation[Any]:
    """Let one request of a conversation meet a fault; those before and after it do not."""
    count = itertools.count()

    def asks(request: Request) -> Request:
        if next(count) == moment:
            scene.jira.faults.then(fault)
        return request

    return between(conversation, asks=asks)


def later(scene: Scene) -> Any:
    """Give the way in, once a search must know everything."""
    scene.jira.clock.advance(minutes=10)
    return scene.access


def assert_no_secret(scene: Scene, said: Any) -> None:
    """See that nothing that people read has the secret in it."""
    text = f"{said!r} {said}" + (said.advice() if isinstance(said, MitregateError) else "")
    for word in words_of(scene):
        assert word[:6] not in text


def words_of(scene: Scene) -> tuple[str, str]:
    """Give what must not be shown: the secret, and the form in which it is sent."""
    return scene.secret, scene.access.proof.partition(" ")[2]


def echo(scene: Scene) -> bytes:
    """Say what a proxy says that repeats the credentials, just where long complaints are cut."""
    return msgspec.json.encode({"errorMessages": [f"{'x' * 270} You sent: {' '.join(words_of(scene))}"]})
