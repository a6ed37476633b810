-- A new browser session.
-- in:     session_hash bytea, token_id text, tenant_id integer, now timestamptz, expires_at timestamptz
-- out:    nothing
-- index:  browser_session_pkey
-- budget: 5 ms
INSERT INTO seamwatch.browser_session (session_hash, token_id, tenant_id, created_at, last_seen_at, expires_at)
VALUES (%(session_hash)s, %(token_id)s, %(tenant_id)s, %(now)s, %(now)s, %(expires_at)s);
