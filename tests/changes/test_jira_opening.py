"""Raising changes in a Jira, and finding them again: by title, and after a crash."""

from datetime import timedelta

import pytest
from msgspec.structs import replace

from mitregate.changes.jira.finding import find_title, recover
from mitregate.changes.jira.opening import Opened, create, open_change
from mitregate.core.calendar import Window
from mitregate.core.changes import ChangeType, StatusClass
from mitregate.core.errors import Misconfigured, Unreachable
from mitregate.wire.jira_issues import Draft
from tests.changes.jira_situations import FLAVOURS, NOON, SERVICE, TITLE, WINDOW, Scene, draft
from tests.fakes.jira.faults import Fault
from tests.fakes.jira.fields import as_text
from tests.fakes.jira.site import SUMMARY_ONLY


@pytest.fixture(params=FLAVOURS)
def scene(request: pytest.FixtureRequest) -> Scene:
    """A Jira of each flavour."""
    return Scene(FLAVOURS[request.param])


def opened(scene: Scene, wanted: Draft) -> Opened:
    """Raise a change."""
    return scene.jira.converse(create(scene.access, scene.layout, wanted))


def test_a_change_says_what_it_was_to_say(scene: Scene) -> None:
    """Title, description, window, type, risk and services arrive, and it is marked and linked."""
    services = (SERVICE,) if scene.access.is_cloud else ()
    made = opened(scene, draft(type=ChangeType.EMERGENCY, services=services))
    assert (made.key, made.was_there, made.is_marked, made.notes) == ("ITSM-1", False, True, ())
    issue, site = scene.jira.issue("ITSM-1"), scene.jira.site
    assert (issue.values["summary"], issue.reporter, issue.raised_by_request) == (TITLE, "gate", "11")
    assert (issue.values["customfield_10005"], issue.values["customfield_10006"]) == ("Emergency", "Medium")
    assert (issue.values["customfield_10011"], issue.values["customfield_10012"]) == (WINDOW.start, WINDOW.end)
    assert issue.values.get("customfield_10043") == ([SERVICE] if services else None)
    text = as_text(site.field("Description"), issue.values["description"])
    assert "Release 1.2.3 of the web shop." in text
    assert text.splitlines()[-1].startswith("Mitregate reference: 9f1c2a64")
    (link,) = issue.links.values()
    assert link["object"] == {"url": "https://gate.example.com/gates/9f1c2a64", "title": "Mitregate"}


def test_what_the_form_does_not_offer_is_set_afterwards(scene: Scene) -> None:
    """A request type that asks for nothing but a title gets a change that says all the same."""
    scene.jira.site.projects["ITSM"].request_types[0].fields = SUMMARY_ONLY
    assert opened(scene, draft()).notes == ()
    values = scene.jira.issue("ITSM-1").values
    assert (values["customfield_10011"], values["customfield_10006"]) == (WINDOW.start, "Medium")


def test_what_is_refused_is_noted() -> None:
    """A field that Jira does not take is left out, and said; the change stands with all the others."""
    scene = Scene()
    made = opened(scene, draft(services=("not a service",)))
    assert "valid service id" in " ".join(made.notes)
    values = scene.jira.issue("ITSM-1").values
    assert "customfield_10043" not in values
    assert values["customfield_10011"] == WINDOW.start
    assert len(scene.jira.titled(TITLE)) == 1


def test_words_are_written_as_the_site_writes_them() -> None:
    """A choice is made by the word that the form offers, whatever its case."""
    scene = Scene()
    site = scene.jira.site
    at = site.fields.index(site.field("Change risk"))
    site.fields[at] = replace(site.fields[at], options=("CRITICAL", "HIGH", "MEDIUM", "LOW"))
    assert opened(scene, draft()).notes == ()
    assert scene.jira.issue("ITSM-1").values["customfield_10006"] == "MEDIUM"


def test_a_demand_that_cannot_be_met_raises_nothing(scene: Scene) -> None:
    """Where the request type demands what we do not know, no change is raised, and the field is named."""
    scene.jira.site.projects["ITSM"].request_types[0].required = ("summary", "customfield_10007")
    with pytest.raises(Misconfigured, match="Change reason") as caught:
        opened(scene, draft())
    assert "preset value" in caught.value.advice()
    assert scene.jira.site.issues == {}


def test_it_can_be_raised_for_somebody(scene: Scene) -> None:
    """The person for whom a change is raised is its reporter; one that Jira does not know is noted."""
    scene.jira.site.add_user("bea")
    opened(scene, draft(requester="bea"))
    assert scene.jira.issue("ITSM-1").reporter == "bea"
    made = opened(scene, draft("Another", requester="nobody"))
    assert scene.jira.issue(made.key).reporter == "gate"
    assert "nobody" in " ".join(made.notes)


def test_nothing_in_a_description_means_anything(scene: Scene) -> None:
    """What outsiders write is shown as it is, and is too long for no field."""
    hostile = "{code}{html}<b>!image.png!|[~admin] h1. *x*\\\\\n||a||\nbq. quoted\n" * 900
    made = opened(scene, draft(description=hostile))
    assert made.notes == ()
    assert made.is_marked


def test_no_permission_to_mark_is_no_failure(scene: Scene) -> None:
    """Who may raise changes and not edit them gets a change that can be found again by its description."""
    scene.jira.gate.may -= {"EDIT_ISSUES", "LINK_ISSUES"}
    made = opened(scene, draft())
    assert (made.is_marked, len(made.notes)) == (False, 2)
    scene.jira.clock.advance(minutes=6)
    found = scene.jira.converse(recover(scene.access, scene.layout, draft(), first_try=NOON, last_try=NOON))
    assert found.issue is not None
    assert found.issue.key == made.key


# --- by title ---


def found(scene: Scene, title: str) -> str | None:
    """Find a change by its title; gives its key."""
    issue = scene.jira.converse(find_title(scene.access, scene.layout, title))
    return issue.key if issue is not None else None


TITLES = (
    TITLE,
    'GitLab: Deploy "group/sub-group/app_1" version v2 (hotfix) to "prod: eu-west"',
    "Ship it",
    'Jenkins: Deploy "a" version "\\"1\\"" to "{x} [y] *z*"',
    "* ? ~ ^ ! - + && || AND OR NOT",
    "Bereitstellung für Zürich, Straße 7",
    "の デプロイ",
)


@pytest.mark.parametrize("title", TITLES)
def test_a_title_is_found_exactly(scene: Scene, title: str) -> None:
    """The one change of exactly this title is found among those that differ in case, in quotes or in a word."""
    people = scene.jira.people
    for other in (title.swapcase() + " 2", title.replace('"', "'") + ".", f"{title} again", title[:-1] + "x"):
        people.raise_change("ITSM", other)
    assert found(scene, title) is None
    key = people.raise_change("ITSM", title)
    assert found(scene, title) == key


def test_it_is_found_among_many(scene: Scene) -> None:
    """It is found on whichever page it is; a title that hundreds share is found as the last of them."""
    first = scene.jira.people.raise_change("ITSM", TITLE)
    for number in range(230):
        scene.jira.people.raise_change("ITSM", f"{TITLE} ({number})")
    assert found(scene, TITLE) == first
    scene.jira.clock.advance(minutes=1)
    assert found(scene, TITLE) == first
    second = scene.jira.people.raise_change("ITSM", TITLE)
    assert found(scene, TITLE) == second


def test_only_open_changes_are_found(scene: Scene) -> None:
    """What is over, is no change request or lies in another project is not taken."""
    people, site = scene.jira.people, scene.jira.site
    declined = people.raise_change("ITSM", TITLE)
    people.decline(declined)
    site.create(site.projects["ITSM"], "10022", {"summary": TITLE}, by="ada")
    site.add_project("OTHER")
    people.raise_change("OTHER", TITLE)
    assert found(scene, TITLE) is None
    scene.set(statuses={"Pending": StatusClass.STOP})
    pending = people.raise_change("ITSM", TITLE)
    people.approve(pending)
    people.transition(pending, "Pending")
    assert found(scene, TITLE) is None


def test_what_the_index_does_not_know_yet_is_not_believed(scene: Scene) -> None:
    """A change that was declined or retitled a moment ago is not found by what it was before."""
    scene.jira.site.lag = timedelta(minutes=1)
    keys = [scene.jira.people.raise_change("ITSM", TITLE) for _ in range(2)]
    scene.jira.clock.advance(minutes=2)
    scene.jira.people.decline(keys[0])
    scene.jira.people.retitle(keys[1], "Something else")
    assert found(scene, TITLE) is None


# --- after a crash ---


def test_a_search_that_is_late_is_waited_for(scene: Scene) -> None:
    """Right after a try whose end nobody knows, nothing is raised; the pause that is asked for suffices."""
    scene.jira.faults.always(Fault().only("POST", "/request"))
    with pytest.raises(Unreachable):
        opened(scene, draft())
    scene.jira.faults.end()
    again = open_change(scene.access, scene.layout, draft(), first_try=NOON)
    with pytest.raises(Unreachable, match="may not know it yet") as caught:
        scene.jira.converse(again)
    assert caught.value.retry_after == (60 if scene.access.is_cloud else 300)
    scene.jira.clock.advance(seconds=caught.value.retry_after)
    made = scene.jira.converse(open_change(scene.access, scene.layout, draft(), first_try=NOON))
    assert (made.was_there, len(scene.jira.titled(TITLE))) == (False, 1)


def test_on_cloud_a_change_is_found_that_no_search_knows() -> None:
    """A change that was raised a moment ago is found by its number, long before the search knows it."""
    scene = Scene()
    scene.jira.site.lag = timedelta(hours=1)
    old = scene.jira.people.raise_change("ITSM", "An old one")
    scene.jira.clock.advance(hours=2)
    began = scene.jira.clock.now()
    for number in range(75):
        scene.jira.people.raise_change("ITSM", f"Change {number}")
    made = opened(scene, draft())
    scene.jira.people.retitle(made.key, "Renamed by somebody")
    seen = scene.jira.converse(recover(scene.access, scene.layout, draft(), first_try=began, last_try=began))
    assert seen.issue is not None
    assert (seen.issue.key, seen.is_certain, old) == ("ITSM-77", True, "ITSM-1")


def test_another_deployments_change_is_not_taken(scene: Scene) -> None:
    """Of two changes of one title each deployment gets its own; and who writes our line into a text gets none."""
    other = draft(reference="00000000-77b0-4a52-9d0e-5f0c1d2e3a4b")
    opened(scene, other)
    forged = draft("Forged", reference="11111111", description=f"Mitregate reference: {draft().reference}")
    opened(scene, forged)
    longer = draft("Longer", reference=f"{draft().reference}5")
    opened(scene, longer)
    scene.jira.clock.advance(minutes=10)
    seen = scene.jira.converse(recover(scene.access, scene.layout, draft(), first_try=NOON, last_try=NOON))
    assert (seen.issue, seen.is_certain) == (None, True)
    mine = opened(scene, draft())
    scene.jira.clock.advance(minutes=10)
    seen = scene.jira.converse(recover(scene.access, scene.layout, draft(), first_try=NOON, last_try=NOON))
    assert seen.issue is not None
    assert seen.issue.key == mine.key


def test_a_forged_line_is_no_mark(scene: Scene) -> None:
    """Who writes our line into a description does not get the change of another, even where none is marked."""
    scene.jira.gate.may -= {"EDIT_ISSUES"}
    opened(scene, draft("Forged", reference="11111111", description=f"Mitregate reference: {draft().reference}\n"))
    scene.jira.clock.advance(minutes=10)
    seen = scene.jira.converse(recover(scene.access, scene.layout, draft(), first_try=NOON, last_try=NOON))
    assert (seen.issue, seen.is_certain) == (None, True)


def test_what_was_not_set_before_a_crash_is_set_after_it(scene: Scene) -> None:
    """A change whose window could not be set when it was raised gets it when it is found again."""
    scene.jira.site.projects["ITSM"].request_types[0].fields = SUMMARY_ONLY
    scene.jira.faults.always(Fault().only("PUT"), Fault().only("POST", "/remotelink"))
    made = opened(scene, draft())
    assert (made.is_marked, len(made.notes)) == (False, 3)
    scene.jira.faults.end()
    scene.jira.clock.advance(minutes=10)
    again = scene.jira.converse(open_change(scene.access, scene.layout, draft(), first_try=NOON))
    assert (again.key, again.is_marked, again.notes) == (made.key, True, ())
    assert scene.jira.issue(made.key).values["customfield_10011"] == WINDOW.start


def test_what_people_set_is_not_overwritten(scene: Scene) -> None:
    """A change found again keeps the window that somebody gave it in the meantime."""
    made = opened(scene, draft())
    later = Window(start=NOON + timedelta(days=1), end=NOON + timedelta(days=2))
    scene.jira.people.plan(made.key, later.start, later.end)
    scene.jira.clock.advance(minutes=10)
    again = scene.jira.converse(open_change(scene.access, scene.layout, draft(), first_try=NOON))
    assert (again.key, again.was_there) == (made.key, True)
    assert scene.jira.issue(made.key).values["customfield_10011"] == later.start
