-- Deletes one bounded chunk of verdicts that ended before a moment; open ones stay.
-- in:     before timestamptz (exclusive), row_limit integer
-- out:    none; the row count says how many
-- index:  verdict_since_idx, read per tenant from its old end
-- budget: 200 ms for 10,000 rows
DELETE FROM seamwatch.verdict
 WHERE (tenant_id, verdict_id) IN (
    SELECT v.tenant_id, v.verdict_id
      FROM seamwatch.tenant t
     CROSS JOIN LATERAL (
        SELECT o.tenant_id, o.verdict_id
          FROM seamwatch.verdict o
         WHERE o.tenant_id = t.tenant_id
           AND o.since < %(before)s
           AND o.until < %(before)s
         ORDER BY o.since
         LIMIT %(row_limit)s) AS v
     LIMIT %(row_limit)s);
