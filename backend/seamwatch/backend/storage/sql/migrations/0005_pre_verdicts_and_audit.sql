-- Verdicts, and the insert-only audit trail.
SET LOCAL search_path = seamwatch, pg_temp;

CREATE TABLE seamwatch.verdict (
    verdict_id bigint GENERATED ALWAYS AS IDENTITY,
    tenant_id integer NOT NULL,
    kind text NOT NULL,
    subject text NOT NULL,
    state text NOT NULL,
    since timestamptz NOT NULL,
    until timestamptz,                   -- NULL: still so
    evidence jsonb NOT NULL DEFAULT '{}',
    PRIMARY KEY (tenant_id, verdict_id)
);
CREATE UNIQUE INDEX verdict_open_idx ON seamwatch.verdict (tenant_id, kind, subject) WHERE until IS NULL;
CREATE INDEX verdict_since_idx ON seamwatch.verdict (tenant_id, since DESC, verdict_id DESC);

CREATE TABLE seamwatch.audit_entry (
    audit_id bigint GENERATED ALWAYS AS IDENTITY,
    tenant_id integer NOT NULL,
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    actor text NOT NULL,                 -- token id, session's token id, or 'cli:<os user>'
    action text NOT NULL,                -- e.g. token.create, token.revoke, sign_in
    target text NOT NULL,
    detail jsonb NOT NULL DEFAULT '{}',
    PRIMARY KEY (tenant_id, audit_id)
);

CREATE FUNCTION seamwatch.refuse_audit_change() RETURNS trigger
    LANGUAGE plpgsql
AS $$
BEGIN
    RAISE EXCEPTION 'seamwatch.audit_entry is insert-only: % refused', TG_OP USING ERRCODE = 'insufficient_privilege';
END
$$;
CREATE TRIGGER audit_entry_insert_only BEFORE UPDATE OR DELETE OR TRUNCATE ON seamwatch.audit_entry
    FOR EACH STATEMENT EXECUTE FUNCTION seamwatch.refuse_audit_change();
