import pytest

from mitregate.core.errors import Unreachable
from mitregate.wire.calendar_feed import TAG_LIMIT, Sent, ask
from mitregate.wire.http import Reply, Request
from mitregate.wire.icalendar import SIZE_LIMIT

URL = "https://calendar.example.com/a/b.ics"


def asked(*replies: Reply, etag: str = "", modified: str = "", url: str = URL) -> tuple[list[Request], Sent]:
    """Ask a server that replies like this; give what it was asked, and what came of it."""
    conversation = ask(url, etag, modified)
    requests = [next(conversation)]
    try:
        for reply in replies:
            requests.append(conversation.send(reply))  # noqa: PERF401 - what ends it is raised here
    except StopIteration as end:
        return requests, end.value
    raise AssertionError("It asks more often.")


def moved(to: str, status: int = 302) -> Reply:
    """Send on to another address."""
    return Reply(status=status, headers={"location": to})


def test_a_calendar_is_asked_for_in_full_at_first() -> None:
    """The first request has no conditions; what the calendar is known by is noted."""
    reply = Reply(status=200, headers={"etag": '"1"', "last-modified": "yesterday"}, body=b"BEGIN")
    requests, sent = asked(reply)
    assert requests == [Request(method="GET", url=URL, headers={"accept": "text/calendar"})]
    assert sent == Sent(body=b"BEGIN", etag='"1"', modified="yesterday")


def test_then_only_whether_it_says_something_else() -> None:
    """What it is known by goes with the next request, and nothing comes back if it is the same."""
    requests, sent = asked(Reply(status=304), etag='"1"', modified="yesterday")
    conditions = {"accept": "text/calendar", "if-none-match": '"1"', "if-modified-since": "yesterday"}
    assert requests[0].headers == conditions
    assert sent == Sent(body=None)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_are_followed(status: int) -> None:
    """A calendar that lives elsewhere is asked for there, by a whole address or a part of one."""
    replies = (moved("/c.ics", status), moved("https://else.example.com/d.ics", status), Reply(status=200, body=b"x"))
    requests, sent = asked(*replies)
    assert [request.url for request in requests[1:]] == [
        "https://calendar.example.com/c.ics",
        "https://else.example.com/d.ics",
    ]
    assert sent.body == b"x"


@pytest.mark.parametrize(
    "to", ["http://calendar.example.com/b.ics", "file:///etc/passwd", "", URL, "https://[", "ftp://a/"]
)
def test_other_redirects_are_not(to: str) -> None:
    """From https no redirect leads to where everybody could read along, nor to what is no address, nor in place."""
    with pytest.raises(Unreachable, match="sends to an address that is not asked"):
        asked(moved(to))


def test_redirects_end() -> None:
    """After three redirects no more are followed."""
    with pytest.raises(Unreachable, match=r"calendar\.example\.com sends from one address to the next") as refusal:
        asked(*(moved(f"/{number}") for number in range(4)))
    assert refusal.value.advice() == "Give the address that it ends at."


@pytest.mark.parametrize("status", [204, 206, 401, 404, 410, 500])
def test_other_replies_say_nothing(status: int) -> None:
    """What is no whole calendar is none at all, and least of all an empty one."""
    with pytest.raises(Unreachable, match=f"answered with status {status}") as refusal:
        asked(Reply(status=status, body=b"BEGIN:VCALENDAR"))
    assert refusal.value.advice()


def test_there_is_a_limit() -> None:
    """A calendar that is cut off where a body becomes too large is refused."""
    assert asked(Reply(status=200, body=b"x" * SIZE_LIMIT))[1].body
    with pytest.raises(Unreachable, match=f"more than {SIZE_LIMIT} bytes"):
        asked(Reply(status=200, body=b"x" * (SIZE_LIMIT + 1)))


def test_only_short_tags_are_remembered() -> None:
    """What a calendar is known by is sent back each time, so it must be short."""
    reply = Reply(status=200, headers={"etag": "x" * TAG_LIMIT, "last-modified": "x" * (TAG_LIMIT + 1)})
    assert asked(reply)[1] == Sent(body=b"", etag="x" * TAG_LIMIT)
