-- Ends an open verdict; never before it began.
-- in:     tenant_id integer, verdict_id bigint, at timestamptz
-- out:    none
-- index:  verdict_pkey
-- budget: 1 ms
UPDATE seamwatch.verdict
   SET until = greatest(%(at)s, since)
 WHERE tenant_id = %(tenant_id)s
   AND verdict_id = %(verdict_id)s;
