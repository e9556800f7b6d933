-- name: draw_numbers
-- Draws numbers for new changes.
SELECT drawn.number FROM numbers_of_changes(:count) AS drawn

-- name: add_change!
-- Keeps a new change under a number that was drawn for it.
INSERT INTO changes (
    number, title, app_id, is_open, twin, template, status, revision, created_at, updated_at, body
)
VALUES (
    :number, :title, :app_id, :is_open, :twin, :template, :status, :revision, :created_at, :updated_at, :body
)

-- name: change^
-- Reads one change, under lock.
SELECT number, body
FROM changes
WHERE number = :number
/* for update */

-- name: changes_of_numbers
-- Reads the changes with the numbers in a JSON array, under lock.
SELECT number, body
FROM changes
WHERE number IN (SELECT CAST(wanted.value AS bigint) FROM texts_of(:numbers) AS wanted)
ORDER BY number
/* for update */

-- name: keep_locked_change!
-- Keeps a change in place of the revision that is locked.
UPDATE changes
SET
    title = :title, is_open = :is_open, twin = :twin, status = :status,
    revision = :revision, updated_at = :updated_at, body = :body
WHERE number = :number

-- name: keep_change$
-- Keeps a change in place of its earlier revision; no row if that is gone.
UPDATE changes
SET
    title = :title, is_open = :is_open, twin = :twin, status = :status,
    revision = :revision, updated_at = :updated_at, body = :body
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

-- name: open_changes_page
-- Reads changes of which something can still come, newest first; lines on what is not asked for are left out. There are
-- never many of them, so they are found by the index that holds them alone, and put in order.
SELECT number, body
FROM changes /* indexed by changes_open */
WHERE
    is_open = 1
    AND status = :status
    AND number < :before
ORDER BY number DESC
LIMIT :limit

-- name: open_change^
-- Reads the open change that a deployment shares with others, under lock: the newest one with its mark, which says that
-- it deploys the same again, or else the oldest one of that title, the app's own or one that was prepared by hand.
SELECT
    number, body,
    CASE
        WHEN number IN (SELECT marked.number FROM change_marks AS marked WHERE marked.mark = :mark) THEN 1
        ELSE 0
    END AS is_marked
FROM changes
WHERE
    number = coalesce(
        (SELECT max(marked.number) FROM change_marks AS marked WHERE marked.mark = :mark),
        (
            SELECT min(titled.number) FROM changes AS titled
            WHERE
                titled.is_open = 1 AND titled.title = :title
                AND ((titled.app_id = :app_id AND titled.twin = 0) OR titled.app_id = '')
        )
    )
/* for update */

-- name: has_open_change$
-- Finds whether an app has an open change of that title which is found by it.
SELECT number
FROM changes
WHERE is_open = 1 AND title = :title AND app_id = :app_id AND twin = 0

-- name: add_marks!
-- Marks a change by the words in a JSON array.
INSERT INTO change_marks (mark, number)
SELECT
    words.value AS mark,
    :number AS number
FROM texts_of(:marks) AS words
WHERE true
ON CONFLICT (mark, number) DO NOTHING

-- name: remove_marks!
-- Forgets what a change is found by, which is over.
DELETE FROM change_marks WHERE number = :number

-- name: changes_beside
-- Reads open changes other than one that have a mark out of a JSON array, oldest first.
SELECT number, body
FROM changes
WHERE
    number IN (
        SELECT marked.number FROM change_marks AS marked
        WHERE marked.mark IN (SELECT words.value FROM texts_of(:marks) AS words) AND marked.number <> :number
    )
    AND number > :after
ORDER BY number
LIMIT :limit

-- name: take_turns!
-- Waits for all who said the same words in transactions that have not ended; they wait likewise.
SELECT turns_of(:what)

-- name: changes_of_template$
-- Counts the changes opened of a template since an instant.
SELECT count(*) FROM changes WHERE template = :template AND created_at >= :since

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
