"""The whole path: submitted, awaited, approved or declined, told three ways, carried out."""

import itertools
import json
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode

from tests.acceptance.callers import FAMILIES, IDS, Caller, basic, deployment, path_of, progressed, until
from tests.acceptance.house import House
from tests.acceptance.receipts import receipts, told, words
from tests.fakes.sink import running_sink


def test_from_submission_to_completion(house: House) -> None:
    """A deployment awaits, is allowed once a person approves, told by callback, poll and wait, and is completed."""
    server = house.serve()
    person = house.first_user(server)
    with running_sink() as sink:
        app = house.app(person, "ci", sink.url)
        secret = app.made["signingSecret"]
        wanted = deployment(7, pipeline="shop")
        app.submit(wanted)
        first = app.gating(wanted)
        assert first["gatingStatus"] == "awaiting"
        key, link = first["details"][0]["issueKey"], first["details"][0]["issueLink"]
        assert link == f"{server.url}/changes/{key}"
        assert told(sink, secret, wanted, "awaiting").links == (link,)
        waiting = house.begin_to_run(
            *("wait", "--json", "--pipeline", "shop", "--environment", "prod", "--sequence", "7", "--timeout", "20"),
            name="wait",
            MITREGATE_URL=server.url,
            MITREGATE_CLIENT_ID=app.made["clientId"],
            MITREGATE_CLIENT_SECRET=app.made["clientSecret"],
        )

        before = datetime.now(UTC)
        person.approve(key, "Looks good")
        assert app.status(wanted) == "allowed"
        receipt = told(sink, secret, wanted, "allowed")
        assert receipt.at - before < timedelta(seconds=1)
        assert waiting.ends() == 0, waiting.said
        assert person.change(key)["status"] == "Implementing"

        started = progressed(wanted, "in_progress")
        app.submit(started)
        app.submit(progressed(started, "successful"))
        change = person.change(key)
        assert change["status"] == "Resolved"
        assert [(entry["actor"], entry["decision"]) for entry in change["approvals"]] == [("Ada", "approve")]
        assert words(sink, secret, wanted) == ["awaiting", "allowed"]


def test_a_declined_deployment_is_prevented(house: House) -> None:
    """Declining prevents the deployment for good; the app is told by callback, by poll and by a wait that ends 1."""
    server = house.serve()
    person = house.first_user(server)
    with running_sink() as sink:
        app = house.app(person, "ci", sink.url)
        wanted = deployment()
        app.submit(wanted)
        person.decline(app.gating(wanted)["details"][0]["issueKey"], "Not today")
        assert app.status(wanted) == "prevented"
        told(sink, app.made["signingSecret"], wanted, "prevented")
        credentials = {"MITREGATE_CLIENT_ID": app.made["clientId"], "MITREGATE_CLIENT_SECRET": app.made["clientSecret"]}
        ended = house.run(
            *("wait", "--pipeline", "checkout", "--environment", "prod", "--sequence", "1"),
            MITREGATE_URL=server.url,
            **credentials,
        )
        assert ended.returncode == 1, ended.stderr


def test_any_ids_under_all_families(sqlite_house: House) -> None:
    """Whatever an id consists of, each path family finds the deployment that another one has submitted."""
    server = sqlite_house.serve()
    person = sqlite_house.first_user(server)
    with running_sink() as sink:
        app = sqlite_house.app(person, "ci", sink.url)
        doors = [app.like(family) for family in FAMILIES]
        for ids, (number, door) in itertools.product(IDS, enumerate(doors, start=1)):
            wanted = deployment(number, pipeline=ids[0], environment=ids[1], updateSequenceNumber=2**60)
            door.submit(wanted)
            key = door.gating(wanted)["details"][0]["issueKey"]
            person.approve(key)
            assert [other.status(wanted) for other in doors] == ["allowed"] * 3
            read = doors[-number].call("GET", path_of(wanted)).expect(200).json
            assert (read["pipeline"]["id"], read["environment"]["id"]) == ids
            told(sink, app.made["signingSecret"], wanted, "allowed")
            assert door.call("DELETE", path_of(wanted)).expect(202).body in {b"", b"{}"}
            assert [other.call("GET", path_of(wanted)).status for other in doors] == [404] * 3
        for door in doors:
            door.close()


def test_tokens_by_json_and_by_form(sqlite_house: House) -> None:
    """OAuth tokens are given for a JSON body and for a form; user passwords and wrong secrets are refused."""
    server = sqlite_house.serve()
    person = sqlite_house.first_user(server)
    app = sqlite_house.app(person, "ci")
    grant = {
        "audience": "api.atlassian.com",
        "grant_type": "client_credentials",
        "client_id": app.made["clientId"],
        "client_secret": app.made["clientSecret"],
    }
    asker = Caller(server.url)
    form = {"content-type": "application/x-www-form-urlencoded"}
    by_form = asker.ask("POST", "/oauth/token", body=urlencode(grant).encode(), headers=form).expect(200).json
    by_json = asker.ask("POST", "/oauth/token", json=grant).expect(200).json
    bulk = json.dumps({"deployments": [deployment()]}).encode()
    for given in (by_form, by_json):
        assert (given["token_type"], given["expires_in"]) == ("Bearer", 3600)
        bearer = {"authorization": f"Bearer {given['access_token']}"}
        asker.ask("POST", "/rest/deployments/0.1/bulk", body=bulk, headers=bearer).expect(202)
    wrong = asker.ask("POST", "/oauth/token", json={**grant, "client_secret": "guess"}).expect(401).json
    assert wrong["error"] == "invalid_client"
    password = {"authorization": basic("ada@example.com", "secret")}
    asker.ask("POST", "/rest/deployments/0.1/bulk", body=bulk, headers=password).expect(401)
    asker.ask("POST", "/rest/deployments/0.1/bulk", body=bulk).expect(401)
    asker.close()


def test_everything_survives_restarts(house: House) -> None:
    """A server that is killed after each step goes on where it was, and tells the app each status when it is back."""
    server = house.serve()
    person = house.first_user(server)
    with running_sink() as sink:
        app = house.app(person, "ci", sink.url)
        secret = app.made["signingSecret"]
        wanted = deployment()
        app.submit(wanted)
        server.kill()
        server = house.again(server)
        key = app.gating(wanted)["details"][0]["issueKey"]
        person.approve(key)
        server.kill()
        server = house.again(server)
        assert app.status(wanted) == "allowed"
        told(sink, secret, wanted, "allowed", within=10)
        app.submit(progressed(wanted, "successful"))
        server.kill()
        house.again(server)
        assert person.change(key)["status"] == "Resolved"
        assert words(sink, secret, wanted) == ["awaiting", "allowed"]
        until(lambda: not list(person.pages("/deliveries", state="open")))
        assert {receipt.changes for receipt in receipts(sink, secret)} == {(key,)}
