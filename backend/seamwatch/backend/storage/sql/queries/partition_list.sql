-- Daily partitions of one parent, with those whose detaching was interrupted and those left over after it.
-- in:     parent text (name without schema)
-- out:    partition_name text, day date, state text: attached, pending or detached
-- index:  the catalogue's own
-- budget: 10 ms
SELECT c.relname::text AS partition_name,
       to_date(right(c.relname, 8), 'YYYYMMDD') AS day,
       CASE WHEN i.inhrelid IS NULL THEN 'detached'
            WHEN i.inhdetachpending THEN 'pending'
            ELSE 'attached' END AS state
  FROM pg_catalog.pg_class c
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  LEFT JOIN pg_catalog.pg_inherits i ON i.inhrelid = c.oid
 WHERE n.nspname = 'seamwatch'
   AND c.relkind = 'r'
   AND left(c.relname, -8) = %(parent)s || '_p'
   AND right(c.relname, 8) ~ '^[0-9]{8}$'
 ORDER BY day;
