-- A one-time sign-in link of an active token; the expired ones go.
-- in:     link_hash bytea, token_id text, now timestamptz, expires_at timestamptz
-- out:    tenant_id integer; no row where the token is unknown, revoked or expired
-- index:  access_token_pkey
-- budget: 5 ms
WITH swept AS (
    DELETE FROM seamwatch.sign_in_link
     WHERE expires_at <= %(now)s
)
INSERT INTO seamwatch.sign_in_link (link_hash, token_id, tenant_id, expires_at)
SELECT %(link_hash)s, token_id, tenant_id, %(expires_at)s
  FROM seamwatch.access_token
 WHERE token_id = %(token_id)s
   AND revoked_at IS NULL
   AND (expires_at IS NULL OR expires_at > %(now)s)
RETURNING tenant_id;
