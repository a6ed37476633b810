-- A live session with the token it stands for.
-- in:     session_hash bytea, now timestamptz, idle_since timestamptz (sessions not seen since then are over)
-- out:    token_id text, roles text[], tenant_id integer, tenant_name text, token_expires_at timestamptz,
--         expires_at timestamptz, last_seen_at timestamptz; no row where it is over or its token not active
-- index:  browser_session_pkey, access_token_pkey
-- budget: 1 ms
SELECT t.token_id,
       t.roles,
       t.tenant_id,
       n.name AS tenant_name,
       t.expires_at AS token_expires_at,
       s.expires_at,
       s.last_seen_at
  FROM seamwatch.browser_session s
  JOIN seamwatch.access_token t USING (token_id)
  JOIN seamwatch.tenant n ON n.tenant_id = t.tenant_id
 WHERE s.session_hash = %(session_hash)s
   AND s.expires_at > %(now)s
   AND s.last_seen_at > %(idle_since)s
   AND t.revoked_at IS NULL
   AND (t.expires_at IS NULL OR t.expires_at > %(now)s);
