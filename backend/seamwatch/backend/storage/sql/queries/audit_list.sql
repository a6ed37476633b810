-- Audit entries of a tenant, newest first.
-- in:     actor, action text (each NULL: any); before_id bigint: the last entry shown (9223372036854775807: none);
--         page_size
-- out:    audit_id bigint, at timestamptz, actor, action, target text, detail text (JSON)
-- index:  primary key of audit_entry
-- budget: 50 ms at 1 M entries
SELECT audit_id, at, actor, action, target, detail::text AS detail
  FROM seamwatch.audit_entry
 WHERE audit_id < %(before_id)s
   AND (%(actor)s::text IS NULL OR actor = %(actor)s)
   AND (%(action)s::text IS NULL OR action = %(action)s)
 ORDER BY audit_id DESC
 LIMIT %(page_size)s;
