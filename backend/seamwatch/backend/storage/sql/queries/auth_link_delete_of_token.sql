-- Takes back the sign-in links of a token.
-- in:     token_id text
-- out:    nothing
-- index:  none; links live for minutes
-- budget: 5 ms
DELETE FROM seamwatch.sign_in_link
 WHERE token_id = %(token_id)s;
