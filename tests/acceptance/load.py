"""Clients that go on whatever happens to the server: they submit, approve, decline and report progress, all at once."""

import random
import threading
import time
import zlib
from collections.abc import Callable
from typing import Any, Self

from tests.acceptance.callers import Answer, App, NoAnswer, Person, deployment, path_of, progressed
from tests.acceptance.ledger import Ledger

SUBMITTERS = 3
DECIDERS = 2

WAITING = "/api/v1/gates?status=awaiting&stage=held&limit=20"

PAUSE_S = 0.02
"""Between two requests of one client: enough that the machine has time for the server."""


class Load:
    """All clients, each in a thread of its own, for as long as the block lasts."""

    def __init__(self, app: App, person: Person, ledger: Ledger, seed: float) -> None:
        self._app = app
        self._person = person
        self._ledger = ledger
        self._seed = seed
        self._stop = threading.Event()
        self._failures: list[BaseException] = []
        jobs = [*((self._submit, n) for n in range(SUBMITTERS)), *((self._decide, n) for n in range(DECIDERS))]
        self._threads = [threading.Thread(target=self._run, args=job, daemon=True) for job in jobs]

    def __enter__(self) -> Self:
        """Begin."""
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """End, each client after what it is at; whatever surprised one of them is raised here."""
        self._stop.set()
        for thread in self._threads:
            thread.join(60)
        if self._failures:
            raise self._failures[0]

    def _run(self, work: Callable[[int], None], number: int) -> None:
        try:
            work(number)
        except NoAnswer:
            pass
        except BaseException as error:  # noqa: BLE001 - raised again when the block ends
            self._failures.append(error)

    def _insist(self, ask: Callable[[], Answer]) -> Answer:
        """Ask until there is an answer: the server comes back; `NoAnswer` if it must not be waited for any more."""
        while True:
            time.sleep(PAUSE_S)
            try:
                answer = ask()
            except NoAnswer:
                self._ledger.miss()
                if self._stop.is_set():
                    raise
                time.sleep(0.05)
                continue
            if answer.status != 503:
                return answer

    # --- those who submit, and report progress ---

    def _submit(self, number: int) -> None:
        chance = random.Random(f"{self._seed} submitter {number}")
        app = self._app.like()
        app.token = self._app.token or ""
        waiting: list[dict[str, Any]] = []
        count = 0
        self._insist(lambda: self._log_in(app))
        while not self._stop.is_set():
            size = chance.choice([1, 1, 1, 5])
            batch = [deployment(count + n + 1, pipeline=f"team/{number}") for n in range(size)]
            count += size
            self._hand_in(app, batch)
            waiting += batch
            chance.shuffle(waiting)
            for candidate in waiting[:2]:
                if self._carry_on(app, candidate, chance):
                    waiting.remove(candidate)
        app.close()

    def _log_in(self, app: App) -> Answer:
        app.log_in()
        return Answer(status=200, headers={}, body=b"")

    def _hand_in(self, app: App, batch: list[dict[str, Any]]) -> None:
        """Submit until it is acknowledged; to repeat it is harmless, for its update sequence number stays the same."""
        for one in batch:
            self._ledger.try_to_submit(one)
        answer = self._insist(lambda: app.call("POST", "/bulk", {"deployments": batch})).expect(202).json
        assert len(answer["acceptedDeployments"]) == len(batch), answer
        for one in batch:
            self._ledger.keep_submitted(one)

    def _carry_on(self, app: App, candidate: dict[str, Any], chance: random.Random) -> bool:
        """Look after a deployment; say whether that is no longer needed."""
        gating = self._insist(lambda: app.call("GET", f"{path_of(candidate)}/gating-status")).expect(200).json
        match gating["gatingStatus"]:
            case "allowed" if chance.random() < 0.3:
                started = progressed(candidate, "in_progress")
                self._hand_in(app, [started])
                if chance.random() < 0.5:
                    self._hand_in(app, [progressed(started, chance.choice(["successful", "failed"]))])
                return True
            case "allowed" | "prevented":
                return True
            case _:
                return False

    # --- those who decide ---

    def _decide(self, number: int) -> None:
        chance = random.Random(f"{self._seed} decider {number}")
        person = self._person.like()
        while not self._stop.is_set():
            found = self._insist(lambda: person.ask("GET", WAITING)).expect(200).json["items"]
            mine = [gate["changeKey"] for gate in found if zlib.crc32(gate["changeKey"].encode()) % DECIDERS == number]
            for change in mine[:5]:
                # What is decided hangs on the change alone: whoever left one alone leaves it alone for good.
                luck = random.Random(f"{self._seed} {change}").random()
                if luck < 0.9:
                    self._take(person, change, "approve" if luck < 0.6 else "decline")
            time.sleep(chance.uniform(0, PAUSE_S))
        person.close()

    def _take(self, person: Person, change: str, decision: str) -> None:
        self._ledger.try_to_decide(change, decision)
        answer = self._insist(lambda: person.ask("POST", f"/api/v1/changes/{change}/{decision}", json={}))
        # A repeated decision is refused if the first try, whose answer was lost, has been kept.
        assert answer.status in {200, 409}, answer
        self._ledger.keep_decided(change, decision)
