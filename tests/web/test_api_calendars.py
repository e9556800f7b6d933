"""Calendar files over the native API, and how calendars fare that are read."""

from typing import Any

import pytest
from msgspec.structs import replace

from mitregate.core.errors import Unreachable
from mitregate.flows import feeds
from mitregate.flows.act import begin
from tests.web.browsing import Browser
from tests.web.stage import ROOT, Stage
from tests.wire.calendars import calendar, sample

FREEZES, IMPORT = "/api/v1/freezes", "/api/v1/freezes/import"
RULES = "feeds:\n  - {name: company, url: 'https://calendar.example.com/secret.ics', reason: Company}\n"


async def take_in(stage: Stage, data: bytes, who: str = "change_manager", **query: Any) -> Any:
    """Send a calendar file."""
    client = stage.client(who, **{"content-type": "text/calendar"})
    return await client.post(IMPORT, params={"name": "company", **query}, content=data)


async def subscribe(stage: Stage) -> None:
    """Subscribe to a calendar."""
    client = stage.client("admin", **{"content-type": "application/yaml"})
    assert (await client.put("/api/v1/rules", content=RULES)).status_code == 200


async def test_a_file_is_taken_in(stage: Stage) -> None:
    """What a file says is frozen, for whom the query says, and shown; the same again changes nothing."""
    query: dict[str, Any] = {"project": ["shop", "bank*"], "type": "production", "reason": "Company", "strict": "true"}
    reply = await take_in(stage, sample("google"), **query)
    assert reply.status_code == 200, reply.text
    found = reply.json()
    assert (found["isChanged"], found["isDryRun"], found["taken"], found["leftOut"]) == (True, False, 4, 0)
    assert found["coming"][0] == {
        "start": "2026-03-02T14:30:00Z",
        "end": "2026-03-02T15:30:00Z",
        "reason": "Company: Opening bell",
    }
    (freeze,) = (await stage.client("viewer").get(FREEZES)).json()["items"]
    assert freeze["rule"]["reach"] == {"projects": ["shop", "bank*"], "types": ["production"]}
    assert freeze["rule"]["spares_emergencies"] is False
    again = (await take_in(stage, sample("google"), **query)).json()
    assert (again["isChanged"], again["revision"]) == (False, found["revision"])


async def test_a_dry_run_and_holidays(stage: Stage) -> None:
    """A dry run changes nothing; whole days can be taken as a set of holidays, in a zone."""
    dry = (await take_in(stage, sample("apple"), dryRun="true", zone="Europe/Berlin")).json()
    assert (dry["isDryRun"], dry["isChanged"], dry["revision"]) == (True, True, 0)
    dry = (await take_in(stage, sample("apple"), dryRun="true", holidays="true")).json()
    assert (dry["days"][0], dry["coming"], dry["revision"]) == ("2026-05-01", [], 0)
    done = (await take_in(stage, sample("apple"), holidays="true")).json()
    assert (done["taken"], done["leftOut"], len(done["days"]), done["revision"]) == (1, 3, 5, 1)
    assert (await stage.client("viewer").get("/api/v1/rules")).json()["holidays"][0]["name"] == "company"


@pytest.mark.parametrize(
    ("data", "query", "said"),
    [
        (b"<html>", {}, "This is no iCalendar file"),
        (calendar("SUMMARY:Odd\nDTSTART:x"), {}, "The event 1 (Odd) cannot be used"),
        (calendar(), {}, "none is still to come"),
        (sample("google"), {"zone": "Mars"}, "The time zone 'Mars' is not known."),
        (sample("google"), {"name": "x" * 101}, "name"),
    ],
)
async def test_what_cannot_be_taken_in_is_refused(stage: Stage, data: bytes, query: dict[str, str], said: str) -> None:
    """A file that is none, an event that cannot be kept to, and odd words are refused with what to do."""
    reply = await take_in(stage, data, **query)
    assert reply.status_code == 400
    assert said in reply.json()["detail"]
    assert reply.json()["advice"]


async def test_too_large_a_file_is_refused(stage: Stage) -> None:
    """There is a limit."""
    assert (await take_in(stage, b"x" * (1024 * 1024 + 1))).status_code == 413


async def test_it_needs_permission(stage: Stage) -> None:
    """Taking in a file, and having a calendar read, need the permission to plan, or to be known at all."""
    assert (await take_in(stage, sample("google"), "approver")).status_code == 403
    assert (await stage.client().post(IMPORT, params={"name": "x"}, content=b"")).status_code == 401
    assert (await stage.client("viewer").post("/api/v1/feeds/read", params={"name": "company"})).status_code == 403


async def test_a_feed_is_listed_with_how_it_fares(stage: Stage) -> None:
    """A calendar that was never read, and one that fails, are told in the list and on the board."""
    await subscribe(stage)
    (feed,) = (await stage.client("viewer").get(FREEZES)).json()["items"]
    assert (feed["name"], feed["holdsNow"]) == ("company", True)
    assert feed["reason"] == "Company: the calendar 'company' has not been read yet"
    assert feed["feed"] == {"dueAt": "2026-03-01T12:00:00Z"}
    errand = (await stage.office.store.transact(lambda uow: feeds.claim(begin(stage.ports, uow, ROOT))))[0]
    error = Unreachable("It was answered with status 500.", advice="Wait.")
    await stage.office.store.transact(lambda uow: feeds.fail(begin(stage.ports, uow, ROOT), errand, error))
    (feed,) = (await stage.client("viewer").get(FREEZES)).json()["items"]
    assert feed["feed"]["failingSince"] == "2026-03-01T12:00:00Z"
    assert feed["feed"]["error"] == "It was answered with status 500. Wait."
    browser = Browser(stage)
    await browser.sign_in("viewer")
    page = (await browser.see("/")).text
    assert "“company”, since 2026-03-01 12:00:00 UTC: it was never read, so it freezes all that it reaches." in page
    assert "It was answered with status 500. Wait." in page
    known = replace(errand.condition, read_at=stage.clock(), failing_since=stage.clock(), error="x")
    await stage.office.store.transact(lambda uow: uow.feeds.keep(known))
    assert "what it said last still holds" in (await browser.see("/")).text


async def test_a_feed_is_read_on_demand(stage: Stage) -> None:
    """Whoever plans can have a calendar read; one that is not there is not found."""
    await subscribe(stage)
    await stage.office.store.transact(lambda uow: feeds.claim(begin(stage.ports, uow, ROOT)))
    manager = stage.client("change_manager")
    assert (await manager.post("/api/v1/feeds/read", params={"name": "company"})).status_code == 204
    assert await stage.office.store.read(lambda uow: uow.feeds.next_due()) == stage.clock()
    assert (await manager.post("/api/v1/feeds/read", params={"name": "other"})).status_code == 404
