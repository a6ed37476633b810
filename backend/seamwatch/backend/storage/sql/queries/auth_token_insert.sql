-- A new token.
-- in:     token_id text, tenant_id integer, secret_hash bytea, roles text[], label text,
--         expires_at timestamptz (NULL: never)
-- out:    nothing
-- index:  access_token_pkey
-- budget: 5 ms
INSERT INTO seamwatch.access_token (token_id, tenant_id, secret_hash, roles, label, expires_at)
VALUES (%(token_id)s, %(tenant_id)s, %(secret_hash)s, %(roles)s::text[], %(label)s, %(expires_at)s);
