-- One entry of the audit trail, in the transaction of the act.
-- in:     tenant_id integer, actor text, action text, target text, detail text (JSON)
-- out:    none
-- index:  none
-- budget: 2 ms
INSERT INTO seamwatch.audit_entry (tenant_id, actor, action, target, detail)
VALUES (%(tenant_id)s, %(actor)s, %(action)s, %(target)s, %(detail)s::jsonb);
