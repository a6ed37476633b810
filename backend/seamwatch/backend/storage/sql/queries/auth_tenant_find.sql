-- A tenant's id by its name.
-- in:     tenant_name text
-- out:    tenant_id integer; no row where there is no such tenant
-- index:  tenant_name_key
-- budget: 1 ms
SELECT tenant_id
  FROM seamwatch.tenant
 WHERE name = %(tenant_name)s;
