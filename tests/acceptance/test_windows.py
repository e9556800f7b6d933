"""Windows: a gate opens at its planned start and closes at its planned end, to the second, by itself."""

import time
from datetime import UTC, datetime, timedelta

from tests.acceptance.callers import deployment, until
from tests.acceptance.house import House
from tests.acceptance.receipts import told, words
from tests.fakes.sink import running_sink

SECOND = timedelta(seconds=1)


def whole(moment: datetime) -> datetime:
    """Cut an instant to the millisecond, as callbacks tell it."""
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def sleep_until(moment: datetime) -> None:
    """Do nothing until *moment*."""
    time.sleep(max(0.0, (moment - datetime.now(UTC)).total_seconds()))


def test_a_window_opens_and_closes_by_itself(house: House) -> None:
    """An approved deployment is allowed within 1 s of planned start, prevented within 1 s of planned end, and told."""
    server = house.serve()
    person = house.first_user(server)
    with running_sink() as sink:
        told_app, asking_app = house.app(person, "told", sink.url), house.app(person, "asking")
        secret = told_app.made["signingSecret"]
        wanted = deployment()
        told_app.submit(wanted)
        asking_app.submit(wanted)
        start = whole(datetime.now(UTC)) + 2 * SECOND
        end = start + 2 * SECOND
        for app in (told_app, asking_app):
            key = app.gating(wanted)["details"][0]["issueKey"]
            window = {"start": start.isoformat(), "end": end.isoformat()}
            person.ask("PUT", f"/api/v1/changes/{key}/window", json=window).expect(200)
            person.approve(key)
            assert app.status(wanted) == "awaiting"

        until(lambda: asking_app.status(wanted) == "allowed")
        seen = datetime.now(UTC)
        assert start <= seen < start + SECOND
        opened = told(sink, secret, wanted, "allowed")
        assert start <= opened.since <= opened.at < start + SECOND

        # Nobody asks any more until all is over.
        closed = told(sink, secret, wanted, "prevented")
        assert end <= closed.since <= closed.at < end + SECOND
        sleep_until(end + SECOND)
        late = asking_app.gating(wanted)
        assert late["gatingStatus"] == "prevented"
        assert end <= datetime.fromisoformat(late["updatedTimestamp"]) < end + SECOND
        assert words(sink, secret, wanted) == ["awaiting", "allowed", "prevented"]


def test_an_asker_hears_of_the_end_at_once(sqlite_house: House) -> None:
    """Whoever asks during the window hears `allowed` until planned end, and never after it, however fast it asks."""
    server = sqlite_house.serve()
    person = sqlite_house.first_user(server)
    app = sqlite_house.app(person, "asking")
    wanted = deployment()
    app.submit(wanted)
    key = app.gating(wanted)["details"][0]["issueKey"]
    end = datetime.now(UTC) + 2 * SECOND
    person.ask("PUT", f"/api/v1/changes/{key}/window", json={"end": end.isoformat()}).expect(200)
    person.approve(key)
    asked, word = 0, ""
    while (began := datetime.now(UTC)) < end + SECOND / 2:
        word = app.status(wanted)
        if word == "allowed":
            assert began <= end
        else:
            assert datetime.now(UTC) >= end
        asked += 1
    assert asked > 100
    assert word == "prevented"


def test_an_unapproved_window_is_missed(sqlite_house: House) -> None:
    """A window that ends before anybody has approved prevents the deployment, and a gate in wait hears of it."""
    server = sqlite_house.serve()
    person = sqlite_house.first_user(server)
    app = sqlite_house.app(person, "asking")
    wanted = deployment()
    app.submit(wanted)
    key = app.gating(wanted)["details"][0]["issueKey"]
    end = datetime.now(UTC) + SECOND
    person.ask("PUT", f"/api/v1/changes/{key}/window", json={"end": end.isoformat()}).expect(200)
    gate = person.change(key)["gates"][0]
    held = person.get(f"/gates/{gate['id']}/wait", timeout=10)
    assert datetime.now(UTC) < end + SECOND
    assert held["gatingStatus"] == "prevented"
    assert [reason["code"] for reason in held["reasons"]] == ["window_missed"]


def test_edges_during_which_nobody_was_there(sqlite_house: House) -> None:
    """A window whose edges passed while the server was down is over when it comes back, and never was open."""
    server = sqlite_house.serve()
    person = sqlite_house.first_user(server)
    with running_sink() as sink:
        app = sqlite_house.app(person, "told", sink.url)
        wanted = deployment()
        app.submit(wanted)
        key = app.gating(wanted)["details"][0]["issueKey"]
        told(sink, app.made["signingSecret"], wanted, "awaiting")
        start = datetime.now(UTC) + SECOND
        window = {"start": start.isoformat(), "end": (start + SECOND / 2).isoformat()}
        person.ask("PUT", f"/api/v1/changes/{key}/window", json=window).expect(200)
        person.approve(key)
        server.kill()
        sleep_until(start + SECOND)
        sqlite_house.again(server)
        assert app.status(wanted) == "prevented"
        told(sink, app.made["signingSecret"], wanted, "prevented")
        assert words(sink, app.made["signingSecret"], wanted) == ["awaiting", "prevented"]
