"""Killed at random under load: no decision lost, none sent that was not taken, order kept (domain.md §8, promise 3).

`MITREGATE_TEST_KILLS` says how often the server is killed (4 in a short run), `MITREGATE_TEST_SEED` which moments.
"""

import os
import random
import time

from tests.acceptance.house import House
from tests.acceptance.ledger import Ledger
from tests.acceptance.load import Load
from tests.acceptance.verdicts import Verdicts
from tests.fakes.sink import running_sink

KILLS = int(os.environ.get("MITREGATE_TEST_KILLS", "4"))
SEED = os.environ.get("MITREGATE_TEST_SEED", "mitre")


def test_killed_at_random_under_load(house: House) -> None:
    """After kill -9 at any moment all that was acknowledged is there, and what was decided was told, in its order."""
    chance = random.Random(f"{SEED} {house.database.partition(':')[0]}")
    server = house.serve()
    person = house.first_user(server)
    with running_sink() as sink:
        app = house.app(person, "ci", sink.url)
        ledger = Ledger()
        with Load(app, person, ledger, seed=chance.random()):
            for _ in range(KILLS):
                time.sleep(chance.uniform(0.4, 1.6))
                server.kill()
                server = house.again(server)
            time.sleep(0.5)
        verdicts = Verdicts(person, app, ledger, sink)
        verdicts.settle_down()
        verdicts.check()
        print(verdicts.summary())
        assert server.stop() == 0
    assert "Traceback" not in server.said
