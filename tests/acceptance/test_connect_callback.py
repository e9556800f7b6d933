"""Connect apps are called back as Jira does it: signed, in order, tried again or not, and never too many at once."""

import asyncio
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta

from tests.acceptance.callers import deployment, until
from tests.acceptance.connecting import CLIENT_KEY, SECRET, dead, delivery, install, pass_time, tried
from tests.acceptance.house import House
from tests.acceptance.receipts import told
from tests.fakes.connect_app import ConnectApp
from tests.fakes.sink import answers, hangs, running, running_sink

MINUTE = timedelta(minutes=1)
SECOND = timedelta(seconds=1)


def test_a_connect_app_is_told_each_status(house: House) -> None:
    """An app that believes nothing unproved is told `awaiting` and `allowed` of what it submitted; no other app is."""
    server = house.serve()
    person = house.first_user(server)
    with running(ConnectApp()) as fake, running(ConnectApp("com.example.other", path="")) as other:
        app = install(house, server, fake)
        install(house, server, other)
        wanted = deployment(pipeline="shop / eu")
        app.submit(wanted)
        until(lambda: app.words(wanted) == ["awaiting"])
        person.approve(app.gating(wanted)["details"][0]["issueKey"])
        until(lambda: app.words(wanted) == ["awaiting", "allowed"])
        first, second = app.told(wanted)
        assert first.body == {
            **second.body,
            "gatingStatus": "awaiting",
            "updatedTimestamp": first.body["updatedTimestamp"],
        }
        assert second.body == app.gating(wanted)
        assert first.claims["iss"] == CLIENT_KEY
        assert "x-atlassian-webhook-retry" not in first.headers
        until(lambda: len(person.get("/deliveries", state="done")["items"]) == 2)
        assert (fake.refused, other.requests) == ([], [])


def test_a_refusal_is_final_and_shown(sqlite_house: House) -> None:
    """An app that does not believe us is not told again by itself; what is wrong is said, and a person can retry it."""
    server = sqlite_house.serve()
    person = sqlite_house.first_user(server)
    with running(ConnectApp()) as fake:
        app = install(sqlite_house, server, fake)
        fake.secrets[CLIENT_KEY] = "another secret"
        app.submit(deployment())
        found = dead(person)
        assert found["note"].startswith("HTTP 401: The app does not believe that we are telling it: the secrets")
        assert fake.refused == ["/app/gating: the signature does not fit"]
        shown = sqlite_house.run("delivery", "list", "--state", "dead")
        assert "HTTP 401" in shown.stdout
        (attempt,) = delivery(sqlite_house, found["id"])["tries"]
        assert (attempt["result"], attempt["status"], attempt["detail"]) == ("never", 401, found["note"])
        (entry,) = person.pages("/audit", subject=found["id"])
        assert (entry["action"], entry["detail"]["detail"]) == ("delivery.dead", found["note"])

        fake.secrets[CLIENT_KEY] = SECRET
        assert sqlite_house.run("delivery", "retry", found["id"]).returncode == 0
        until(lambda: app.words(deployment()) == ["awaiting"])
        (event,) = fake.told
        assert event.headers["x-atlassian-webhook-identifier"] == found["id"]
        assert event.headers["x-atlassian-webhook-retry"] == "1"


def test_a_host_that_keeps_failing_is_tried_once(sqlite_house: House) -> None:
    """After half an hour of nothing but failures a delivery is tried once; one success restores the retries."""
    server = sqlite_house.serve()
    person = sqlite_house.first_user(server)
    with running(ConnectApp(default=answers(503))) as fake:
        app = install(sqlite_house, server, fake)
        app.submit(deployment(1))
        for count in (1, 2):
            tried(person, count)
            pass_time(sqlite_house, 15 * MINUTE)
        found = dead(person)
        assert "Nothing but failures has come from there since" in found["note"]
        ids = {event.headers["x-atlassian-webhook-identifier"] for event in fake.told}
        retries = [event.headers.get("x-atlassian-webhook-retry") for event in fake.told]
        assert (ids, retries) == ({found["id"]}, [None, "1", "2"])

        app.submit(deployment(2))
        assert dead(person, 2)["attempts"] == 1
        fake.default = answers(204)
        assert sqlite_house.run("delivery", "retry", found["id"]).returncode == 0
        until(lambda: person.get("/deliveries", state="done")["items"])
        fake.tell(answers(503))
        app.submit(deployment(3))
        waits = tried(person, 1)
        pass_time(sqlite_house, 15 * MINUTE)
        until(lambda: delivery(sqlite_house, waits["id"])["state"] == "done", within=10)


class Counter:
    """Answers after a while, and counts how many wait for that at once, at most."""

    def __init__(self) -> None:
        self.now = self.most = 0

    async def __call__(self, writer: asyncio.StreamWriter) -> bool:
        """Answer one request."""
        self.now += 1
        self.most = max(self.most, self.now)
        await asyncio.sleep(0.1)
        self.now -= 1
        return await answers(204)(writer)


def test_apps_on_one_host_share_twenty_calls(sqlite_house: House) -> None:
    """Two apps on one host are never told more than twenty things at once, and all are told."""
    server = sqlite_house.serve()
    sqlite_house.first_user(server)
    counter = Counter()
    with running_sink(default=counter) as host:
        for name in ("one", "two", "three"):
            fake = ConnectApp(name, path=f"/{name}", port=host.port)
            app = install(sqlite_house, server, fake)
            app.submit(*[deployment(number) for number in range(40)])
        host.wait(120, within=20)
        until(lambda: counter.now == 0)
        assert counter.most == 20


def test_a_host_that_hangs_holds_up_nobody_else(sqlite_house: House) -> None:
    """Whatever waits to be told to a host that hangs, others are told at once; and what waited was not tried yet."""
    server = sqlite_house.serve(MITREGATE_WORKER_CONCURRENCY="30", MITREGATE_OUTBOUND_TIMEOUT="2")
    person = sqlite_house.first_user(server)
    with ExitStack() as stack:
        host, good = (stack.enter_context(running_sink(default=behaviour)) for behaviour in (hangs, answers()))
        for name in ("one", "two", "three", "four"):
            fake = ConnectApp(name, path=f"/{name}", port=host.port)
            install(sqlite_house, server, fake).submit(*[deployment(number) for number in range(20)])
        host.wait(20)
        app = sqlite_house.app(person, "good", good.url)
        for number in range(3):
            began = datetime.now(UTC)
            app.submit(deployment(number))
            assert told(good, app.made["signingSecret"], deployment(number), "awaiting").at - began < SECOND
        host.wait(60, within=10)
        tried = [found for found in person.pages("/deliveries") if found["provider"] == "connect" and found["attempts"]]
        assert len(tried) <= len(host.requests)
