-- Removes the sessions that are over.
-- in:     now timestamptz, idle_since timestamptz
-- out:    nothing
-- index:  none; run at sign-in only
-- budget: 20 ms at 10,000 sessions
DELETE FROM seamwatch.browser_session
 WHERE expires_at <= %(now)s
    OR last_seen_at <= %(idle_since)s;
