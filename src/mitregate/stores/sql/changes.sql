-- name: draw_numbers
-- Draws numbers for new changes.
SELECT drawn.number FROM numbers_of_changes(:count) AS drawn

-- name: add_change!
-- Keeps a new change under a number that was drawn for it.
INSERT INTO changes (number, title, status, revision, created_at, updated_at, body)
VALUES (:number, :title, :status, :revision, :created_at, :updated_at, :body)

-- name: change^
-- Reads one change, under lock.
SELECT number, body
FROM changes
WHERE number = :number
/* for update */

-- name: keep_change$
-- Keeps a change in place of its earlier revision; no row if that is gone.
UPDATE changes
SET title = :title, status = :status, revision = :revision, updated_at = :updated_at, body = :body
WHERE number = :number AND revision = :earlier
RETURNING number

-- name: changes_page
-- Reads changes, newest first; lines on what is not asked for are left out.
SELECT number, body
FROM changes
WHERE
    number > 0
    AND status = :status
    AND number < :before
ORDER BY number DESC
LIMIT :limit

-- name: add_comment!
-- Adds a remark to a change.
INSERT INTO change_comments (number, author, body, at)
VALUES (:number, :author, :body, :at)

-- name: comments
-- Reads the remarks on a change, oldest first.
SELECT author, body, at
FROM change_comments
WHERE number = :number
ORDER BY seq

-- name: record!
-- Appends an entry to the audit log.
INSERT INTO audit (at, actor, origin, action, subject, detail)
VALUES (:at, :actor, :origin, :action, :subject, :detail)

-- name: audit_page
-- Reads entries of the audit log, newest first; lines on what is not asked for are left out.
SELECT seq, at, actor, origin, action, subject, detail
FROM audit
WHERE
    seq > 0
    AND subject = :subject
    AND seq < :before
ORDER BY seq DESC
LIMIT :limit
