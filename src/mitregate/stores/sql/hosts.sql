-- name: streak^
-- Reads since when nothing but failures came from a host, and when the last of them.
SELECT failing_since, failed_at FROM hosts WHERE host = :host

-- name: keep_streak!
-- Keeps the failures of a host.
INSERT INTO hosts (host, failing_since, failed_at)
VALUES (:host, :failing_since, :failed_at)
ON CONFLICT (host) DO UPDATE SET failing_since = excluded.failing_since, failed_at = excluded.failed_at

-- name: forget_host!
-- Forgets the failures of a host.
DELETE FROM hosts
WHERE host = :host
