"""Killed at random under load: no decision lost, none sent that was not taken, order kept (domain.md §8, promise 3).

`MITREGATE_TEST_KILLS` says how often the server is killed (4 in a short run), `MITREGATE_TEST_SEED` which moments.
"""

import asyncio
import os
import random
import time

from tests.acceptance.callers import deployment, until
from tests.acceptance.house import House
from tests.acceptance.ledger import Ledger
from tests.acceptance.load import Load
from tests.acceptance.receipts import words
from tests.acceptance.verdicts import Verdicts
from tests.fakes.sink import Behaviour, answers, hangs, running_sink

KILLS = int(os.environ.get("MITREGATE_TEST_KILLS", "4"))
SEED = os.environ.get("MITREGATE_TEST_SEED", "mitre")


def moody(seed: float) -> Behaviour:
    """Behave as a receiver that takes a moment, so that a kill meets deliveries under way, and sometimes fails."""
    chance = random.Random(seed)

    async def behave(writer: asyncio.StreamWriter) -> bool:
        await asyncio.sleep(chance.uniform(0.005, 0.08))
        return await answers(500 if chance.random() < 0.03 else 200)(writer)

    return behave


def test_killed_at_random_under_load(house: House) -> None:
    """After kill -9 at any moment all that was acknowledged is there, and what was decided was told, in its order.

    On PostgreSQL a worker runs beside the server, and either may be the one that is killed.
    """
    chance = random.Random(f"{SEED} {house.database.partition(':')[0]}")
    server = house.serve()
    workers = [house.work()] if house.database.startswith("postgresql") else []
    person = house.first_user(server)
    with running_sink(default=moody(chance.random())) as sink:
        app = house.app(person, "ci", sink.url)
        ledger = Ledger()
        with Load(app, person, ledger, seed=chance.random()):
            for _ in range(KILLS):
                time.sleep(chance.uniform(0.4, 1.6))
                if workers and chance.random() < 0.5:
                    workers.pop().kill()
                    workers.append(house.work())
                else:
                    server.kill()
                    server = house.again(server)
            time.sleep(0.5)
        verdicts = Verdicts(person, app, ledger, sink)
        verdicts.settle_down()
        verdicts.check()
        print(verdicts.summary())
        assert [process.stop() for process in (server, *workers)] == [0] * (1 + len(workers))


def test_a_server_that_is_back_does_not_wait_for_itself(sqlite_house: House) -> None:
    """What a server on SQLite was delivering when it was killed is delivered once it is back, not a minute later."""
    server = sqlite_house.serve(MITREGATE_OUTBOUND_TIMEOUT="10")
    person = sqlite_house.first_user(server)
    with running_sink(default=hangs) as sink:
        app = sqlite_house.app(person, "ci", sink.url)
        app.submit(deployment())
        sink.wait(1)
        server.kill()
        sink.default = answers()
        sqlite_house.again(server, MITREGATE_OUTBOUND_TIMEOUT="10")
        sink.wait(2)
        until(lambda: person.get("/deliveries", state="done")["items"])
        assert words(sink, app.made["signingSecret"], deployment()) == ["awaiting"]
