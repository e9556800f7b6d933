"""Processes on one PostgreSQL share the work, wake each other, and take over from the dead; SQLite has but one."""

import statistics
import threading
import time

from tests.acceptance.callers import deployment, until
from tests.acceptance.house import House
from tests.acceptance.receipts import told, words
from tests.fakes.sink import answers, hangs, running_sink


def test_two_processes_share_the_work(postgres_house: House) -> None:
    """A server and a worker on one database both deliver, nothing twice, and the server's set-up token stays good."""
    server = postgres_house.serve()
    worker = postgres_house.work()
    worker.says("works")
    person = postgres_house.first_user(server)
    with running_sink() as sink:
        apps = [postgres_house.app(person, f"ci {number}", sink.url) for number in range(10)]
        for app in apps:
            app.submit(*[deployment(number) for number in range(1, 41)])
        sink.wait(400, within=20)
        until(lambda: not person.get("/deliveries", state="open")["items"])
        assert len(sink.requests) == 400
    assert '"event": "delivery"' in server.said
    assert '"event": "delivery"' in worker.said


def test_the_work_of_a_killed_process_is_taken_over(postgres_house: House) -> None:
    """What a process was delivering when it was killed is delivered by another one once the lease has run out."""
    first = postgres_house.serve(name="first")
    person = postgres_house.first_user(first)
    with running_sink(default=hangs) as sink:
        app = postgres_house.app(person, "ci", sink.url)
        wanted = [deployment(number) for number in range(1, 13)]
        app.submit(*wanted)
        sink.wait(10)
        first.kill()
        sink.default = answers()
        postgres_house.work(name="second")
        for one in wanted:
            told(sink, app.made["signingSecret"], one, "awaiting", within=15)
            assert words(sink, app.made["signingSecret"], one) == ["awaiting"]


def test_a_waiter_hears_of_a_decision_elsewhere(postgres_house: House) -> None:
    """Whoever waits at one server is woken at once by an approval at another one."""
    here, there = postgres_house.serve(name="here"), postgres_house.serve(name="there")
    person = postgres_house.first_user(there)
    app = postgres_house.app(person, "ci")
    delays = []
    for number in range(1, 6):
        app.submit(deployment(number))
        key = app.gating(deployment(number))["details"][0]["issueKey"]
        gate = person.change(key)["gates"][0]
        answered: list[float] = []

        def wait(gate_id: str = gate["id"], answered: list[float] = answered) -> None:
            waiting = person.like(here.url)
            held = waiting.get(f"/gates/{gate_id}/wait", timeout=20)
            assert held["gatingStatus"] == "allowed"
            answered.append(time.monotonic())
            waiting.close()

        thread = threading.Thread(target=wait)
        thread.start()
        time.sleep(0.2)
        person.approve(key)
        decided = time.monotonic()
        thread.join(25)
        delays.append(answered[0] - decided)
    assert statistics.median(delays) < 0.25, delays
    assert max(delays) < 2, delays


def test_a_second_server_on_one_file_is_refused(sqlite_house: House) -> None:
    """A second server or worker on the same SQLite file ends with code 3 and says why; the first one goes on."""
    server = sqlite_house.serve()
    for second in (sqlite_house.begin_to_serve(name="second"), sqlite_house.work()):
        assert second.ends() == 3, second.said
        assert "served by another process" in second.said
        assert "PostgreSQL" in second.said
    person = sqlite_house.first_user(server)
    server.kill()
    sqlite_house.again(server)
    assert person.get("/me")["name"] == "Ada"
