-- Deletes one bounded chunk of browser sessions or sign-in links that have expired.
-- in:     {relation} browser_session or sign_in_link; before timestamptz, row_limit integer
-- out:    none; the row count says how many
-- index:  none: few rows
-- budget: 20 ms
DELETE FROM {relation}
 WHERE ctid = ANY (ARRAY(
    SELECT e.ctid
      FROM {relation} e
     WHERE e.expires_at < %(before)s
     LIMIT %(row_limit)s));
