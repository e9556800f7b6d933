"""Two apps with the same ids: neither sees, changes or hears anything of the other's (promise 5)."""

from tests.acceptance.callers import deployment, path_of, progressed
from tests.acceptance.house import House
from tests.acceptance.receipts import told, words
from tests.fakes.sink import running_sink


def test_apps_do_not_see_each_other(house: House) -> None:
    """The same ids from two apps are two deployments: read, decided, told and deleted apart."""
    server = house.serve()
    person = house.first_user(server)
    wanted = deployment(properties=None)
    mark = {"properties": {"team": "shop"}}
    with running_sink() as here, running_sink() as there:
        mine, yours = house.app(person, "mine", here.url), house.app(person, "yours", there.url)
        mine.submit(wanted, **mark)
        for path in ("", "/gating-status"):
            assert yours.call("GET", path_of(wanted) + path).status == 404
        (gate,) = mine.ask("GET", "/api/v1/gates").expect(200).json["items"]
        assert yours.call("GET", path_of(wanted)).status == 404
        assert yours.ask("GET", "/api/v1/gates").expect(200).json["items"] == []
        for path in ("", "/wait?timeout=0"):
            assert yours.ask("GET", f"/api/v1/gates/{gate['id']}{path}").status == 404

        yours.submit({**wanted, "displayName": "Theirs"}, **mark)
        ours, theirs = (app.gating(wanted)["details"][0]["issueKey"] for app in (mine, yours))
        assert ours != theirs
        person.approve(ours)
        assert (mine.status(wanted), yours.status(wanted)) == ("allowed", "awaiting")
        person.decline(theirs)
        assert (mine.status(wanted), yours.status(wanted)) == ("allowed", "prevented")
        told(here, mine.made["signingSecret"], wanted, "allowed")
        told(there, yours.made["signingSecret"], wanted, "prevented")
        assert words(here, mine.made["signingSecret"], wanted) == ["awaiting", "allowed"]
        assert words(there, yours.made["signingSecret"], wanted) == ["awaiting", "prevented"]

        assert mine.call("GET", path_of(wanted)).json["displayName"] == "checkout #1"
        yours.submit(progressed(progressed(wanted, "pending"), "cancelled"))
        assert mine.call("GET", path_of(wanted)).json["state"] == "pending"
        yours.call("DELETE", path_of(wanted)).expect(202)
        yours.call("DELETE", "/bulkByProperties?team=shop").expect(202)
        assert mine.call("GET", path_of(wanted)).status == 200
        assert mine.status(wanted) == "allowed"


def test_apps_may_not_act_as_people(sqlite_house: House) -> None:
    """An app's token reads its own gates and decides nothing; secrets of one app do not open another one."""
    server = sqlite_house.serve()
    person = sqlite_house.first_user(server)
    mine, yours = sqlite_house.app(person, "mine"), sqlite_house.app(person, "yours")
    mine.submit(deployment())
    key = mine.gating(deployment())["details"][0]["issueKey"]
    for app in (mine, yours):
        app.log_in()
        assert app.ask("POST", f"/api/v1/changes/{key}/approve", json={}).status in {403, 404}
        assert app.ask("GET", f"/api/v1/changes/{key}").status in {403, 404}
        for path in ("apps", "users", "audit", "deliveries"):
            assert app.ask("GET", f"/api/v1/{path}").status == 403, path
    assert mine.status(deployment()) == "awaiting"
    crossed = {
        "grant_type": "client_credentials",
        "client_id": mine.made["clientId"],
        "client_secret": yours.made["clientSecret"],
    }
    assert mine.ask("POST", "/oauth/token", json=crossed).status == 401
