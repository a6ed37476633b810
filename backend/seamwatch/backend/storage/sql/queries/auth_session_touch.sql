-- Keeps a session from being idle.
-- in:     session_hash bytea, now timestamptz
-- out:    nothing
-- index:  browser_session_pkey
-- budget: 5 ms
UPDATE seamwatch.browser_session
   SET last_seen_at = greatest(last_seen_at, %(now)s)
 WHERE session_hash = %(session_hash)s;
