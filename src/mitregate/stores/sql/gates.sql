-- name: retire_gate!
-- Makes way for a new current gate of a deployment.
UPDATE gates
SET is_current = 0
WHERE
    app_id = :app_id AND pipeline_id = :pipeline_id
    AND environment_id = :environment_id AND sequence_number = :sequence_number AND is_current = 1

-- name: add_gate!
-- Keeps a new gate as the current one of its deployment.
INSERT INTO gates (
    id, app_id, pipeline_id, environment_id, sequence_number, is_current,
    stage, status, change_key, place, since, wake_at, created_at, revision, body
)
VALUES (
    :id, :app_id, :pipeline_id, :environment_id, :sequence_number, 1,
    :stage, :status, :change_key, :place, :since, :wake_at, :created_at, :revision, :body
)

-- name: gate^
-- Reads one gate.
SELECT body, wake_at FROM gates WHERE id = :id

-- name: gate_of^
-- Reads the current gate of a deployment, under lock.
SELECT body, wake_at
FROM gates
WHERE
    app_id = :app_id AND pipeline_id = :pipeline_id
    AND environment_id = :environment_id AND sequence_number = :sequence_number AND is_current = 1
/* for update */

-- name: gates_of_change
-- Reads the gates that hold a change, oldest first, under lock.
SELECT body, wake_at
FROM gates
WHERE change_key = :change_key
ORDER BY seq
/* for update */

-- name: gates_sharing
-- Reads the gates of a change, oldest first.
SELECT body, wake_at
FROM gates
WHERE change_key = :change_key
ORDER BY seq

-- name: gates_at_place
-- Reads the held gates of one project in one environment, oldest first, under lock.
SELECT body, wake_at
FROM gates /* indexed by gates_at_place */
WHERE stage = 'held' AND place = :place
ORDER BY seq
/* for update */

-- name: due_gates
-- Reads held gates whose wake time has come, most overdue first, under lock; those that somebody else is deciding on at
-- this moment are passed over.
SELECT body, wake_at
FROM gates /* indexed by gates_wake */
WHERE stage = 'held' AND wake_at IS NOT NULL AND wake_at <= :now
ORDER BY wake_at, seq
LIMIT :limit
/* for update skip locked */

-- name: keep_gate$
-- Keeps a gate in place of its earlier revision; no row if that is gone.
UPDATE gates
SET
    stage = :stage, status = :status, change_key = :change_key, place = :place,
    since = :since, wake_at = :wake_at, revision = :revision, body = :body
WHERE id = :id AND revision = :earlier
RETURNING id

-- name: keep_locked_gate!
-- Keeps a gate in place of the revision that is locked.
UPDATE gates
SET
    stage = :stage, status = :status, change_key = :change_key, place = :place,
    since = :since, wake_at = :wake_at, revision = :revision, body = :body
WHERE id = :id

-- name: wake_gates!
-- Lets every held gate wake at an instant, if it does not wake sooner.
UPDATE gates
SET wake_at = :at
WHERE stage = 'held' AND (wake_at IS NULL OR wake_at > :at)

-- name: wake_gates_of_change!
-- Lets the held gates of a change wake at an instant, if they do not wake sooner.
UPDATE gates
SET wake_at = :at
WHERE change_key = :change_key AND stage = 'held' AND (wake_at IS NULL OR wake_at > :at)

-- name: track$
-- Reads how the deployments of one project in one environment ended, as a JSON array.
SELECT outcomes FROM tracks WHERE place = :place

-- name: keep_track!
-- Keeps how they ended.
INSERT INTO tracks (place, outcomes) VALUES (:place, :outcomes)
ON CONFLICT (place) DO UPDATE SET outcomes = excluded.outcomes

-- name: next_wake$
-- Finds when the next held gate wakes.
SELECT wake_at
FROM gates /* indexed by gates_wake */
WHERE stage = 'held' AND wake_at IS NOT NULL
ORDER BY wake_at
LIMIT 1

-- name: gates_page
-- Reads gates, newest first; lines on what is not asked for are left out.
SELECT body, wake_at
FROM gates
WHERE
    is_current >= 0
    AND app_id = :app_id
    AND stage = :stage
    AND status = :status
    AND pipeline_id = :pipeline_id
    AND environment_id = :environment_id
    AND sequence_number = :sequence_number
    AND seq < (SELECT last.seq FROM gates AS last WHERE last.id = :before)
ORDER BY seq DESC
LIMIT :limit
