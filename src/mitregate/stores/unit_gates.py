"""Gates in the database."""

from datetime import datetime

from msgspec.structs import replace

from mitregate.core.deployments import DeploymentKey, State
from mitregate.core.gates import Gate, Stage
from mitregate.core.queries import GateQuery
from mitregate.stores.ledger import Table
from mitregate.stores.rows import Values, body, gate_of, instant, instant_if, key_values, moment_if, plain, states_of


class GateTable(Table):
    """The gates; of several gates for one deployment the newest is the current one."""

    def add(self, gate: Gate) -> None:
        """Keep a new gate and make it the current one of its deployment."""
        key = key_values(gate.key)
        if gate.key not in self._ledger.ungated:
            self._write(self._q.retire_gate, key)
        self._ledger.ungated.discard(gate.key)
        self._write(self._q.add_gate, key | _columns(gate) | {"created_at": instant(gate.created_at)})
        self._note(gate)

    def get(self, gate_id: str) -> Gate | None:
        """Read one gate."""
        row = self._q.gate(self._connection, **plain(id=gate_id))
        return gate_of(row) if row else None

    def of(self, key: DeploymentKey) -> Gate | None:
        """Read the current gate of a deployment, locked against other transactions where these run beside this one."""
        row = self._q.gate_of(self._connection, **key_values(key))
        if row:
            return self._locked(gate_of(row))
        self._ledger.ungated.add(key)
        return None

    def of_change(self, change_key: str) -> list[Gate]:
        """Read the gates that hold a change, oldest first, locked likewise."""
        rows = self._q.gates_of_change(self._connection, **plain(change_key=change_key))
        return [self._locked(gate_of(row)) for row in rows]

    def sharing(self, change_key: str) -> list[Gate]:
        """Read the gates of a change, oldest first, not locked: where the change is, they hold still enough."""
        return [gate_of(row) for row in self._q.gates_sharing(self._connection, **plain(change_key=change_key))]

    def held_at(self, place: str) -> list[Gate]:
        """Read the held gates of one place, oldest first, locked likewise, after all who read them so before."""
        self._q.take_turns(self._connection, **plain(what=f"place {place}"))
        rows = self._q.gates_at_place(self._connection, **plain(place=place))
        return [self._locked(gate_of(row)) for row in rows]

    def due(self, now: datetime, limit: int) -> list[Gate]:
        """Read held gates whose wake time has come, most overdue first, locked likewise."""
        values = plain(now=instant(now), limit=limit)
        rows = list(self._q.due_gates(self._connection, **values))  # all of them, before one cannot be read
        return [self._locked(gate_of(row)) for row in rows]

    def keep(self, gate: Gate) -> None:
        """Keep a gate in place of its earlier revision (`gate.revision`), one higher; `Stale` if that is gone."""
        kept = replace(gate, revision=gate.revision + 1)
        if self._ledger.revisions.get(gate.id) == gate.revision:
            self._write(self._q.keep_locked_gate, _columns(kept))
        elif not self._change(self._q.keep_gate, _columns(kept) | {"earlier": gate.revision}):
            self._overtaken("this gate")
        self._note(self._locked(kept))

    def wake_all(self, at: datetime) -> None:
        """Let every held gate wake at *at*, if it does not wake sooner: something has changed that bears on all."""
        self._write(self._q.wake_gates, plain(at=instant(at)))
        self._ledger.work = True

    def wake_those_of(self, change_key: str, at: datetime) -> None:
        """Let the held gates of a change wake at *at*, if they do not wake sooner."""
        self._write(self._q.wake_gates_of_change, plain(change_key=change_key, at=instant(at)))
        self._ledger.work = True

    def history(self, place: str) -> tuple[State, ...]:
        """Read how the last deployments at a place ended, newest last."""
        found = self._q.track(self._connection, **plain(place=place))
        return states_of(found) if found else ()

    def remember(self, place: str, outcomes: tuple[State, ...]) -> None:
        """Keep how the last deployments at a place ended."""
        self._write(self._q.keep_track, plain(place=place) | {"outcomes": body(outcomes)})

    def next_wake(self) -> datetime | None:
        """Say when the next held gate wakes."""
        return moment_if(self._q.next_wake(self._connection))

    def page(self, query: GateQuery) -> list[Gate]:
        """Read gates, newest first."""
        rows = self._page(
            "gates_page",
            query.limit,
            plain(
                app_id=query.app_id,
                stage=query.stage.value if query.stage is not None else None,
                status=query.status.value if query.status is not None else None,
                pipeline_id=query.pipeline_id,
                environment_id=query.environment_id,
                sequence_number=query.sequence_number,
                before=query.before,
            ),
        )
        return [gate_of(row) for row in rows]

    def _locked(self, gate: Gate) -> Gate:
        self._ledger.revisions[gate.id] = gate.revision
        return gate

    def _note(self, gate: Gate) -> None:
        self._ledger.gates.add(gate.id)
        self._ledger.work |= gate.stage is Stage.HELD and gate.verdict.wake_at is not None


def _columns(gate: Gate) -> Values:
    # All of our own making, or escaped in the body; but a number may be supplied.
    return plain(change_key=gate.change_key) | {
        "id": gate.id,
        "stage": gate.stage.value,
        "status": gate.verdict.status.value,
        "place": gate.place,
        "since": instant(gate.since),
        "wake_at": instant_if(gate.verdict.wake_at),
        "revision": gate.revision,
        "body": body(gate),
    }
