-- Every token that has, or had, a role.
-- in:     role text
-- out:    token_id text, label text, secret_hash bytea, is_active boolean
-- index:  none; run at start only
-- budget: 20 ms at 10,000 tokens
SELECT token_id,
       label,
       secret_hash,
       revoked_at IS NULL AND (expires_at IS NULL OR expires_at > now()) AS is_active
  FROM seamwatch.access_token
 WHERE %(role)s::text = ANY (roles)
 ORDER BY created_at;
