-- Makes others who look for the first admin token wait until this transaction ends.
-- in:     nothing
-- out:    one row
-- index:  none
-- budget: 1 ms
SELECT pg_advisory_xact_lock(hashtextextended('seamwatch.first_admin', 0));
