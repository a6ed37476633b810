-- Every tenant, or the one of a name, with its SQL login.
-- in:     name text (NULL: every tenant)
-- out:    tenant_id integer, name text, created_at timestamptz, login text (NULL: none)
-- index:  tenant_name_key
-- budget: 5 ms
SELECT t.tenant_id,
       t.name,
       t.created_at,
       l.login::text AS login
  FROM seamwatch.tenant t
  LEFT JOIN seamwatch.tenant_login l USING (tenant_id)
 WHERE %(name)s::text IS NULL
    OR t.name = %(name)s::text
 ORDER BY t.tenant_id;
