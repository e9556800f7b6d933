"""Commands that run beside a server on the same database wake it."""

import json
from datetime import UTC, datetime, timedelta

from tests.acceptance.callers import deployment
from tests.acceptance.house import House
from tests.acceptance.receipts import told, words
from tests.fakes.sink import running_sink


def test_a_command_on_the_database_wakes_the_server(house: House) -> None:
    """`change approve` on the database itself makes the running server tell the app promptly."""
    server = house.serve()
    with running_sink() as sink:
        added = house.run("app", "add", "ci", "--callback", sink.url, "--json")
        assert added.returncode == 0, added.stderr
        person = house.first_user(server)
        assert [app["name"] for app in person.pages("/apps")] == ["ci"]
        app = house.app(person, "other", sink.url)
        wanted = deployment()
        app.submit(wanted)
        told(sink, app.made["signingSecret"], wanted, "awaiting")
        key = app.gating(wanted)["details"][0]["issueKey"]

        approved = house.run("change", "approve", key, "--comment", "From the machine itself", "--json")
        ended = datetime.now(UTC)
        assert approved.returncode == 0, approved.stderr
        assert json.loads(approved.stdout)["status"] == "Implementing"
        assert told(sink, app.made["signingSecret"], wanted, "allowed").at < ended + timedelta(seconds=1)
        assert words(sink, app.made["signingSecret"], wanted) == ["awaiting", "allowed"]
        (approval,) = person.change(key)["approvals"]
        assert approval["actor"].startswith("local:")


def test_a_command_on_the_database_wakes_a_waiter(house: House) -> None:
    """`change decline` on the database itself ends the wait of somebody who waits at the running server."""
    server = house.serve()
    person = house.first_user(server)
    app = house.app(person, "ci")
    app.submit(deployment())
    key = app.gating(deployment())["details"][0]["issueKey"]
    gate = person.change(key)["gates"][0]
    waiting = house.begin_to_run(
        *("wait", gate["id"], "--timeout", "30"), name="wait", MITREGATE_URL=server.url, MITREGATE_TOKEN=person.token
    )
    waiting.says(key)
    assert house.run("change", "decline", key).returncode == 0
    began = datetime.now(UTC)
    assert waiting.ends() == 1
    assert datetime.now(UTC) - began < timedelta(seconds=3)
