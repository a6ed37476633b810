-- Ends the sessions of a token.
-- in:     token_id text
-- out:    nothing
-- index:  none; sessions live for hours and are few
-- budget: 20 ms at 10,000 sessions
DELETE FROM seamwatch.browser_session
 WHERE token_id = %(token_id)s;
