"""Fetching a descriptor: where it may be, and what is said if it is not there."""

from pathlib import Path

import pytest

from mitregate.core.errors import Malformed, Unreachable
from mitregate.core.installations import Descriptor
from mitregate.wire.connect_descriptor import LONGEST, fetch_descriptor, read_descriptor
from mitregate.wire.http import Reply, Request

SAMPLE = (Path(__file__).parents[1] / "samples/connect/descriptor/body.json").read_bytes()
URL = "https://deployer.example.com/connect/atlassian-connect.json"


def fetched(reply: Reply | Unreachable) -> tuple[Request, Descriptor]:
    """Carry the conversation to its end, with this reply."""
    conversation = fetch_descriptor(URL)
    request = next(conversation)
    with pytest.raises(StopIteration) as end:
        conversation.throw(reply) if isinstance(reply, Unreachable) else conversation.send(reply)
    return request, end.value.value


def test_a_descriptor_is_fetched() -> None:
    """One request, for JSON, to the address that was given."""
    request, descriptor = fetched(Reply(status=200, body=SAMPLE))
    assert request == Request(method="GET", url=URL, headers={"accept": "application/json"})
    assert descriptor == read_descriptor(SAMPLE, URL)


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        pytest.param(
            Reply(status=404, body=SAMPLE), "answers with HTTP 404 instead of the app's descriptor.", id="404"
        ),
        pytest.param(Reply(status=204), "answers with HTTP 204 instead of the app's descriptor.", id="204"),
        pytest.param(
            Reply(status=302, headers={"location": "https://login.example"}),
            "points to another address, 'https://login.example'; redirects are not followed.",
            id="302",
        ),
        pytest.param(
            Reply(status=200, body=SAMPLE.ljust(LONGEST)), "is not shorter than 65536 bytes, as it must be.", id="long"
        ),
        pytest.param(Reply(status=200, body=b"<!doctype html>"), "is not JSON", id="page"),
    ],
)
def test_what_is_no_descriptor_is_not_fetched(reply: Reply, words: str) -> None:
    """A login, a page, an error or a cut off reply: it is said which."""
    with pytest.raises(Malformed) as caught:
        fetched(reply)
    assert words in caught.value.message
    assert URL in caught.value.message


@pytest.mark.parametrize(
    "url",
    [
        "",
        "file:///etc/passwd",
        "ftp://a.example/x",
        "//a.example/x",
        "https://",
        "https://[::1",
        "https://a.example:x/",
        "https://me:secret@a.example/x",
        "https://a.example/a b",
        "https://é.example/x",
        f"https://a.example/{'a' * 2000}",
    ],
)
def test_what_is_no_address_is_not_called(url: str) -> None:
    """Who gives an address that cannot be one is told so at once, and not to try again a little later."""
    with pytest.raises(Malformed, match="The address of the descriptor is not a complete http or https URL") as caught:
        next(fetch_descriptor(url))
    assert "secret" not in caught.value.message
    assert len(caught.value.message) < 150


def test_an_app_that_cannot_be_reached_is_said_to_be_so() -> None:
    """Why there was no reply is told as it is."""
    with pytest.raises(Unreachable, match="its name cannot be resolved"):
        fetched(Unreachable("deployer.example.com gave no reply: its name cannot be resolved."))
