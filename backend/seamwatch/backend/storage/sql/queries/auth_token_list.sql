-- All tokens, oldest first.
-- in:     tenant_name text (NULL: of every tenant)
-- out:    token_id text, tenant_name text, roles text[], label text, created_at, expires_at, revoked_at,
--         last_used_at timestamptz
-- index:  none; a handful of rows a tenant
-- budget: 20 ms at 10,000 tokens
SELECT t.token_id,
       n.name AS tenant_name,
       t.roles,
       t.label,
       t.created_at,
       t.expires_at,
       t.revoked_at,
       t.last_used_at
  FROM seamwatch.access_token t
  JOIN seamwatch.tenant n USING (tenant_id)
 WHERE n.name = coalesce(%(tenant_name)s::text, n.name)
 ORDER BY t.created_at, t.token_id;
