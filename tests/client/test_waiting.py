"""Waiting for a gate, by polls: when it ends, what it survives, and how often it asks."""

import pytest

from mitregate.client import Site, StillAwaiting
from mitregate.core.errors import Forbidden, Malformed, Misconfigured, MitregateError, Unknown, Unreachable, Unsettled
from mitregate.wire.http import Reply
from tests.client.scripted import APP, BEARER, KEY, NOBODY, Answer, Script, access, authorizations, gating, reply

JIRA = Site.jira_cloud("1-2")


def wait(script: Script, timeout: float = 100.0, poll_every: float = 5.0, site: Site | None = None) -> str:
    """Wait for the gate; give the word in the end."""
    caller = script.caller(BEARER) if site is None else script.caller(BEARER, site=site)
    return script.play(caller.wait(KEY, timeout, poll_every)).gating_status


@pytest.mark.parametrize("word", ["allowed", "prevented", "invalid", "expired"])
def test_a_decision_ends_it(word: str) -> None:
    """It ends with the first word that is not `awaiting`, be it one that nobody knows."""
    script = Script(gating(), gating(), gating(word))
    assert wait(script) == word
    assert (len(script.sent), script.lengths) == (3, [0.5, 1.0])
    assert {pause.because for pause in script.pauses} == {None}


def test_it_asks_at_a_steady_pace() -> None:
    """The first polls are close together; from then on one comes every so often."""
    script = Script(*[gating()] * 9, gating("allowed"))
    wait(script, poll_every=5.0)
    assert script.lengths == [0.5, 1.0, 2.0, 4.0, 5.0, 5.0, 5.0, 5.0, 5.0]
    script = Script(*[gating()] * 3, gating("allowed"), chance=0.5)
    wait(script, poll_every=0.2)
    assert script.lengths == [pytest.approx(0.15)] * 3


def test_the_time_is_over() -> None:
    """When the time is over it says so, after a last look, and has what it read last."""
    script = Script(*[gating()] * 4)
    with pytest.raises(StillAwaiting) as caught:
        wait(script, timeout=2.0)
    assert script.lengths == [0.5, 1.0, 0.5]
    assert caught.value.message == "a/b c+d% → ümläut #-7 is still awaiting after 2 s."
    assert caught.value.advice() == "Wait on: the gate stays as it is."
    assert caught.value.state is not None
    assert caught.value.state.details[0].issue_key == "CHG-1"


def test_a_decision_at_the_last_moment() -> None:
    """The last look counts."""
    assert wait(Script(gating(), gating("allowed")), timeout=0.5) == "allowed"


def test_no_time_at_all() -> None:
    """With no time it looks once."""
    assert wait(Script(gating("prevented")), timeout=0.0) == "prevented"
    with pytest.raises(StillAwaiting):
        wait(Script(gating()), timeout=0.0)


@pytest.mark.parametrize(
    "trouble",
    [NOBODY, reply(408), reply(429), reply(500), reply(502), reply(503), reply(504, b"<html>")],
    ids=["nobody", "408", "429", "500", "502", "503", "504"],
)
def test_trouble_is_survived(trouble: Answer) -> None:
    """It goes on while nobody answers or the server is in trouble, however long that is, and says why."""
    script = Script(gating(), *[trouble] * 12, gating(), gating("allowed"))
    assert wait(script) == "allowed"
    troubled = [pause for pause in script.pauses if pause.because is not None]
    assert len(troubled) == 12
    assert all(isinstance(pause.because, Unsettled) for pause in troubled)


def test_trouble_until_the_end() -> None:
    """Where it ends in trouble, that is said: whether the gate is still closed is not known."""
    script = Script(gating(), NOBODY, NOBODY)
    with pytest.raises(StillAwaiting) as caught:
        wait(script, timeout=1.0)
    assert caught.value.message == (
        "Whether a/b c+d% → ümläut #-7 may go on could not be learned within 1 s: "
        "gate.example.com gave no reply: connection refused."
    )
    assert caught.value.__cause__ is NOBODY
    assert caught.value.state is not None
    script = Script(NOBODY)
    with pytest.raises(StillAwaiting) as caught:
        wait(script, timeout=0.0)
    assert caught.value.state is None
    assert caught.value.advice() == Unreachable.hint


def test_a_pause_that_is_asked_for_is_kept() -> None:
    """`Retry-After` puts off the next question, but no longer than there is time."""
    script = Script(reply(429, retry_after="40"), gating("allowed"))
    assert wait(script) == "allowed"
    assert script.lengths == [40.0]
    script = Script(gating(), reply(429, retry_after="40"))
    with pytest.raises(StillAwaiting) as caught:
        wait(script, timeout=20.0)
    assert caught.value.advice() == "Try again in 40 s."
    assert script.lengths == [0.5]


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (reply(400), Malformed),
        (reply(403), Forbidden),
        (reply(404), Unknown),
        (reply(301, location="https://x"), Misconfigured),
        (reply(200, b"<html>"), Misconfigured),
    ],
    ids=["400", "403", "404", "301", "html"],
)
def test_what_time_does_not_mend(answer: Reply, kind: type[MitregateError]) -> None:
    """What somebody must put right ends the wait at once."""
    for before in ([], [gating()]):
        script = Script(*before, answer)
        with pytest.raises(kind):
            wait(script)
        assert script.answers == []


def test_jira_is_slow() -> None:
    """At Jira a deployment is unknown for a while after it was accepted; that is waited for, but not for ever."""
    script = Script(reply(404), reply(404), gating(), gating("allowed"))
    assert wait(script, site=JIRA) == "allowed"
    script = Script(*[reply(404)] * 20)
    with pytest.raises(Unknown):
        wait(script, site=JIRA)
    assert 30 <= script.seconds < 36
    script = Script(reply(404), gating(), reply(404))
    with pytest.raises(Unknown):
        wait(script, site=JIRA)
    assert script.answers == []


def test_a_token_ends_while_it_waits() -> None:
    """A wait that is longer than the life of a token goes on with the next one; so does one whose token is revoked."""
    script = Script(access("one", 100), *[gating()] * 13, access("two", 100), gating(), reply(401), access("three"))
    script.answers.append(gating("allowed"))
    state = script.play(script.caller(APP).wait(KEY, 1000.0, 5.0))
    assert state.is_allowed
    assert list(dict.fromkeys(authorizations(script.sent))) == ["", "Bearer one", "Bearer two", "Bearer three"]
    assert authorizations(script.sent).count("") == 3


def test_no_token_for_a_while() -> None:
    """A server that is away when the token ends is waited for as well."""
    script = Script(NOBODY, reply(503), access(), gating("allowed"))
    assert script.play(script.caller(APP).wait(KEY, 100.0, 5.0)).is_allowed
    assert script.lengths == [0.5, 1.0]


def test_slow_answers_count() -> None:
    """The time that answers take is part of the time to wait."""
    script = Script(*[gating()] * 4, takes=10.0)
    with pytest.raises(StillAwaiting):
        wait(script, timeout=25.0)
    assert len(script.sent) == 3
