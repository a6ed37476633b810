-- One token that is not revoked, with its tenant; whether it has expired and its secret matches is the caller's.
-- in:     token_id text
-- out:    secret_hash bytea, roles text[], tenant_id integer, tenant_name text, expires_at timestamptz,
--         last_used_at timestamptz; no row where it is unknown or revoked
-- index:  access_token_pkey
-- budget: 1 ms
SELECT t.secret_hash,
       t.roles,
       t.tenant_id,
       n.name AS tenant_name,
       t.expires_at,
       t.last_used_at
  FROM seamwatch.access_token t
  JOIN seamwatch.tenant n USING (tenant_id)
 WHERE t.token_id = %(token_id)s
   AND t.revoked_at IS NULL;
