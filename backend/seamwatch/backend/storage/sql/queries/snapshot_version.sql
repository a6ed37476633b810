-- A version of everything stored: equal texts mean that no transaction has written in between.
-- in:     nothing
-- out:    version text: the snapshot's bounds and the transactions that are still open
-- index:  none, no relation is read
-- budget: 1 ms
SELECT pg_current_snapshot()::text AS version;
