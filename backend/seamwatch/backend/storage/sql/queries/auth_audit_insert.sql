-- An entry of the audit log, in the transaction of the act.
-- in:     tenant_id integer, actor text, action text, target text, detail jsonb as text
-- out:    nothing
-- index:  audit_entry_pkey
-- budget: 1 ms
INSERT INTO seamwatch.audit_entry (tenant_id, actor, action, target, detail)
VALUES (%(tenant_id)s, %(actor)s, %(action)s, %(target)s, %(detail)s::jsonb);
