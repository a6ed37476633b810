-- The open verdict of a subject, locked until the transaction ends.
-- in:     tenant_id integer, kind text, subject text
-- out:    verdict_id bigint, state text
-- index:  verdict_open_idx
-- budget: 1 ms
SELECT verdict_id,
       state
  FROM seamwatch.verdict
 WHERE tenant_id = %(tenant_id)s
   AND kind = %(kind)s
   AND subject = %(subject)s
   AND until IS NULL
   FOR UPDATE;
