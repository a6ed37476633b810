-- Verdicts, newest first.
-- in:     kind, subject, state text (each NULL: any); is_open boolean (NULL: any); before_since timestamptz and
--         before_id bigint: the last verdict shown (NULL: none); page_size
-- out:    verdict_id bigint, kind, subject, state text, since, until timestamptz, evidence text (JSON)
-- index:  verdict_since_idx
-- budget: 50 ms at 1 M verdicts
SELECT verdict_id, kind, subject, state, since, until, evidence::text AS evidence
  FROM seamwatch.verdict
 WHERE (%(kind)s::text IS NULL OR kind = %(kind)s)
   AND (%(subject)s::text IS NULL OR subject = %(subject)s)
   AND (%(state)s::text IS NULL OR state = %(state)s)
   AND (%(is_open)s::boolean IS NULL OR (until IS NULL) = %(is_open)s)
   AND (%(before_since)s::timestamptz IS NULL OR since <= %(before_since)s)
   AND (%(before_since)s::timestamptz IS NULL OR (since, verdict_id) < (%(before_since)s, %(before_id)s::bigint))
 ORDER BY since DESC, verdict_id DESC
 LIMIT %(page_size)s;
