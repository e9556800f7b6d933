"""Acting back on the changes of a Jira: comments, transitions, and the registration of webhooks."""

from collections.abc import Callable

import pytest

from mitregate.changes.jira.acting import comment, move
from mitregate.changes.jira.hooking import Registration, hook
from mitregate.core.connections import Remarks
from mitregate.core.errors import Misconfigured
from mitregate.core.jobs import Outcome, Result
from mitregate.wire.jira_hooks import read_event, verify
from tests.changes.jira_situations import FLAVOURS, Scene
from tests.fakes.jira import faults
from tests.fakes.jira.adf import to_text
from tests.fakes.jira.workflow import CHANGE_WORKFLOW

URL = "https://gate.example.com/hooks/jira/c1"


@pytest.fixture(params=FLAVOURS)
def scene(request: pytest.FixtureRequest) -> Scene:
    """A Jira of each flavour, whose service account is an administrator."""
    scene = Scene(FLAVOURS[request.param])
    scene.jira.gate.may.add("ADMINISTER")
    return scene


@pytest.fixture
def key(scene: Scene) -> str:
    """A change."""
    return scene.jira.people.raise_change("ITSM", "A change")


def said(scene: Scene, key: str, text: str, reference: str = "r1", remarks: Remarks = Remarks.INTERNAL) -> Outcome:
    """Comment."""
    return scene.jira.converse(comment(scene.access, key, text, reference, remarks=remarks))


def moved(scene: Scene, key: str, target: str) -> Outcome:
    """Move a change."""
    return scene.jira.converse(move(scene.access, scene.layout, key, target))


@pytest.mark.parametrize(("remarks", "is_public"), [(Remarks.INTERNAL, False), (Remarks.PUBLIC, True)])
def test_a_comment_is_seen_by_those_who_may(scene: Scene, key: str, remarks: Remarks, is_public: bool) -> None:
    """A comment says what it was to say, internally or to customers as well."""
    assert said(scene, key, "Deployment started: https://gate.example.com/g/1", remarks=remarks).result is Result.DONE
    (one,) = scene.jira.issue(key).comments
    text = one.body if isinstance(one.body, str) else to_text(one.body)
    assert text.replace("[", "").replace("]", "") == "Deployment started: https://gate.example.com/g/1"
    assert one.is_public is is_public


def test_comments_can_be_off(scene: Scene, key: str) -> None:
    """Where comments are turned off nothing is asked."""
    scene.jira.log.clear()
    assert said(scene, key, "Started.", remarks=Remarks.OFF).result is Result.DONE
    assert scene.jira.count() == 0


def test_a_comment_is_written_once(scene: Scene, key: str) -> None:
    """The same comment is not written again, however many others came since; another one is."""
    said(scene, key, "Started.", "r1")
    for number in range(150):
        scene.jira.people.comment(key, f"Remark {number}")
    assert said(scene, key, "Started.", "r1").detail == "The comment is there."
    assert said(scene, key, "Ended.", "r2").detail == "The comment was written."
    assert len(scene.jira.issue(key).comments) == 152


def test_a_comment_that_is_refused_is_reported(scene: Scene, key: str) -> None:
    """Without the permission, or on a change that is gone, a comment is given up, and it is said why."""
    scene.jira.gate.may.discard("ADD_COMMENTS")
    outcome = said(scene, key, "Started.")
    assert outcome.result is Result.NEVER
    assert "permission" in outcome.detail
    scene.jira.people.delete(key)
    assert said(scene, key, "Started.").result is Result.NEVER


def test_a_change_is_moved_to_where_it_shall_be(scene: Scene, key: str) -> None:
    """The transition is chosen by where it leads, by any of the names that the status has; twice is once."""
    scene.jira.people.approve(key)
    scene.jira.people.transition(key, "Awaiting implementation")
    assert moved(scene, key, "IMPLEMENTING").result is Result.DONE
    assert moved(scene, key, "Implementing").detail == f"{key} is Implementing."
    assert moved(scene, key, "Completed").detail == f"{key} moved from Implementing to Resolved."
    assert [name for name, _ in scene.jira.issue(key).visited][-2:] == ["Implementing", "Resolved"]


def no_way_leads_there(scene: Scene) -> str:
    """The default workflow has no way to Failed."""
    return "offers no way"


def transition_is_hidden(scene: Scene) -> str:
    """A condition hides the transition from the service account."""
    scene.jira.site.projects["ITSM"].workflow = CHANGE_WORKFLOW.changed("Resolved", is_hidden=True)
    return "offers no way"


def screen_demands_a_field(scene: Scene) -> str:
    """The transition's screen demands a field."""
    change = {"screen": ("customfield_10007",), "required": ("customfield_10007",)}
    scene.jira.site.projects["ITSM"].workflow = CHANGE_WORKFLOW.changed("Resolved", **change)
    return "It demands Change reason."


def may_not_transition(scene: Scene) -> str:
    """The permission is missing."""
    scene.jira.gate.may.discard("TRANSITION_ISSUES")
    return "leads to: nowhere"


REFUSALS = [no_way_leads_there, transition_is_hidden, screen_demands_a_field, may_not_transition]


@pytest.mark.parametrize("when", REFUSALS)
def test_a_refused_transition_is_reported(scene: Scene, key: str, when: Callable[[Scene], str]) -> None:
    """A transition that is not offered or refused is given up, it is said why, and the change stays where it is."""
    scene.jira.people.implement(key)
    assert scene.layout.fields
    words = when(scene)
    outcome = moved(scene, key, "Failed" if when is no_way_leads_there else "Resolved")
    assert outcome.result is Result.NEVER
    assert words in outcome.detail
    assert scene.jira.issue(key).status == "Implementing"


def test_who_comes_second_comes_later(scene: Scene, key: str) -> None:
    """A change that somebody else is changing just now is moved later."""
    assert scene.layout.fields
    scene.jira.faults.then(faults.conflict().only("POST", "/transitions"))
    assert moved(scene, key, "Planning").result is Result.LATER
    assert moved(scene, key, "Planning").result is Result.DONE


# --- webhooks ---


def registered(scene: Scene, secret: str = "s3cret", *, renews: bool = False) -> Registration:
    """Register the webhook."""
    return scene.jira.converse(hook(scene.access, scene.layout, URL, secret, renews=renews))


def test_a_webhook_tells_what_happens(scene: Scene, key: str) -> None:
    """What the registered webhook tells proves itself with the secret and names the change that changed."""
    assert (registered(scene).is_new, registered(scene).is_new) == (True, False)
    people = scene.jira.people
    people.approve(key)
    scene.jira.site.add_project("OTHER")
    people.raise_change("OTHER", "Not ours")
    people.delete(key)
    sent = scene.jira.hooks.take()
    events = [read_event(request.body) for request in sent]
    for request in sent:
        verify(["another", "s3cret"], request.headers, request.body)
    assert [(event.kind.value, event.key) for event in events if event is not None] == [
        ("jira:issue_updated", key),
        ("jira:issue_deleted", key),
    ]


def test_a_webhook_can_be_renewed(scene: Scene) -> None:
    """With a secret that nobody knows any more it is registered anew, and there is one still."""
    registered(scene, "old")
    assert registered(scene, "new", renews=True).is_new
    (kept,) = scene.jira.hooks.hooks.values()
    assert kept.secret == "new"


def test_a_webhook_of_another_project_is_replaced(scene: Scene) -> None:
    """When the connection's project changes, so does what the webhook is about."""
    registered(scene)
    scene.jira.site.add_project("OTHER")
    layout = scene.layout
    scene.set(project="OTHER")
    assert scene.jira.converse(hook(scene.access, layout, URL, "s")).is_new
    (kept,) = scene.jira.hooks.hooks.values()
    assert kept.jql == 'project = "OTHER"'


def test_it_takes_an_administrator(scene: Scene) -> None:
    """Who is no administrator is told so, and how to do it by hand."""
    scene.jira.gate.may.discard("ADMINISTER")
    with pytest.raises(Misconfigured, match="register the webhook") as caught:
        registered(scene)
    assert "administrator" in caught.value.advice()
