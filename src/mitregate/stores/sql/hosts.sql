-- name: failing_since$
-- Reads since when nothing but failures came from a host.
SELECT failing_since FROM hosts WHERE host = :host

-- name: note_failure!
-- Notes that a try at a host failed; the first since the last that went well counts.
INSERT INTO hosts (host, failing_since)
VALUES (:host, :at)
ON CONFLICT (host) DO NOTHING

-- name: note_success!
-- Notes that a try at a host went well.
DELETE FROM hosts
WHERE host = :host
