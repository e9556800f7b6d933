"""The truth afterwards: what the clients remember, the server says, its audit log holds, and the receiver was told."""

from collections import Counter, defaultdict
from datetime import datetime
from functools import cached_property
from typing import Any

from tests.acceptance.callers import App, Person, path_of, until
from tests.acceptance.ledger import Ledger
from tests.acceptance.receipts import Key, Receipt, firsts, receipts
from tests.fakes.sink import Sink

Decision = tuple[str, str]
"""A gating status and when it was reached, to the millisecond, as the wire has it."""


class Verdicts:
    """Compares four memories of the same events."""

    def __init__(self, person: Person, app: App, ledger: Ledger, sink: Sink) -> None:
        self._person = person
        self._app = app
        self._ledger = ledger
        self._sink = sink

    def settle_down(self) -> None:
        """Wait until nothing is left to be told."""
        until(lambda: not self._person.get("/deliveries", state="open", limit=1)["items"], within=60, every=0.2)

    def check(self) -> None:
        """Check everything."""
        assert self._ledger.submitted, "nobody submitted anything"
        assert set(self._ledger.decided), "nobody decided anything"
        assert set(self.gates) >= set(self._ledger.submitted)
        assert set(self.gates) <= set(self._ledger.perhaps), "there is a gate that nobody asked for"
        self.submissions_are_kept()
        self.decisions_are_kept()
        self.audit_is_complete()
        self.only_decisions_were_told()
        self.every_decision_was_told()
        self.order_was_kept()
        self.nothing_was_allowed_unasked()

    # --- what is known ---

    @cached_property
    def gates(self) -> dict[Key, dict[str, Any]]:
        """All gates by their deployments; there is one for each."""
        found = list(self._person.pages("/gates"))
        named = {(gate["pipelineId"], gate["environmentId"], gate["deploymentSequenceNumber"]): gate for gate in found}
        assert len(named) == len(found), "a deployment has two gates"
        return named

    @cached_property
    def entries(self) -> dict[str, list[dict[str, Any]]]:
        """The audit log by subject, oldest first."""
        by_subject = defaultdict(list)
        for entry in sorted(self._person.pages("/audit"), key=lambda entry: int(entry["number"])):
            by_subject[entry["subject"]].append(entry)
        return by_subject

    @cached_property
    def told(self) -> dict[Key, list[Receipt]]:
        """What was told of each deployment, each message once, as it first arrived."""
        by_key = defaultdict(list)
        for receipt in firsts(receipts(self._sink, self._app.made["signingSecret"])):
            by_key[receipt.key].append(receipt)
        return by_key

    def decisions(self, gate: dict[str, Any]) -> list[Decision]:
        """What was decided on a gate, says the audit log."""
        deciding = [entry for entry in self.entries[gate["id"]] if entry["action"] in {"gate.opened", "gate.decided"}]
        return [(entry["detail"]["status"], _instant(entry["at"])) for entry in deciding]

    # --- what must be so ---

    def submissions_are_kept(self) -> None:
        """Every submission that was acknowledged is there, in its newest form."""
        for one in self._ledger.submitted.values():
            found = self._app.call("GET", path_of(one)).expect(200).json
            seen = (found["updateSequenceNumber"], found["state"])
            perhaps = self._ledger.perhaps[one["pipeline"]["id"], "prod", one["deploymentSequenceNumber"]]
            assert seen in {(form["updateSequenceNumber"], form["state"]) for form in (one, perhaps)}, (seen, one)

    def decisions_are_kept(self) -> None:
        """Every decision that was acknowledged is on its change, once, and its gate says so to the app as well."""
        by_change = {gate["changeKey"]: gate for gate in self.gates.values()}
        for key, decision in self._ledger.decided.items():
            change, gate = self._person.change(key), by_change[key]
            assert [(entry["actor"], entry["decision"]) for entry in change["approvals"]] == [("Ada", decision)], change
            assert gate["gatingStatus"] == ("allowed" if decision == "approve" else "prevented"), gate
        for gate in self.gates.values():
            if gate["changeKey"] not in self._ledger.tried:
                assert gate["gatingStatus"] == "awaiting", gate

    def audit_is_complete(self) -> None:
        """The audit log tells of each event exactly once."""
        for gate in self.gates.values():
            actions = Counter(entry["action"] for entry in self.entries[gate["id"]])
            assert actions["gate.opened"] == 1, actions
            assert actions["gate.decided"] == (gate["gatingStatus"] != "awaiting"), actions
            assert actions["gate.started"] == (gate["stage"] in {"started", "finished"}), (gate, actions)
            assert actions["gate.finished"] == (gate["stage"] == "finished"), (gate, actions)
        for key, decision in self._ledger.decided.items():
            actions = Counter(entry["action"] for entry in self.entries[key])
            assert actions[f"change.{decision}d"] == 1, (key, actions)

    def only_decisions_were_told(self) -> None:
        """Nothing was told that had not been decided."""
        for key, heard in self.told.items():
            said = {(receipt.status, receipt.since.isoformat(timespec="milliseconds")) for receipt in heard}
            assert said <= set(self.decisions(self.gates[key])), key

    def every_decision_was_told(self) -> None:
        """Everything decided on a deployment that has not started was told at least once."""
        for key, gate in self.gates.items():
            if gate["stage"] == "held":
                heard = [
                    (receipt.status, receipt.since.isoformat(timespec="milliseconds")) for receipt in self.told[key]
                ]
                assert heard == self.decisions(gate), (gate, heard)

    def order_was_kept(self) -> None:
        """Of each deployment things were told in the order in which they were decided, and under rising ids."""
        for key, heard in self.told.items():
            assert heard == sorted(heard, key=lambda receipt: receipt.since), key
            assert heard == sorted(heard, key=lambda receipt: receipt.id), key

    def nothing_was_allowed_unasked(self) -> None:
        """Whatever was allowed, somebody had tried to approve, and the audit log says so."""
        allowed = {gate["changeKey"] for gate in self.gates.values() if gate["gatingStatus"] == "allowed"}
        heard = {
            change
            for told in self.told.values()
            for receipt in told
            if receipt.status == "allowed"
            for change in receipt.changes
        }
        for key in allowed | heard:
            assert "approve" in self._ledger.tried[key], key
            assert "change.approved" in {entry["action"] for entry in self.entries[key]}, key

    def summary(self) -> str:
        """What it was about, in one line."""
        arrived = len(self._sink.requests)
        messages = sum(map(len, self.told.values()))
        by_status = Counter(gate["gatingStatus"] for gate in self.gates.values())
        return (
            f"{len(self.gates)} gates {dict(by_status)}, {len(self._ledger.decided)} decisions, "
            f"{messages} messages in {arrived} callbacks, {self._ledger.unanswered} requests without an answer"
        )


def _instant(text: str) -> str:
    return datetime.fromisoformat(text).isoformat(timespec="milliseconds")
