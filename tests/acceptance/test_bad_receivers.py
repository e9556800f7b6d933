"""Receivers that fail, hang, redirect or talk nonsense: nothing is lost, and nobody else waits for them."""

import json
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta

from msgspec import Struct

from tests.acceptance.callers import App, deployment, until
from tests.acceptance.house import House
from tests.acceptance.receipts import receipts, told, words
from tests.fakes.sink import (
    Behaviour,
    Sink,
    answers,
    breaks_off,
    hangs,
    hangs_up,
    is_busy,
    redirects,
    running_sink,
    sends_garbage,
)

BAD: dict[str, Behaviour] = {
    "fails": answers(500),
    "refuses": answers(404),
    "hangs": hangs,
    "hangs-up": hangs_up,
    "talks-nonsense": sends_garbage,
    "breaks-off": breaks_off,
    "redirects": redirects("http://127.0.0.1:9/elsewhere"),
    "is-busy": is_busy("1"),
}

SECOND = timedelta(seconds=1)


class Receiver(Struct, frozen=True, kw_only=True):
    """An app and where it is told."""

    app: App
    sink: Sink

    @property
    def secret(self) -> str:
        """What its callbacks are signed with."""
        secret: str = self.app.made["signingSecret"]
        return secret


def test_bad_receivers_lose_nothing(sqlite_house: House) -> None:
    """While others misbehave a receiver is told at once; and they, once well again, are told everything, in order."""
    server = sqlite_house.serve()
    person = sqlite_house.first_user(server)
    wanted = [deployment(number) for number in range(1, 13)]
    with ExitStack() as sinks:

        def receiver(name: str, behaviour: Behaviour) -> Receiver:
            sink = sinks.enter_context(running_sink(default=behaviour))
            return Receiver(app=sqlite_house.app(person, name, sink.url), sink=sink)

        good = receiver("good", answers())
        bad = [receiver(name, behaviour) for name, behaviour in BAD.items()]
        for one in bad:
            one.app.submit(*wanted)
        for one in bad:
            one.sink.wait(10, within=10)
        began = datetime.now(UTC)
        good.app.submit(deployment())
        assert told(good.sink, good.secret, deployment(), "awaiting", within=10).at - began < SECOND

        for one in bad:
            for key in sorted(one.app.gating(wish)["details"][0]["issueKey"] for wish in wanted):
                person.approve(key)
            # An awaiting that was not taken holds back the allowed behind it.
            assert {receipt.status for receipt in receipts(one.sink, one.secret)} == {"awaiting"}, one.app.made["name"]
        for one in bad:
            one.sink.default = answers()
        for one in bad:
            for wish in wanted:
                told(one.sink, one.secret, wish, "allowed", within=30)
                assert words(one.sink, one.secret, wish) == ["awaiting", "allowed"]
        until(lambda: not person.get("/deliveries", state="open")["items"], within=10)
        assert not person.get("/deliveries", state="dead")["items"]


def test_many_hanging_deliveries_block_nobody(sqlite_house: House) -> None:
    """Three receivers that hang, with a hundred deliveries each, do not delay what another one is to be told."""
    server = sqlite_house.serve(MITREGATE_OUTBOUND_TIMEOUT="5")
    person = sqlite_house.first_user(server)
    with ExitStack() as sinks:
        good = sinks.enter_context(running_sink())
        bad = [sinks.enter_context(running_sink(default=hangs)) for _ in range(3)]
        good_app = sqlite_house.app(person, "good", good.url)
        for number, sink in enumerate(bad):
            app = sqlite_house.app(person, f"bad {number}", sink.url)
            app.submit(*[deployment(number) for number in range(1, 101)])
        for sink in bad:
            sink.wait(10)
        for number in range(1, 6):
            began = datetime.now(UTC)
            good_app.submit(deployment(number))
            receipt = told(good, good_app.made["signingSecret"], deployment(number), "awaiting", within=20)
            assert receipt.at - began < SECOND


def test_internal_addresses_are_refused(sqlite_house: House) -> None:
    """Without an allow-list a callback to an internal address is not sent; the delivery says why and what to do."""
    server = sqlite_house.serve(MITREGATE_OUTBOUND_ALLOW="")
    person = sqlite_house.first_user(server)
    with running_sink() as sink:
        app = sqlite_house.app(person, "inside", sink.url)
        app.submit(deployment())
        until(lambda: person.get("/deliveries")["items"][0].get("note"))
        listed = sqlite_house.run("delivery", "list", "--json")
        assert listed.returncode == 0, listed.stderr
        (delivery,) = json.loads(listed.stdout)["items"]
        assert delivery["state"] == "open"
        assert "127.0.0.1" in delivery["note"]
        assert "MITREGATE_OUTBOUND_ALLOW" in delivery["note"]
        assert sink.connections == 0

        # The operator follows the advice, and does not want to wait for the next try.
        assert server.stop() == 0
        assert sqlite_house.run("delivery", "retry", delivery["id"]).returncode == 0
        sqlite_house.again(server)
        told(sink, app.made["signingSecret"], deployment(), "awaiting", within=10)


def test_a_dead_delivery_can_be_retried(sqlite_house: House) -> None:
    """A receiver that is gone for good ends the ladder; the dead delivery is listed, and sent again by hand."""
    server = sqlite_house.serve()
    person = sqlite_house.first_user(server)
    with running_sink() as sink:
        app = sqlite_house.app(person, "gone", sink.url)
        sink.tell(answers(410))
        app.submit(deployment())
        (dead,) = until(lambda: person.get("/deliveries", state="dead")["items"])
        assert "410" in dead["note"]
        listed = sqlite_house.run("delivery", "list", "--state", "dead", "--json")
        assert [found["id"] for found in json.loads(listed.stdout)["items"]] == [dead["id"]]

        retried = sqlite_house.run("delivery", "retry", dead["id"])
        assert retried.returncode == 0, retried.stderr
        sink.wait(2)
        first, second = receipts(sink, app.made["signingSecret"])
        assert (first.id, first.status) == (second.id, second.status)
        until(lambda: person.get("/deliveries", state="done")["items"])
        actions = [entry["action"] for entry in person.pages("/audit", subject=dead["id"])]
        assert sorted(actions) == ["delivery.dead", "delivery.retried"]
