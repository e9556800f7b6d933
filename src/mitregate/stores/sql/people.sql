-- name: add_app$
-- Keeps a new app; no row if its name or its handle is taken.
INSERT INTO apps (
    id, name, client_id, secret_hash, scopes, callback_url, signing_secret, created_at, kind, handle, body
)
VALUES (
    :id, :name, :client_id, :secret_hash, :scopes, :callback_url, :signing_secret, :created_at, :kind, :handle, :body
)
ON CONFLICT DO NOTHING
RETURNING id

-- name: app^
-- Reads one app.
SELECT id, name, client_id, secret_hash, scopes, callback_url, signing_secret, created_at, kind, body
FROM apps
WHERE id = :id

-- name: app_by_client^
-- Reads the app with that OAuth client id.
SELECT id, name, client_id, secret_hash, scopes, callback_url, signing_secret, created_at, kind, body
FROM apps
WHERE client_id = :client_id

-- name: app_by_handle^
-- Reads the app that calls itself by that name on the wire.
SELECT id, name, client_id, secret_hash, scopes, callback_url, signing_secret, created_at, kind, body
FROM apps
WHERE kind = :kind AND handle = :handle

-- name: keep_app$
-- Keeps an app in place of what it was; no row if it is gone, or its new name is taken.
UPDATE apps
SET
    name = :name, client_id = :client_id, secret_hash = :secret_hash, scopes = :scopes, callback_url = :callback_url,
    signing_secret = :signing_secret, kind = :kind, handle = :handle, body = :body
WHERE id = :id AND NOT EXISTS (SELECT 1 FROM apps AS other WHERE other.name = :name AND other.id <> :id)
RETURNING id

-- name: apps
-- Reads all apps, by name.
SELECT id, name, client_id, secret_hash, scopes, callback_url, signing_secret, created_at, kind, body
FROM apps
ORDER BY name

-- name: remove_app!
-- Forgets an app; its tokens and deployments go with it.
DELETE FROM apps
WHERE id = :id

-- name: withdraw_jobs_of_app!
-- Withdraws the open jobs about the gates of an app.
UPDATE jobs /* indexed by jobs_due */
SET state = 'withdrawn', finished_at = utc_now(), note = :note, lease = NULL, leased_until = NULL
WHERE state = 'open' AND gate_id IN (SELECT id FROM gates WHERE app_id = :app_id)

-- name: add_user$
-- Keeps a new user; no row if that name is taken.
INSERT INTO users (id, name, role, created_at)
VALUES (:id, :name, :role, :created_at)
ON CONFLICT (name) DO NOTHING
RETURNING id

-- name: user^
-- Reads one user.
SELECT id, name, role, created_at
FROM users
WHERE id = :id

-- name: users
-- Reads all users, by name.
SELECT id, name, role, created_at
FROM users
ORDER BY name

-- name: keep_user$
-- Keeps a user in place of what it was; no row if it is gone.
UPDATE users
SET role = :role
WHERE id = :id
RETURNING id

-- name: remove_user!
-- Forgets a user; the tokens go along.
DELETE FROM users
WHERE id = :id

-- name: add_token!
-- Keeps a token.
INSERT INTO tokens (id, hash, kind, app_id, user_id, label, created_at, expires_at)
VALUES (:id, :hash, :kind, :app_id, :user_id, :label, :created_at, :expires_at)

-- name: token^
-- Reads the token with that hash.
SELECT id, hash, kind, app_id, user_id, label, created_at, expires_at
FROM tokens
WHERE hash = :hash

-- name: holder^
-- Reads the token with that hash, and the app or the user that holds it.
SELECT
    tokens.id, tokens.hash, tokens.kind, tokens.app_id, tokens.user_id, tokens.label, tokens.created_at,
    tokens.expires_at,
    apps.id, apps.name, apps.client_id, apps.secret_hash, apps.scopes, apps.callback_url, apps.signing_secret,
    apps.created_at, apps.kind, apps.body,
    users.id, users.name, users.role, users.created_at
FROM tokens
LEFT JOIN apps ON apps.id = tokens.app_id
LEFT JOIN users ON users.id = tokens.user_id
WHERE tokens.hash = :hash

-- name: tokens_of_user
-- Reads a user's tokens, newest first.
SELECT id, hash, kind, app_id, user_id, label, created_at, expires_at
FROM tokens
WHERE user_id = :user_id
ORDER BY created_at DESC, id DESC

-- name: remove_token$
-- Forgets a token.
DELETE FROM tokens
WHERE id = :id
RETURNING id

-- name: remove_tokens_of_app!
-- Forgets the tokens of an app.
DELETE FROM tokens
WHERE app_id = :app_id

-- name: purge_tokens
-- Forgets the tokens that expired before an instant.
DELETE FROM tokens
WHERE expires_at < :now
RETURNING id

-- name: meta$
-- Reads a fact about this installation.
SELECT value FROM meta WHERE name = :name

-- name: set_meta!
-- Keeps a fact about this installation.
INSERT INTO meta (name, value)
VALUES (:name, :value)
ON CONFLICT (name) DO UPDATE SET value = excluded.value
