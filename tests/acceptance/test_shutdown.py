"""Shutdown: SIGTERM ends a process within seconds, whoever waits is answered first, and nothing looks like a crash."""

import signal
import threading
import time

from tests.acceptance.callers import Caller, deployment, until
from tests.acceptance.house import House
from tests.acceptance.receipts import told
from tests.fakes.sink import answers, hangs, running_sink

WAITERS = 20


def test_a_server_stops_though_many_wait(house: House) -> None:
    """A server with many open waits and idle connections answers every wait and ends within seconds with code 0."""
    server = house.serve()
    person = house.first_user(server)
    app = house.app(person, "ci")
    app.submit(deployment())
    gate = person.get("/gates")["items"][0]
    answered: list[tuple[int, str]] = []

    def wait() -> None:
        waiting = person.like()
        answer = waiting.ask("GET", f"/api/v1/gates/{gate['id']}/wait?timeout=50")
        answered.append((answer.status, answer.json["gatingStatus"]))
        waiting.close()

    idle = [Caller(server.url) for _ in range(5)]
    for caller in idle:
        caller.ask("GET", "/healthz").expect(200)
    waiters = [threading.Thread(target=wait) for _ in range(WAITERS)]
    for waiter in waiters:
        waiter.start()
    time.sleep(0.5)
    began = time.monotonic()
    server.signal(signal.SIGTERM)
    assert server.ends() == 0
    assert time.monotonic() - began < 4
    for waiter in waiters:
        waiter.join(5)
    assert answered == [(200, "awaiting")] * WAITERS
    for caller in idle:
        caller.close()


def test_a_delivery_under_way_is_finished(house: House) -> None:
    """A server that is stopped while it delivers ends cleanly, and nothing of what it had in hand is lost."""
    server = house.serve()
    person = house.first_user(server)
    with running_sink(default=hangs) as sink:
        app = house.app(person, "ci", sink.url)
        app.submit(*[deployment(number) for number in range(1, 4)])
        sink.wait(3)
        began = time.monotonic()
        assert server.stop() == 0
        assert time.monotonic() - began < 5
        sink.default = answers()
        house.again(server)
        for number in range(1, 4):
            told(sink, app.made["signingSecret"], deployment(number), "awaiting", within=10)
        until(lambda: not person.get("/deliveries", state="open")["items"])


def test_both_kinds_of_process_stop_on_either_signal(postgres_house: House) -> None:
    """A server and a worker on one database end with code 0 on SIGTERM as on Ctrl-C."""
    server, worker = postgres_house.serve(), postgres_house.work()
    worker.says("works")
    began = time.monotonic()
    server.signal(signal.SIGINT)
    worker.signal(signal.SIGTERM)
    assert (server.ends(), worker.ends()) == (0, 0)
    assert time.monotonic() - began < 4
