-- Refuses a token from now on; the moment of a first revocation stays.
-- in:     token_id text
-- out:    tenant_id integer, was_active boolean; no row where there is no such token
-- index:  access_token_pkey
-- budget: 5 ms
WITH before AS (
    SELECT token_id, revoked_at IS NULL AS was_active
      FROM seamwatch.access_token
     WHERE token_id = %(token_id)s
       FOR UPDATE
)
UPDATE seamwatch.access_token t
   SET revoked_at = coalesce(t.revoked_at, clock_timestamp())
  FROM before
 WHERE t.token_id = before.token_id
RETURNING t.tenant_id, before.was_active;
