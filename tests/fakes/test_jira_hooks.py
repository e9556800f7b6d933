"""The fake Jira's webhooks: who may register them, what they tell, and how they fail."""

import hashlib
import hmac
from typing import Any

import msgspec
import pytest

from mitregate.wire.http import Request
from tests.fakes.jira.asking import Caller
from tests.fakes.jira.flavours import CLOUD, DATA_CENTER_9, DATA_CENTER_10, NEW_HOOKS, OLD_HOOKS, Flavour
from tests.fakes.jira.jira import FakeJira

EVENTS = ["jira:issue_created", "jira:issue_updated", "jira:issue_deleted"]
WISH: dict[str, Any] = {
    "name": "Gate",
    "url": "https://gate.example.com/hook",
    "events": EVENTS,
    "filters": {"issue-related-events-section": "project = ITSM"},
    "secret": "a secret",
}


def hooked(flavour: Flavour = CLOUD, **changes: Any) -> FakeJira:
    """Give a Jira that has a webhook, and another project."""
    jira = FakeJira(flavour)
    Caller(jira, "ada").post(flavour.hooks_path, WISH | changes)
    jira.site.add_project("OPS")
    return jira


def told(request: Request) -> dict[str, Any]:
    """Read what a webhook says."""
    said: dict[str, Any] = msgspec.json.decode(request.body)
    return said


@pytest.mark.parametrize(
    ("flavour", "path", "other"),
    [(CLOUD, OLD_HOOKS, NEW_HOOKS), (DATA_CENTER_9, OLD_HOOKS, NEW_HOOKS), (DATA_CENTER_10, NEW_HOOKS, OLD_HOOKS)],
    ids=["cloud", "9", "10"],
)
def test_hooks_are_registered_where_the_flavour_has_them(flavour: Flavour, path: str, other: str) -> None:
    """Administrators register, list and remove webhooks at the path of their flavour; the secret is never shown."""
    ada = Caller(FakeJira(flavour), "ada")
    assert ada.ask("POST", other, WISH)[0] == 404
    made = ada.post(path, WISH)
    assert made["isSigned"]
    assert "a secret" not in str(made)
    assert ada.ask("POST", path, WISH)[0] == 409
    assert Caller(ada.jira).ask("GET", path)[0] == 403
    assert [one["name"] for one in ada.get(path)] == ["Gate"]
    assert ada.ask("DELETE", f"{path}/{made['id']}")[0] == 204
    assert ada.get(path) == []


def test_hooks_are_signed_over_what_is_sent() -> None:
    """The signature is that of the raw body; the vendor's own example comes out as the vendor says."""
    jira = hooked()
    jira.people.raise_change("ITSM", "Grüße")
    (sent,) = jira.hooks.take()
    mark = hmac.new(b"a secret", sent.body, hashlib.sha256).hexdigest()
    assert sent.headers["x-hub-signature"] == f"sha256={mark}"
    example = hmac.new(b"It's a Secret to Everybody", b"Hello World!", hashlib.sha256).hexdigest()
    assert example == "a4771c39fbe90f317c7824e83ddef3caae9cb3d976c214ace1f2937e133263c9"


def test_hooks_tell_what_happened() -> None:
    """Creation, transition, edit, comment, move and deletion are told with what changed."""
    jira = hooked(filters={})
    key = jira.people.raise_change("ITSM", "A change")
    jira.people.approve(key)
    jira.people.retitle(key, "Another title")
    jira.people.comment(key, "Hello")
    moved = jira.people.move(key, "OPS")
    jira.people.delete(moved)
    created, approved, retitled, commented, gone, deleted = map(told, jira.hooks.take())
    assert (created["webhookEvent"], created["issue"]["fields"]["summary"]) == ("jira:issue_created", "A change")
    assert approved["changelog"]["items"][0] | {"from": "", "to": ""} == {
        "field": "status",
        "fieldtype": "jira",
        "fieldId": "status",
        "from": "",
        "fromString": "Peer review / change manager approval",
        "to": "",
        "toString": "Planning",
    }
    assert (approved["user"]["accountId"], approved["issue"]["fields"]["status"]["name"]) == ("ada", "Planning")
    assert retitled["changelog"]["items"][0]["toString"] == "Another title"
    assert (commented["issue_event_type_name"], commented["comment"]["body"]) == ("issue_commented", "Hello")
    assert [one["field"] for one in gone["changelog"]["items"]] == ["Key", "project"]
    assert (deleted["webhookEvent"], deleted["issue"]["key"]) == ("jira:issue_deleted", moved)


def test_hooks_tell_only_of_what_they_are_for() -> None:
    """A webhook tells of the events and the issues that it was registered for."""
    jira = hooked(events=["jira:issue_deleted"])
    for project in ("OPS", "ITSM"):
        jira.people.delete(jira.people.raise_change(project, "A change"))
    (sent,) = jira.hooks.take()
    assert told(sent)["issue"]["key"] == "ITSM-1"


def test_hooks_can_be_lost_repeated_held_and_shuffled() -> None:
    """Webhooks come as badly as they do in life, when they are told to."""
    jira = hooked()
    jira.hooks.loses()
    key = jira.people.raise_change("ITSM", "A change")
    assert jira.hooks.take() == []
    jira.hooks.repeats()
    jira.people.approve(key)
    first, second = jira.hooks.take()
    assert first.body == second.body
    assert first.headers["x-atlassian-webhook-identifier"] == second.headers["x-atlassian-webhook-identifier"]
    assert second.headers["x-atlassian-webhook-retry"] == "1"
    jira.hooks.behaves()
    jira.hooks.hold()
    jira.people.transition(key, "Awaiting implementation", "Implementing", "Resolved", "Closed")
    assert jira.hooks.take() == []
    jira.hooks.release(shuffled=1)
    names = [told(sent)["issue"]["fields"]["status"]["name"] for sent in jira.hooks.take()]
    assert sorted(names) == ["Awaiting implementation", "Closed", "Implementing", "Resolved"]
    assert names != ["Awaiting implementation", "Implementing", "Resolved", "Closed"]
