"""Reading changes of a Jira: one, many at once, and how they stand."""

from datetime import timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from mitregate.changes.jira.reading import Sweep, find_number, read_change, standing, sweep
from mitregate.core.calendar import Window
from mitregate.core.changes import ChangeType, StatusClass
from mitregate.core.connections import Role
from mitregate.core.errors import Misconfigured, Unreachable
from mitregate.core.risk import Risk
from mitregate.wire.http import Conversation, Reply, Request
from mitregate.wire.jira_issues import Issue
from tests.changes.jira_situations import FLAVOURS, NOON, SERVICE, WINDOW, Scene, between


@pytest.fixture(params=FLAVOURS)
def scene(request: pytest.FixtureRequest) -> Scene:
    """A Jira of each flavour."""
    return Scene(FLAVOURS[request.param])


def raised(scene: Scene, count: int = 1) -> list[str]:
    """Let somebody raise changes; gives their keys."""
    return [scene.jira.people.raise_change("ITSM", f"Change {number}") for number in range(count)]


def swept(scene: Scene, *keys: str) -> Sweep:
    """Read many changes."""
    return scene.jira.converse(sweep(scene.access, scene.layout, keys))


def the(scene: Scene, key: str) -> Issue:
    """Read a change that is there."""
    issue = scene.jira.converse(read_change(scene.access, scene.layout, key))
    assert issue is not None
    return issue


def test_a_change_is_read_whole(scene: Scene) -> None:
    """All that a gate needs of a change is read, whatever the time zone of the service account."""
    scene.jira.gate.zone = "Pacific/Kiritimati"
    values: dict[str, Any] = {"customfield_10005": "Emergency", "customfield_10006": "High", "labels": ["a", "b"]}
    values |= {"customfield_10043": [SERVICE]} if scene.access.is_cloud else {}
    key = scene.jira.people.raise_change("ITSM", "A change", **values)
    scene.jira.people.plan(key, WINDOW.start, WINDOW.end)
    issue = the(scene, key)
    assert (issue.key, issue.title, issue.project) == (key, "A change", "ITSM")
    assert (issue.status, issue.category) == ("Peer review / change manager approval", "new")
    assert (issue.window, issue.created, issue.updated) == (WINDOW, NOON, NOON)
    assert (issue.type, issue.risk, issue.labels) == (ChangeType.EMERGENCY, Risk.HIGH, ("a", "b"))
    assert issue.services == ((SERVICE,) if scene.access.is_cloud else ())
    assert (issue.reference, issue.link) == ("", f"https://jira.example.com/browse/{key}")


def test_a_change_may_say_little(scene: Scene) -> None:
    """Without window, type and risk there is none; half a window is open at the other side."""
    (key,) = raised(scene)
    issue = the(scene, key)
    assert (issue.window, issue.type, issue.risk, issue.description) == (Window(), None, None, "")
    scene.jira.people.plan(key, None, WINDOW.end)
    assert the(scene, key).window == Window(end=WINDOW.end)


def test_a_window_that_cannot_be_read_is_none_at_all(scene: Scene) -> None:
    """A planned start that is no instant leaves all as it was: it never passes for one that is not set."""
    key = scene.jira.people.raise_change("ITSM", "A change", labels=["soon"])
    layout = replace(scene.layout, fields={**scene.layout.fields, Role.PLANNED_START: "labels"})
    with pytest.raises(Unreachable, match="planned_start") as caught:
        scene.jira.converse(read_change(scene.access, layout, key))
    assert "Pin the id" in caught.value.advice()


def test_how_a_change_stands(scene: Scene) -> None:
    """The status alone says whether a gate may open, and the window is kept; approvals are Jira's affair."""
    (key,) = raised(scene)
    scene.jira.people.plan(key, WINDOW.start, WINDOW.end)
    seen = [standing(scene.connection, the(scene, key))]
    scene.jira.people.implement(key)
    seen.append(standing(scene.connection, the(scene, key)))
    scene.jira.people.force(key, "Declined")
    seen.append(standing(scene.connection, the(scene, key)))
    assert [one.status_class for one in seen] == [StatusClass.WAIT, StatusClass.PROCEED, StatusClass.STOP]
    assert [one.is_declined for one in seen] == [False, False, True]
    assert all((one.key, one.window, one.approvals) == (key, WINDOW, None) for one in seen)


def test_a_number_is_taken_as_people_write_it(scene: Scene) -> None:
    """Case and spaces make no difference; what is no number, or no change request, is not found."""
    (key,) = raised(scene)
    found = scene.jira.converse(find_number(scene.access, scene.layout, f" {key.lower()} "))
    assert found is not None
    assert found.key == key
    incident = scene.jira.site.create(scene.jira.site.projects["ITSM"], "10022", {"summary": "Down"}, by="ada")
    for number in (incident.key, "ITSM-404", "ITSM", "", "../../myself", "ITSM-1/comment", 'ITSM-1" OR key = "ITSM-2'):
        assert scene.jira.converse(find_number(scene.access, scene.layout, number)) is None
    assert scene.jira.count(path=r"\.\.|comment|OR") == 0


def test_one_request_reads_a_hundred(scene: Scene) -> None:
    """250 changes take three requests, and each is asked for once."""
    keys = raised(scene, 250)
    layout = scene.layout
    scene.jira.log.clear()
    seen = scene.jira.converse(sweep(scene.access, layout, [*keys, *keys]))
    assert list(seen.found) == keys
    assert (seen.missing, seen.unread, scene.jira.count()) == ({}, (), 3)


def test_what_is_gone_does_not_sink_the_others(scene: Scene) -> None:
    """Deleted, hidden and moved changes are told apart from the others, which are all read."""
    people, site = scene.jira.people, scene.jira.site
    keys = raised(scene, 8)
    site.add_project("SECRET")
    site.add_project("OTHER")
    scene.jira.gate.hidden_projects.add("SECRET")
    people.delete(keys[1])
    people.move(keys[3], "SECRET")
    new_key = people.move(keys[5], "OTHER")
    seen = swept(scene, *keys, "ITSM-999", "not a key")
    assert set(seen.missing) == {keys[1], keys[3], "ITSM-999", "not a key"}
    assert "deleted" in seen.missing[keys[1]]
    assert seen.found[keys[5]].key == new_key
    assert set(seen.found) == set(keys) - {keys[1], keys[3]}


def test_a_search_that_is_late_does_not_matter_on_cloud() -> None:
    """On Cloud a sweep tells what is so, not what the index knows."""
    scene = Scene()
    scene.jira.site.lag = timedelta(hours=1)
    (key,) = raised(scene)
    scene.jira.people.implement(key)
    assert swept(scene, key).found[key].status == "Implementing"


def test_a_refused_key_is_found_by_halves() -> None:
    """Where a search refuses one key of many, the others are read all the same, in few requests."""
    scene = Scene(FLAVOURS["dc9"])
    keys = raised(scene, 60)
    scene.jira.people.delete(keys[41])
    layout = scene.layout
    seen = scene.jira.converse(between(sweep(scene.access, layout, keys), asks=strictly))
    assert (set(seen.found), set(seen.missing)) == (set(keys) - {keys[41]}, {keys[41]})
    assert scene.jira.count("POST", "/search") < 16


@pytest.mark.parametrize("is_login_told", [True, False])
def test_nothing_is_gone_before_the_login_is_proved(scene: Scene, is_login_told: bool) -> None:
    """With a token that was revoked nothing is missing: that is the operator's affair."""
    keys = raised(scene, 3)
    layout = scene.layout
    scene.secret = "revoked"
    conversations: tuple[Conversation[object], ...] = (
        sweep(scene.access, layout, keys),
        read_change(scene.access, layout, keys[0]),
    )
    for conversation in conversations:
        with pytest.raises(Misconfigured, match="refuses the login"):
            scene.jira.converse(conversation if is_login_told else between(conversation, hears=silenced))


def test_much_that_is_gone_at_once_is_looked_for_bit_by_bit(scene: Scene) -> None:
    """When a whole project is hidden some are looked for, and nothing is said of the others this time."""
    keys = raised(scene, 50)
    layout = scene.layout
    scene.jira.gate.hidden_projects.add("ITSM")
    scene.jira.log.clear()
    seen = scene.jira.converse(sweep(scene.access, layout, keys))
    assert (len(seen.missing), len(seen.unread), seen.found) == (20, 30, {})
    assert scene.jira.count() <= 130


def strictly(request: Request) -> Request:
    """Let a search refuse what is wrong with a value, as old servers do that know no `validateQuery`."""
    return replace(request, body=request.body.replace(b'"validateQuery":false', b'"validateQuery":true'))


def silenced(reply: Reply) -> Reply:
    """Take the header away that tells of a login that was refused."""
    headers = {name: value for name, value in reply.headers.items() if name != "x-seraph-loginreason"}
    return replace(reply, headers=headers)
