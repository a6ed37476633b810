-- Ends a session.
-- in:     session_hash bytea
-- out:    token_id text, tenant_id integer; no row where there was none
-- index:  browser_session_pkey
-- budget: 5 ms
DELETE FROM seamwatch.browser_session
 WHERE session_hash = %(session_hash)s
RETURNING token_id, tenant_id;
