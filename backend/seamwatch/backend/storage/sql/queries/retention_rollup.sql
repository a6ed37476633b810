-- Deletes one bounded chunk of a rollup's rows before a moment, tenant by tenant along the key.
-- in:     {relation} a rollup relation with column minute; before timestamptz (exclusive), row_limit integer
-- out:    none; the row count says how many
-- index:  the rollup's primary key (tenant_id, minute, ...)
-- budget: 200 ms for 10,000 rows
DELETE FROM {relation}
 WHERE ctid = ANY (ARRAY(
    SELECT r.ctid
      FROM seamwatch.tenant t
     CROSS JOIN LATERAL (
        SELECT o.ctid
          FROM {relation} o
         WHERE o.tenant_id = t.tenant_id
           AND o.minute < %(before)s
         ORDER BY o.minute
         LIMIT %(row_limit)s) AS r
     LIMIT %(row_limit)s));
