"""Commands that run beside a server on the same database wake it, and those who wait at it."""

import json
import time
from datetime import UTC, datetime, timedelta

from tests.acceptance.callers import deployment
from tests.acceptance.house import House
from tests.acceptance.receipts import told, words
from tests.fakes.sink import running_sink


def test_commands_on_the_database_wake_the_server(house: House) -> None:
    """A decision by a command on the database makes the running server tell the app, and ends a wait, promptly."""
    server = house.serve()
    person = house.first_user(server)
    with running_sink() as sink:
        app = house.app(person, "ci", sink.url)
        secret = app.made["signingSecret"]
        first, second = deployment(1), deployment(2)
        app.submit(first, second)
        told(sink, secret, second, "awaiting")
        key, other = (app.gating(one)["details"][0]["issueKey"] for one in (first, second))

        approved = house.run("change", "approve", key, "--comment", "From the machine itself", "--json")
        ended = datetime.now(UTC)
        assert approved.returncode == 0, approved.stderr
        assert json.loads(approved.stdout)["status"] == "Implementing"
        assert told(sink, secret, first, "allowed").at < ended + timedelta(seconds=1)
        assert words(sink, secret, first) == ["awaiting", "allowed"]
        (approval,) = person.change(key)["approvals"]
        assert approval["actor"].startswith("local:")

        gate = person.change(other)["gates"][0]
        settings = {"MITREGATE_URL": server.url, "MITREGATE_TOKEN": person.token}
        waiting = house.begin_to_run("wait", gate["id"], "--timeout", "60", name="wait", **settings)
        waiting.says(other)
        assert house.run("change", "decline", other).returncode == 0
        began = time.monotonic()
        assert waiting.ends() == 1
        assert time.monotonic() - began < 3
