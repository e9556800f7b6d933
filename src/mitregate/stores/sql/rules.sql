-- name: share_rules!
-- Sees to it that the rulebook stays as it is until the transaction has ended.
SELECT shared_rules()

-- name: lock_rules!
-- Sees to it that nobody else reads the rulebook to decide by it until the transaction has ended.
SELECT locked_rules()

-- name: rules^
-- Reads the newest revision of the rulebook.
SELECT revision, at, actor, body
FROM rulebooks
ORDER BY revision DESC
LIMIT 1

-- name: rules_at^
-- Reads the revision of the rulebook that was in force at an instant.
SELECT revision, at, actor, body
FROM rulebooks
WHERE at <= :at
ORDER BY revision DESC
LIMIT 1

-- name: keep_rules$
-- Keeps a new revision of the rulebook; no row if there is one of that number already.
INSERT INTO rulebooks (revision, at, actor, body)
VALUES (:revision, :at, :actor, :body)
ON CONFLICT DO NOTHING
RETURNING revision

-- name: page_rules
-- Reads revisions of the rulebook, newest first.
SELECT revision, at, actor, body
FROM rulebooks
WHERE
    1 = 1
    AND revision < :before
ORDER BY revision DESC
LIMIT :limit
