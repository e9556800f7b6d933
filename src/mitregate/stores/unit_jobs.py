"""The outbox in the database."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from mitregate.core.jobs import Attempt, Job, JobState
from mitregate.core.queries import JobQuery
from mitregate.ports import Claim
from mitregate.stores.ledger import Table
from mitregate.stores.rows import Values, attempt_of, body, claim_of, instant, instant_if, job_of, moment_if, plain


class JobTable(Table):
    """The outbox."""

    def add(self, job: Job) -> None:
        """Keep a new job."""
        values = plain(
            provider=job.provider,
            lane=job.lane,
            gate_id=job.gate_id,
            payload=job.payload,
            created_at=instant(job.created_at),
        )
        self._write(self._q.add_job, values | _progress(job))
        self._ledger.work = True

    def get(self, job_id: str) -> Job | None:
        """Read one job."""
        row = self._q.job(self._connection, **plain(id=job_id))
        return job_of(row) if row else None

    def claim(self, lease: str, duration: timedelta, limit: int, busy: Sequence[str]) -> list[Claim]:
        """Lease open jobs that are due, by the database's clock, and not leased by somebody else.

        Of the open jobs with one gate and one lane only the oldest is ever due. Lanes in *busy* are left out.
        """
        values = plain(lease=lease, seconds=duration.total_seconds(), limit=limit, busy=body(list(busy)))
        rows = list(self._q.claim_jobs(self._connection, **values))
        self._ledger.has_written |= bool(rows)
        # RETURNING promises no order.
        return [claim_of(row, lease) for row in sorted(rows, key=lambda row: (row[8], row[13]))]

    def free(self) -> None:
        """End all leases: for the only process that works on this database, since whoever held them is dead."""
        self._write(self._q.free_jobs, plain())

    def settle(self, claim: Claim, job: Job, attempt: Attempt | None) -> bool:
        """Keep *job* as it is after a try, and end the lease, if the lease is still held; say whether it was."""
        held = plain(lease=claim.lease, leased_until=instant(claim.leased_until))
        waiting = self._q.settle_job(self._connection, **_progress(job) | held | {"id": claim.job.id})
        if waiting is None:
            return False
        self._ledger.has_written = True
        # It is due again, or it is the turn of the next job of that gate in the lane.
        self._ledger.work |= job.state is JobState.OPEN or int(waiting) > 0
        if attempt is not None:
            values = plain(
                job_id=job.id,
                number=attempt.number,
                started_at=instant(attempt.started_at),
                duration_ms=attempt.duration_ms,
                outcome=body(attempt.outcome),
            )
            self._write(self._q.add_attempt, values)
        return True

    def hasten(self, gate_id: str, lane: str, due_at: datetime) -> None:
        """Put the open jobs of a gate in a lane back to the foot of the ladder, due at *due_at*."""
        values = plain(gate_id=gate_id, lane=lane, due_at=instant(due_at))
        self._write(self._q.hasten_jobs, values)
        self._ledger.work = True

    def withdraw(self, gate_id: str, at: datetime, note: str) -> None:
        """Withdraw the open jobs of a gate."""
        self._write(self._q.withdraw_jobs, plain(gate_id=gate_id, at=instant(at), note=note))

    def reopen(self, job_id: str, due_at: datetime) -> bool:
        """Open a dead or withdrawn job again, at the foot of the ladder; say whether it was one."""
        is_open = self._change(self._q.reopen_job, plain(id=job_id, due_at=instant(due_at)))
        self._ledger.work |= is_open
        return is_open

    def next_due(self) -> datetime | None:
        """Say when the next open job is due, leases taken into account."""
        return moment_if(self._q.next_due(self._connection))

    def attempts(self, job_id: str) -> list[Attempt]:
        """Read the tries of a job, oldest first."""
        return [attempt_of(row) for row in self._q.attempts(self._connection, **plain(job_id=job_id))]

    def page(self, query: JobQuery) -> list[Job]:
        """Read jobs, newest first."""
        state = query.state.value if query.state is not None else None
        values = plain(state=state, gate_id=query.gate_id, before=query.before)
        return [job_of(row) for row in self._page("jobs_page", query.limit, values)]


def _progress(job: Job) -> Values:
    return plain(
        id=job.id,
        state=job.state.value,
        rung=job.rung,
        attempts=job.attempts,
        due_at=instant(job.due_at),
        finished_at=instant_if(job.finished_at),
        note=job.note,
    )
