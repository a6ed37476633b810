-- Opens a verdict; none where another session opened one for the subject first.
-- in:     tenant_id integer, kind text, subject text, state text, at timestamptz, evidence text (JSON)
-- out:    verdict_id bigint
-- index:  verdict_open_idx
-- budget: 1 ms
INSERT INTO seamwatch.verdict (tenant_id, kind, subject, state, since, evidence)
VALUES (%(tenant_id)s, %(kind)s, %(subject)s, %(state)s, %(at)s, %(evidence)s::jsonb)
ON CONFLICT (tenant_id, kind, subject) WHERE until IS NULL DO NOTHING
RETURNING verdict_id;
