-- Uses a sign-in link up: of two requests at once only one gets the row.
-- in:     link_hash bytea, now timestamptz
-- out:    token_id text, roles text[], tenant_id integer, tenant_name text, expires_at timestamptz (of the
--         token), link_expires_at timestamptz; no row where there is no such link or its token is not active
-- index:  sign_in_link_pkey
-- budget: 5 ms
DELETE FROM seamwatch.sign_in_link l
 USING seamwatch.access_token t, seamwatch.tenant n
 WHERE l.link_hash = %(link_hash)s
   AND t.token_id = l.token_id
   AND t.revoked_at IS NULL
   AND (t.expires_at IS NULL OR t.expires_at > %(now)s)
   AND n.tenant_id = t.tenant_id
RETURNING t.token_id, t.roles, t.tenant_id, n.name, t.expires_at, l.expires_at;
