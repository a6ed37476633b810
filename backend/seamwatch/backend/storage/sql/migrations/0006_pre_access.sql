-- Tokens, browser sessions, sign-in links.
SET LOCAL search_path = seamwatch, pg_temp;

CREATE TABLE seamwatch.access_token (
    token_id text PRIMARY KEY,           -- the <id> of swk_<id>_<secret>
    tenant_id integer NOT NULL REFERENCES seamwatch.tenant,
    secret_hash bytea NOT NULL,          -- SHA-256 of the secret
    roles text[] NOT NULL,
    label text NOT NULL DEFAULT '',
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz,              -- NULL: does not expire
    revoked_at timestamptz,
    last_used_at timestamptz             -- moved at most once a minute
);

CREATE TABLE seamwatch.browser_session (
    session_hash bytea PRIMARY KEY,      -- SHA-256 of the cookie
    token_id text NOT NULL REFERENCES seamwatch.access_token ON DELETE CASCADE,
    tenant_id integer NOT NULL REFERENCES seamwatch.tenant,
    created_at timestamptz NOT NULL DEFAULT now(),
    last_seen_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL
);

CREATE TABLE seamwatch.sign_in_link (
    link_hash bytea PRIMARY KEY,         -- SHA-256 of the one-time code
    token_id text NOT NULL REFERENCES seamwatch.access_token ON DELETE CASCADE,
    tenant_id integer NOT NULL REFERENCES seamwatch.tenant,
    expires_at timestamptz NOT NULL
);
