"""When a request is made again, and how long is paused before."""

import pytest

from mitregate.client import ONCE, USUAL, Bearer, Retries
from mitregate.core.errors import Malformed, Unreachable, Unsettled
from mitregate.wire.http import Reply, Request
from tests.client.scripted import BEARER, KEY, NOBODY, Answer, Script, gating, reply


@pytest.mark.parametrize(
    "trouble",
    [NOBODY, reply(429), reply(502), reply(503), reply(504)],
    ids=["nobody", "429", "502", "503", "504"],
)
def test_what_passes_is_waited_for(trouble: Answer) -> None:
    """No reply, and replies that only ask for time, are tried again after growing pauses, which say why."""
    script = Script(trouble, trouble, trouble, trouble, gating("allowed"))
    state = script.play(script.caller(BEARER).gating_status(KEY))
    assert state.is_allowed
    assert script.lengths == [0.5, 1.0, 2.0, 4.0]
    assert {type(pause.because) for pause in script.pauses} == {
        Unreachable if isinstance(trouble, Unreachable) else Unsettled
    }
    assert len({request.url for request in script.sent}) == 1


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 413, 500, 501])
def test_what_does_not_pass_is_not_waited_for(status: int) -> None:
    """A reply that says something else is final at once."""
    script = Script(reply(status))
    with pytest.raises(Exception, match=f"The server answered {status}"):
        script.play(script.caller(BEARER).read(KEY))
    assert (len(script.sent), script.pauses) == (1, [])


def test_tries_are_bounded() -> None:
    """After the last try its error is raised, and no more is sent."""
    script = Script(*[reply(503)] * 5)
    with pytest.raises(Unsettled):
        script.play(script.caller(BEARER).read(KEY))
    assert (len(script.sent), script.answers) == (5, [])
    script = Script(*[NOBODY] * 5)
    with pytest.raises(Unreachable, match="connection refused"):
        script.play(script.caller(BEARER).read(KEY))
    assert len(script.sent) == 5


def test_never_again() -> None:
    """Who wants no second try gets none."""
    script = Script(NOBODY)
    with pytest.raises(Unreachable):
        script.play(script.caller(BEARER, retries=ONCE).read(KEY))
    assert script.pauses == []


def test_a_request_of_one_s_own_is_not_repeated() -> None:
    """What is sent by `send` is repeated only by the policy that is given with it."""
    script = Script(reply(503), reply(503), reply(200))
    request = Request(method="POST", url="/x", body=b"{}")
    assert script.play(script.caller(BEARER).send(request, ONCE)).status == 503
    assert script.play(script.caller(BEARER).send(request, USUAL)).status == 200


@pytest.mark.parametrize(("chance", "first"), [(0.0, 1.0), (0.5, 0.75), (0.99, 0.505)])
def test_a_share_of_each_pause_is_left_to_chance(chance: float, first: float) -> None:
    """Pauses differ, so that many clients do not come back at once; but they keep a least length."""
    script = Script(NOBODY, gating(), chance=chance)
    script.play(script.caller(BEARER, retries=Retries(pauses=(1.0,))).gating_status(KEY))
    assert script.lengths == [pytest.approx(first)]


@pytest.mark.parametrize(("asked", "paused"), [("0", 0.5), ("1", 1.0), ("30", 30.0), ("60", 60.0)])
def test_a_pause_that_is_asked_for_is_kept(asked: str, paused: float) -> None:
    """`Retry-After` is honoured if it asks for more than would be paused anyway."""
    script = Script(reply(429, retry_after=asked), gating())
    script.play(script.caller(BEARER).gating_status(KEY))
    assert script.lengths == [paused]


def test_too_long_a_pause_is_not_waited_for() -> None:
    """A server that asks for more than the policy bears is taken at its word at once; the error says how long."""
    script = Script(reply(429, retry_after="61"))
    with pytest.raises(Unsettled) as caught:
        script.play(script.caller(BEARER).gating_status(KEY))
    assert (caught.value.retry_after, script.pauses) == (61.0, [])
    assert caught.value.advice() == "Try again in 61 s."


def test_a_submission_is_tried_again() -> None:
    """A submission is repeated word for word: its update numbers make it the same as done once."""
    script = Script(NOBODY, reply(503), reply(202, {}))
    script.play(script.caller(BEARER).submit(b'{"deployments": []}', None, None))
    assert [request.body for request in script.sent] == [b'{"deployments": []}'] * 3


@pytest.mark.parametrize("token", ["mga_1\n", "mga\r\nx: y", "mga_ü", "\0"])
def test_a_proof_that_cannot_be_sent(token: str) -> None:
    """A token with a line break or the like is refused before it is sent, without being repeated in the message."""
    script = Script()
    with pytest.raises(Exception, match="characters in it that cannot be sent") as caught:
        script.play(script.caller(Bearer(token=token)).read(KEY))
    assert token not in str(caught.value)
    assert script.sent == []


def test_what_is_wrong_before_it_is_sent() -> None:
    """A submission that contradicts itself is not sent."""
    script = Script()
    with pytest.raises(Malformed, match="beside a body"):
        script.play(script.caller(BEARER).submit({"deployments": []}, {"a": "b"}, None))
    with pytest.raises(Malformed, match="beside a body"):
        script.play(script.caller(BEARER).submit(b"{}", None, "tool"))
    assert script.sent == []


def test_a_final_reply_among_tries() -> None:
    """A try that is refused ends it, whatever was before."""
    answers: list[Answer] = [NOBODY, Reply(status=413)]
    script = Script(*answers)
    with pytest.raises(Exception, match="413"):
        script.play(script.caller(BEARER).submit(b"{}", None, None))
    assert len(script.sent) == 2
