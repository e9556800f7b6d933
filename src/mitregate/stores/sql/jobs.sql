-- name: add_job!
-- Keeps a new job. One that is due at once is due at once by the database's clock, too, which may be behind.
INSERT INTO jobs (
    id, provider, lane, gate_id, payload, state, rung, attempts, due_at, created_at, finished_at, note
)
VALUES (
    :id, :provider, :lane, :gate_id, :payload, :state, :rung, :attempts,
    CASE
        WHEN CAST(:due_at AS text) <= CAST(:created_at AS text) AND utc_now() < CAST(:due_at AS text) THEN utc_now()
        ELSE :due_at
    END,
    :created_at, :finished_at, :note
)

-- name: job^
-- Reads one job.
SELECT id, provider, lane, gate_id, payload, state, rung, attempts, due_at, created_at, finished_at, note
FROM jobs
WHERE id = :id

-- name: claim_jobs
-- Leases jobs that are due, by the database's clock. The CTE is materialized: re-planned as a join, it could lock more
-- rows than the limit says.
WITH picked AS MATERIALIZED (
    SELECT job.seq
    FROM jobs AS job /* indexed by jobs_due */
    WHERE
        job.state = 'open'
        AND job.due_at <= utc_now()
        AND (job.leased_until IS NULL OR job.leased_until <= utc_now())
        AND job.lane NOT IN (SELECT busy.value FROM texts_of(:busy) AS busy)
        AND NOT EXISTS (
            SELECT 1 FROM jobs AS older /* indexed by jobs_of_gate */
            WHERE
                older.gate_id = job.gate_id AND older.lane = job.lane
                AND older.state = 'open' AND older.seq < job.seq
        )
    ORDER BY job.due_at, job.seq
    LIMIT :limit
    /* for update skip locked */
)

UPDATE jobs
SET lease = :lease, leased_until = utc_after(:seconds)
WHERE seq IN (SELECT picked.seq FROM picked)
RETURNING
    id, provider, lane, gate_id, payload, state, rung, attempts, due_at, created_at, finished_at, note,
    leased_until, seq

-- name: free_jobs!
-- Ends all leases: for the only process that works on this database, since whoever held them is dead.
UPDATE jobs
SET lease = NULL, leased_until = NULL
WHERE state = 'open' AND leased_until IS NOT NULL

-- name: settle_job$
-- Keeps a job after a try and ends its lease; no row if the lease is not held any more. Says how many jobs of the same
-- gate and lane have waited for it.
UPDATE jobs
SET
    state = :state, rung = :rung, attempts = :attempts, due_at = :due_at, finished_at = :finished_at, note = :note,
    lease = NULL, leased_until = NULL
WHERE id = :id AND state = 'open' AND lease = :lease AND leased_until = :leased_until
RETURNING (
    SELECT count(*)
    FROM jobs AS later /* indexed by jobs_of_gate */
    WHERE
        later.gate_id = jobs.gate_id AND later.lane = jobs.lane
        AND later.state = 'open' AND later.seq > jobs.seq
)

-- name: add_attempt!
-- Keeps a try.
INSERT INTO attempts (job_id, number, started_at, duration_ms, outcome)
VALUES (:job_id, :number, :started_at, :duration_ms, :outcome)

-- name: hasten_jobs!
-- Puts the open jobs of a gate in a lane back to the foot of the ladder, due no later than now by the database's clock.
UPDATE jobs /* indexed by jobs_of_gate */
SET rung = 0, due_at = CASE WHEN utc_now() < CAST(:due_at AS text) THEN utc_now() ELSE :due_at END
WHERE gate_id = :gate_id AND lane = :lane AND state = 'open'

-- name: withdraw_jobs!
-- Withdraws the open jobs of a gate; whoever holds a lease loses it.
UPDATE jobs /* indexed by jobs_of_gate */
SET state = 'withdrawn', finished_at = :at, note = :note, lease = NULL, leased_until = NULL
WHERE gate_id = :gate_id AND state = 'open'

-- name: reopen_job$
-- Opens a dead or withdrawn job again, at the foot of the ladder, due no later than now by the database's clock.
UPDATE jobs
SET
    state = 'open', rung = 0, finished_at = NULL,
    due_at = CASE WHEN utc_now() < CAST(:due_at AS text) THEN utc_now() ELSE :due_at END
WHERE id = :id AND state IN ('dead', 'withdrawn')
RETURNING id

-- name: next_due$
-- Finds when the next open job is due: the first that nobody holds and that is the oldest of its gate and lane, or the
-- first whose lease ends.
SELECT min(soonest.at)
FROM (
    SELECT free.at
    FROM (
        SELECT job.due_at AS at
        FROM jobs AS job /* indexed by jobs_due */
        WHERE
            job.state = 'open' AND job.leased_until IS NULL
            AND NOT EXISTS (
                SELECT 1 FROM jobs AS older /* indexed by jobs_of_gate */
                WHERE
                    older.gate_id = job.gate_id AND older.lane = job.lane
                    AND older.state = 'open' AND older.seq < job.seq
            )
        ORDER BY job.due_at
        LIMIT 1
    ) AS free
    UNION ALL
    SELECT held.at
    FROM (
        SELECT CASE WHEN due_at > leased_until THEN due_at ELSE leased_until END AS at
        FROM jobs /* indexed by jobs_leased */
        WHERE state = 'open' AND leased_until IS NOT NULL
        ORDER BY 1
        LIMIT 1
    ) AS held
) AS soonest

-- name: attempts
-- Reads the tries of a job, oldest first.
SELECT number, started_at, duration_ms, outcome
FROM attempts
WHERE job_id = :job_id
ORDER BY seq

-- name: jobs_page
-- Reads jobs, newest first; lines on what is not asked for are left out.
SELECT id, provider, lane, gate_id, payload, state, rung, attempts, due_at, created_at, finished_at, note
FROM jobs
WHERE
    seq > 0
    AND state = :state
    AND gate_id = :gate_id
    AND seq < (SELECT last.seq FROM jobs AS last WHERE last.id = :before)
ORDER BY seq DESC
LIMIT :limit
