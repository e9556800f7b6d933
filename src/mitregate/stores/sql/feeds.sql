-- name: readings
-- Reads what each calendar said when it was last read.
SELECT name, url, zone, times
FROM feeds
WHERE times IS NOT NULL
ORDER BY name

-- name: conditions
-- Reads how each calendar fares.
SELECT name, url, zone, due_at, read_at, failing_since, error, etag, modified
FROM feeds
ORDER BY name

-- name: await_feed!
-- Keeps a calendar of which nothing is known, in place of what was kept by that name.
INSERT INTO feeds (name, url, zone, due_at, error, etag, modified)
VALUES (:name, :url, :zone, :due_at, '', '', '')
ON CONFLICT (name) DO UPDATE SET
    url = excluded.url, zone = excluded.zone, due_at = excluded.due_at, error = '', etag = '', modified = '',
    read_at = NULL, failing_since = NULL, times = NULL

-- name: forget_feed!
-- Forgets a calendar.
DELETE FROM feeds
WHERE name = :name

-- name: claim_feed$
-- Puts off a calendar that is due, so that nobody else reads it in the meantime; no row if somebody else was faster.
UPDATE feeds SET due_at = :until
WHERE name = :name AND due_at <= :now
RETURNING name

-- name: hasten_feed$
-- Lets a calendar be read as soon as somebody is at hand.
UPDATE feeds SET due_at = :now
WHERE name = :name
RETURNING name

-- name: keep_condition$
-- Keeps how a calendar fares, unless it is by another address now.
UPDATE feeds SET
    due_at = :due_at, read_at = :read_at, failing_since = :failing_since, error = :error, etag = :etag,
    modified = :modified
WHERE name = :name AND url = :url AND zone = :zone
RETURNING name

-- name: keep_reading$
-- Keeps what a calendar said, unless it is by another address now.
UPDATE feeds SET times = :times
WHERE name = :name AND url = :url AND zone = :zone
RETURNING name

-- name: next_feed$
-- Says when the next calendar is due.
SELECT MIN(due_at)
FROM feeds
