-- A new tenant; no row where the name is taken.
-- in:     name text
-- out:    tenant_id integer, name text, created_at timestamptz
-- index:  tenant_name_key
-- budget: 5 ms
INSERT INTO seamwatch.tenant (name)
VALUES (%(name)s)
ON CONFLICT (name) DO NOTHING
RETURNING tenant_id, name, created_at;
