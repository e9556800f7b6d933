-- name: deployment^
-- Reads one deployment, under lock.
SELECT body
FROM deployments
WHERE
    app_id = :app_id AND pipeline_id = :pipeline_id
    AND environment_id = :environment_id AND sequence_number = :sequence_number
/* for update */

-- name: deployments_of_keys
-- Reads deployments, each by its key in a JSON array of arrays, under lock.
SELECT
    known.app_id AS app_id, known.pipeline_id AS pipeline_id,
    known.environment_id AS environment_id, known.sequence_number AS sequence_number,
    known.body AS body
FROM arrays_of(:keys) AS wanted
INNER JOIN deployments AS known
    ON
        known.app_id = wanted.value ->> 0 AND known.pipeline_id = wanted.value ->> 1
        AND known.environment_id = wanted.value ->> 2
        AND known.sequence_number = CAST(wanted.value ->> 3 AS bigint)
ORDER BY known.app_id, known.pipeline_id, known.environment_id, known.sequence_number
/* for update of known */

-- name: deployment_kept_at$
-- Reads when a deployment was last kept.
SELECT updated_at
FROM deployments
WHERE
    app_id = :app_id AND pipeline_id = :pipeline_id
    AND environment_id = :environment_id AND sequence_number = :sequence_number

-- name: add_deployment!
-- Keeps a deployment that is new; an error if somebody else has put it there since it was looked for.
INSERT INTO deployments (
    app_id, pipeline_id, environment_id, sequence_number, update_sequence_number, state, updated_at, body
)
VALUES (
    :app_id, :pipeline_id, :environment_id, :sequence_number, :update_sequence_number, :state, :updated_at, :body
)

-- name: keep_deployment!
-- Keeps a deployment in place of an earlier one, if any.
INSERT INTO deployments (
    app_id, pipeline_id, environment_id, sequence_number, update_sequence_number, state, updated_at, body
)
VALUES (
    :app_id, :pipeline_id, :environment_id, :sequence_number, :update_sequence_number, :state, :updated_at, :body
)
ON CONFLICT (app_id, pipeline_id, environment_id, sequence_number) DO UPDATE
SET
    update_sequence_number = excluded.update_sequence_number,
    state = excluded.state,
    updated_at = excluded.updated_at,
    body = excluded.body

-- name: remove_deployment$
-- Forgets a deployment; its properties go along.
DELETE FROM deployments
WHERE
    app_id = :app_id AND pipeline_id = :pipeline_id
    AND environment_id = :environment_id AND sequence_number = :sequence_number
RETURNING app_id

-- name: clear_properties!
-- Forgets the properties of a deployment.
DELETE FROM deployment_properties
WHERE
    app_id = :app_id AND pipeline_id = :pipeline_id
    AND environment_id = :environment_id AND sequence_number = :sequence_number

-- name: add_properties!
-- Keeps the properties of a deployment, given as a JSON object.
INSERT INTO deployment_properties (app_id, pipeline_id, environment_id, sequence_number, name, value)
SELECT :app_id, :pipeline_id, :environment_id, :sequence_number, pairs.key, pairs.value
FROM pairs_of(:properties) AS pairs

-- name: deployments_by_properties
-- Finds the deployments of an app that carry all of the properties, given as a JSON object, and their number.
SELECT
    carried.app_id AS app_id, carried.pipeline_id AS pipeline_id,
    carried.environment_id AS environment_id, carried.sequence_number AS sequence_number
FROM pairs_of(:properties) AS pairs
CROSS JOIN deployment_properties AS carried /* indexed by properties_found */
WHERE carried.app_id = :app_id AND carried.name = pairs.key AND carried.value = pairs.value
GROUP BY carried.app_id, carried.pipeline_id, carried.environment_id, carried.sequence_number
HAVING count(*) = :number
ORDER BY carried.pipeline_id, carried.environment_id, carried.sequence_number

-- name: lock_app$
-- Keeps everybody else from adding deployments to an app, or from removing it, until the transaction ends.
SELECT id
FROM apps
WHERE id = :app_id
/* for update */

-- name: count_deployments_of_app^
-- Counts the deployments of an app.
SELECT count(*)
FROM deployments
WHERE app_id = :app_id

-- name: deployments_of_app
-- Finds all deployments of an app.
SELECT app_id, pipeline_id, environment_id, sequence_number
FROM deployments
WHERE app_id = :app_id
ORDER BY pipeline_id, environment_id, sequence_number
