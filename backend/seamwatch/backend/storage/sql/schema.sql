-- The whole schema of Seamwatch on PostgreSQL 15 to 18. `migrations/` holds how to get here; a test proves that
-- both give the same catalogue. Run by a role that is a member of every role below (see roles.sql), as
-- seamwatch_owner. Relations named in docs/reference/sql.md keep their columns through releases.

CREATE SCHEMA IF NOT EXISTS seamwatch AUTHORIZATION seamwatch_owner;
SET LOCAL search_path = seamwatch, pg_temp;

-- 1. Tenancy ---------------------------------------------------------------------------------------------------

CREATE TABLE seamwatch.tenant (
    tenant_id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL UNIQUE CHECK (name ~ '^[a-z0-9][a-z0-9_-]{0,62}$'),
    created_at timestamptz NOT NULL DEFAULT now()
);

-- Logins made by `tenant grant-sql`: the database decides a login's tenant, whatever the session sets.
CREATE TABLE seamwatch.tenant_login (
    login name PRIMARY KEY,
    tenant_id integer NOT NULL REFERENCES seamwatch.tenant,
    created_at timestamptz NOT NULL DEFAULT now()
);

-- The variable counts only for logins that may act as the application; anyone else is bound by tenant_login.
CREATE FUNCTION seamwatch.current_tenant() RETURNS integer
    LANGUAGE sql STABLE SECURITY DEFINER PARALLEL SAFE
    SET search_path = seamwatch, pg_temp
AS $$
    SELECT CASE
        WHEN pg_catalog.pg_has_role(session_user, 'seamwatch_app', 'MEMBER')
        THEN nullif(pg_catalog.current_setting('seamwatch.tenant_id', true), '')::integer
        ELSE (SELECT l.tenant_id FROM seamwatch.tenant_login l WHERE l.login = session_user)
    END
$$;

-- Row level security of one tenant relation or partition: readers see their tenant, the backend's roles all.
CREATE FUNCTION seamwatch.isolate(relation regclass) RETURNS void
    LANGUAGE plpgsql
    SET search_path = seamwatch, pg_temp
AS $$
BEGIN
    EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', relation);
    EXECUTE format('ALTER TABLE %s FORCE ROW LEVEL SECURITY', relation);
    EXECUTE format(
        'CREATE POLICY tenant_isolation ON %s TO seamwatch_app, seamwatch_reader '
        'USING (tenant_id = (SELECT seamwatch.current_tenant())) '
        'WITH CHECK (tenant_id = (SELECT seamwatch.current_tenant()))', relation);
    EXECUTE format(
        'CREATE POLICY backend_all ON %s TO seamwatch_owner, seamwatch_writer, seamwatch_analysis '
        'USING (true) WITH CHECK (true)', relation);
END
$$;

-- A day's partition of `parent`, made as a table of its own and then attached (no lock that stops ingest).
-- Returns true where it was made now.
CREATE FUNCTION seamwatch.create_daily_partition(parent regclass, day date) RETURNS boolean
    LANGUAGE plpgsql
    SET search_path = seamwatch, pg_temp
AS $$
DECLARE
    parent_name name := (SELECT c.relname FROM pg_class c WHERE c.oid = parent);
    partition_name name := parent_name || '_p' || to_char(day, 'YYYYMMDD');
    key_type text := (
        SELECT format_type(a.atttypid, NULL)
          FROM pg_partitioned_table p
          JOIN pg_attribute a ON a.attrelid = p.partrelid AND a.attnum = p.partattrs[0]
         WHERE p.partrelid = parent);
    suffix text := CASE WHEN key_type = 'date' THEN '' ELSE ' 00:00:00+00' END;
BEGIN
    IF EXISTS (SELECT FROM pg_inherits i WHERE i.inhparent = parent
                AND i.inhrelid = to_regclass(format('seamwatch.%I', partition_name))) THEN
        RETURN false;
    END IF;
    -- Left over from an attach that was interrupted: it is empty, no row ever went through the parent.
    EXECUTE format('DROP TABLE IF EXISTS seamwatch.%I', partition_name);
    EXECUTE format('CREATE TABLE seamwatch.%I (LIKE %s INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING STORAGE)',
                   partition_name, parent);
    PERFORM seamwatch.isolate(format('seamwatch.%I', partition_name)::regclass);
    EXECUTE format('ALTER TABLE %s ATTACH PARTITION seamwatch.%I FOR VALUES FROM (%L) TO (%L)',
                   parent, partition_name, day::text || suffix, (day + 1)::text || suffix);
    RETURN true;
END
$$;

REVOKE EXECUTE ON FUNCTION seamwatch.isolate(regclass), seamwatch.create_daily_partition(regclass, date) FROM PUBLIC;

-- 2. Dictionaries ----------------------------------------------------------------------------------------------

-- resource_id and scope_id are the first 8 bytes of the BLAKE2b digest of the canonical JSON: no round trip to
-- learn an id, the same on every node. last_used_on is moved at most once a day.
CREATE TABLE seamwatch.resource (
    tenant_id integer NOT NULL,
    resource_id bigint NOT NULL,
    service_name text NOT NULL,
    attributes jsonb NOT NULL,
    dropped_attributes_count bigint NOT NULL DEFAULT 0,
    schema_url text,
    first_used_at timestamptz NOT NULL DEFAULT now(),
    last_used_on date NOT NULL DEFAULT (now() AT TIME ZONE 'UTC')::date,
    PRIMARY KEY (tenant_id, resource_id)
);

CREATE TABLE seamwatch.scope (
    tenant_id integer NOT NULL,
    scope_id bigint NOT NULL,
    name text NOT NULL,
    version text NOT NULL,
    attributes jsonb NOT NULL,
    dropped_attributes_count bigint NOT NULL DEFAULT 0,
    schema_url text,
    first_used_at timestamptz NOT NULL DEFAULT now(),
    last_used_on date NOT NULL DEFAULT (now() AT TIME ZONE 'UTC')::date,
    PRIMARY KEY (tenant_id, scope_id)
);

-- 3. Idempotence -----------------------------------------------------------------------------------------------

-- One row per request body that was stored, kept 48 h: a re-sent request is acknowledged without a second copy.
CREATE TABLE seamwatch.batch_digest (
    received_on date NOT NULL DEFAULT (now() AT TIME ZONE 'UTC')::date,
    tenant_id integer NOT NULL,
    signal smallint NOT NULL,  -- 1 traces, 2 logs, 3 metrics
    digest bytea NOT NULL,     -- BLAKE2b-128 of the decompressed body
    PRIMARY KEY (received_on, digest, tenant_id, signal)
) PARTITION BY RANGE (received_on);

-- 4. Spans -----------------------------------------------------------------------------------------------------

CREATE TABLE seamwatch.span (
    tenant_id integer NOT NULL,
    trace_id bytea NOT NULL,
    span_id bytea NOT NULL,
    parent_span_id bytea,                -- NULL: a root
    start_time timestamptz NOT NULL,     -- floor to the microsecond
    start_ns smallint NOT NULL,          -- 0-999, nanoseconds after start_time
    duration_ns bigint NOT NULL,         -- end minus start; negative where the sender said so
    service_name text COLLATE "C" NOT NULL,  -- cut to 200 characters; whole in resource
    name text COLLATE "C" NOT NULL,
    name_key integer NOT NULL,           -- CRC-32 of name: indexes names of any length
    kind smallint NOT NULL,              -- as on the wire: 0 unspecified .. 5 consumer
    status_code smallint NOT NULL,       -- 0 unset, 1 ok, 2 error
    status_message text,
    trace_state text,
    flags bigint NOT NULL,               -- bits 0-9 of the span's flags
    resource_id bigint NOT NULL,
    scope_id bigint NOT NULL,
    attributes jsonb NOT NULL,
    events jsonb,                        -- [{time_unix_nano (string), name, attributes, dropped_attributes_count}]
    links jsonb,                         -- [{trace_id, span_id, trace_state, attributes, dropped_attributes_count, flags}]
    dropped_counts bigint[],             -- {attributes, events, links}; NULL: none
    PRIMARY KEY (tenant_id, trace_id, span_id, start_time, start_ns)
) PARTITION BY RANGE (start_time);

-- Search: each filter of /api/apm/traces is answered inside one of these.
CREATE INDEX span_service_start_idx ON seamwatch.span
    (tenant_id, service_name, start_time DESC, name_key, duration_ns, status_code);
CREATE INDEX span_entry_start_idx ON seamwatch.span (tenant_id, start_time DESC, duration_ns)
    WHERE parent_span_id IS NULL OR kind IN (2, 5);
CREATE INDEX span_error_start_idx ON seamwatch.span (tenant_id, start_time DESC)
    WHERE status_code = 2;

-- Spans whose start lies outside every partition (retention to +2 days), kept exactly, capped per tenant.
CREATE TABLE seamwatch.span_out_of_range (
    LIKE seamwatch.span INCLUDING DEFAULTS,
    received_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, trace_id, span_id, start_time, start_ns)
);
CREATE INDEX span_out_of_range_received_idx ON seamwatch.span_out_of_range (received_at);

-- 5. Logs and metrics (filled by their own RowKinds) -------------------------------------------------------------

CREATE TABLE seamwatch.log_record (
    tenant_id integer NOT NULL,
    time timestamptz NOT NULL,           -- the record's time, else its observed time; floor to the microsecond
    time_ns smallint NOT NULL,
    observed_time timestamptz,
    observed_time_ns smallint,
    log_id bigint NOT NULL,              -- first 8 bytes of the BLAKE2b digest of the record and its place in the body
    service_name text COLLATE "C" NOT NULL,
    event_name text COLLATE "C",         -- cut to 200 characters
    event_id text COLLATE "C",           -- identity of events that carry one, cut to 200 characters
    severity_number smallint NOT NULL,
    severity_text text,
    body jsonb,
    trace_id bytea,
    span_id bytea,
    flags bigint NOT NULL,
    resource_id bigint NOT NULL,
    scope_id bigint NOT NULL,
    attributes jsonb NOT NULL,
    dropped_attributes_count bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (tenant_id, time, time_ns, log_id)
) PARTITION BY RANGE (time);
CREATE INDEX log_record_service_time_idx ON seamwatch.log_record (tenant_id, service_name, time DESC, severity_number);
CREATE INDEX log_record_trace_idx ON seamwatch.log_record (tenant_id, trace_id) WHERE trace_id IS NOT NULL;
CREATE UNIQUE INDEX log_record_event_idx ON seamwatch.log_record (tenant_id, event_name, event_id, time)
    WHERE event_id IS NOT NULL;

CREATE TABLE seamwatch.log_record_out_of_range (
    LIKE seamwatch.log_record INCLUDING DEFAULTS,
    received_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, time, time_ns, log_id)
);

CREATE TABLE seamwatch.metric_point (
    tenant_id integer NOT NULL,
    series_id bigint NOT NULL,           -- digest of resource, scope, name, type, unit, temporality and attributes
    time timestamptz NOT NULL,
    time_ns smallint NOT NULL,
    start_time timestamptz,
    start_ns smallint,
    metric_name text COLLATE "C" NOT NULL,  -- cut to 200 characters
    metric_type smallint NOT NULL,       -- 1 gauge, 2 sum, 3 histogram, 4 exponential histogram, 5 summary
    temporality smallint,                -- 1 delta, 2 cumulative
    is_monotonic boolean,
    unit text,
    service_name text COLLATE "C" NOT NULL,
    value_double double precision,
    value_int bigint,
    distribution jsonb,                  -- of histograms and summaries
    flags bigint NOT NULL,
    resource_id bigint NOT NULL,
    scope_id bigint NOT NULL,
    attributes jsonb NOT NULL,
    exemplars jsonb,
    PRIMARY KEY (tenant_id, series_id, time, time_ns)
) PARTITION BY RANGE (time);
CREATE INDEX metric_point_name_time_idx ON seamwatch.metric_point (tenant_id, metric_name, time DESC);

CREATE TABLE seamwatch.metric_point_out_of_range (
    LIKE seamwatch.metric_point INCLUDING DEFAULTS,
    received_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, series_id, time, time_ns)
);

-- 6. Rollups ---------------------------------------------------------------------------------------------------

-- What each ingest transaction adds, insert-only (no row is fought over); the fold loop moves it into
-- span_rollup_minute and span_rollup_hour. Readers take `span_rollup`, which is both.
-- Histogram: bucket b holds durations in (2^((b-1)/16), 2^(b/16)] nanoseconds, b >= 1; bucket 0 holds <= 1 ns.
CREATE TABLE seamwatch.span_rollup_part (
    tenant_id integer NOT NULL,
    minute timestamptz NOT NULL,
    service_name text COLLATE "C" NOT NULL,
    name text COLLATE "C" NOT NULL,      -- cut to 200 characters
    kind smallint NOT NULL,
    is_entry boolean NOT NULL,           -- kind server or consumer, or a root: counted as a request of the service
    span_count bigint NOT NULL,
    error_count bigint NOT NULL,
    duration_sum_ns numeric NOT NULL,    -- negative durations count as 0
    histogram_bucket smallint[] NOT NULL,
    histogram_count bigint[] NOT NULL,
    slowest_duration_ns bigint NOT NULL,
    slowest_trace_id bytea NOT NULL,
    error_start_ns numeric,              -- latest error: start in ns since 1970
    error_trace_id bytea
);

CREATE TABLE seamwatch.span_rollup_minute (
    LIKE seamwatch.span_rollup_part,
    PRIMARY KEY (tenant_id, minute, service_name, name, kind, is_entry)
) WITH (fillfactor = 70);

CREATE TABLE seamwatch.span_rollup_hour (
    LIKE seamwatch.span_rollup_part,
    PRIMARY KEY (tenant_id, minute, service_name, name, kind, is_entry)
) WITH (fillfactor = 70);

CREATE VIEW seamwatch.span_rollup WITH (security_invoker = true) AS
    SELECT tenant_id, minute, service_name, name, kind, is_entry, span_count, error_count, duration_sum_ns,
           histogram_bucket, histogram_count, slowest_duration_ns, slowest_trace_id, error_start_ns, error_trace_id
      FROM seamwatch.span_rollup_minute
     UNION ALL
    SELECT tenant_id, minute, service_name, name, kind, is_entry, span_count, error_count, duration_sum_ns,
           histogram_bucket, histogram_count, slowest_duration_ns, slowest_trace_id, error_start_ns, error_trace_id
      FROM seamwatch.span_rollup_part;

-- Errors by type and by fingerprint of their message (numbers, ids and quoted text taken out).
CREATE TABLE seamwatch.error_rollup_part (
    tenant_id integer NOT NULL,
    minute timestamptz NOT NULL,
    service_name text COLLATE "C" NOT NULL,
    error_type text COLLATE "C" NOT NULL,   -- cut to 200 characters
    fingerprint bigint NOT NULL,
    span_name text COLLATE "C" NOT NULL,    -- of the exemplar, cut to 200 characters
    message text NOT NULL,                  -- of the exemplar, cut to 500 characters
    error_count bigint NOT NULL,
    last_start_ns numeric NOT NULL,         -- the exemplar: latest start, then greatest trace id
    last_trace_id bytea NOT NULL
);

CREATE TABLE seamwatch.error_rollup_minute (
    LIKE seamwatch.error_rollup_part,
    PRIMARY KEY (tenant_id, minute, service_name, error_type, fingerprint)
) WITH (fillfactor = 70);

CREATE VIEW seamwatch.error_rollup WITH (security_invoker = true) AS
    SELECT tenant_id, minute, service_name, error_type, fingerprint, span_name, message, error_count,
           last_start_ns, last_trace_id
      FROM seamwatch.error_rollup_minute
     UNION ALL
    SELECT tenant_id, minute, service_name, error_type, fingerprint, span_name, message, error_count,
           last_start_ns, last_trace_id
      FROM seamwatch.error_rollup_part;

-- Metric points per minute (filled with the metric RowKind).
CREATE TABLE seamwatch.metric_rollup_minute (
    tenant_id integer NOT NULL,
    minute timestamptz NOT NULL,
    series_id bigint NOT NULL,
    metric_name text COLLATE "C" NOT NULL,  -- cut to 200 characters
    service_name text COLLATE "C" NOT NULL,
    attributes jsonb NOT NULL,
    point_count bigint NOT NULL,
    value_sum double precision,
    value_last double precision,
    value_min double precision,
    value_max double precision,
    histogram_bucket smallint[],
    histogram_count bigint[],
    PRIMARY KEY (tenant_id, minute, series_id)
);

-- 7. Verdicts and audit ------------------------------------------------------------------------------------------

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

-- 8. Access ------------------------------------------------------------------------------------------------------

CREATE TABLE seamwatch.access_token (
    token_id text PRIMARY KEY,           -- the <id> of swk_<id>_<secret>
    tenant_id integer NOT NULL REFERENCES seamwatch.tenant,
    secret_hash bytea NOT NULL,          -- SHA-256 of the secret
    roles text[] NOT NULL,
    label text NOT NULL DEFAULT '',
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz,              -- NULL: does not expire
    revoked_at timestamptz,
    last_used_at timestamptz             -- moved at most once a minute
);

CREATE TABLE seamwatch.browser_session (
    session_hash bytea PRIMARY KEY,      -- SHA-256 of the cookie
    token_id text NOT NULL REFERENCES seamwatch.access_token ON DELETE CASCADE,
    tenant_id integer NOT NULL REFERENCES seamwatch.tenant,
    created_at timestamptz NOT NULL DEFAULT now(),
    last_seen_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL
);

CREATE TABLE seamwatch.sign_in_link (
    link_hash bytea PRIMARY KEY,         -- SHA-256 of the one-time code
    token_id text NOT NULL REFERENCES seamwatch.access_token ON DELETE CASCADE,
    tenant_id integer NOT NULL REFERENCES seamwatch.tenant,
    expires_at timestamptz NOT NULL
);

-- 9. Operation (no tenant data; listed in the catalogue test) ------------------------------------------------------

CREATE TABLE seamwatch.schema_migration (
    name text PRIMARY KEY,
    checksum bytea NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE seamwatch.analysis_loop (
    name text PRIMARY KEY,
    last_success_at timestamptz,
    last_duration_ms double precision,
    last_error text,
    last_error_at timestamptz
);

-- 10. Isolation and grants -------------------------------------------------------------------------------------------

SELECT seamwatch.isolate(relation)
  FROM unnest(ARRAY[
    'seamwatch.resource', 'seamwatch.scope', 'seamwatch.batch_digest',
    'seamwatch.span', 'seamwatch.span_out_of_range',
    'seamwatch.log_record', 'seamwatch.log_record_out_of_range',
    'seamwatch.metric_point', 'seamwatch.metric_point_out_of_range',
    'seamwatch.span_rollup_part', 'seamwatch.span_rollup_minute', 'seamwatch.span_rollup_hour',
    'seamwatch.error_rollup_part', 'seamwatch.error_rollup_minute', 'seamwatch.metric_rollup_minute',
    'seamwatch.verdict', 'seamwatch.audit_entry',
    'seamwatch.tenant', 'seamwatch.tenant_login',
    'seamwatch.access_token', 'seamwatch.browser_session', 'seamwatch.sign_in_link'
  ]::regclass[]) AS relation;

-- Sign-in looks credentials up before a tenant is known: one role, these four relations.
CREATE POLICY sign_in ON seamwatch.tenant TO seamwatch_auth USING (true) WITH CHECK (true);
CREATE POLICY sign_in ON seamwatch.access_token TO seamwatch_auth USING (true) WITH CHECK (true);
CREATE POLICY sign_in ON seamwatch.browser_session TO seamwatch_auth USING (true) WITH CHECK (true);
CREATE POLICY sign_in ON seamwatch.sign_in_link TO seamwatch_auth USING (true) WITH CHECK (true);
CREATE POLICY sign_in ON seamwatch.audit_entry TO seamwatch_auth USING (true) WITH CHECK (true);

GRANT USAGE ON SCHEMA seamwatch TO seamwatch_writer, seamwatch_app, seamwatch_analysis, seamwatch_reader, seamwatch_auth;

GRANT SELECT, INSERT ON
    seamwatch.batch_digest, seamwatch.span, seamwatch.span_out_of_range,
    seamwatch.log_record, seamwatch.log_record_out_of_range,
    seamwatch.metric_point, seamwatch.metric_point_out_of_range,
    seamwatch.span_rollup_part, seamwatch.error_rollup_part, seamwatch.audit_entry
    TO seamwatch_writer;
GRANT SELECT, INSERT, UPDATE ON seamwatch.resource, seamwatch.scope TO seamwatch_writer;
GRANT SELECT ON seamwatch.tenant TO seamwatch_writer;

GRANT SELECT ON
    seamwatch.resource, seamwatch.scope, seamwatch.span, seamwatch.span_out_of_range,
    seamwatch.log_record, seamwatch.log_record_out_of_range,
    seamwatch.metric_point, seamwatch.metric_point_out_of_range,
    seamwatch.span_rollup_part, seamwatch.span_rollup_minute, seamwatch.span_rollup_hour, seamwatch.span_rollup,
    seamwatch.error_rollup_part, seamwatch.error_rollup_minute, seamwatch.error_rollup,
    seamwatch.metric_rollup_minute, seamwatch.verdict
    TO seamwatch_app, seamwatch_reader;
GRANT SELECT ON seamwatch.audit_entry, seamwatch.tenant TO seamwatch_app;
GRANT SELECT ON seamwatch.analysis_loop TO seamwatch_app, seamwatch_writer;

GRANT SELECT, INSERT, UPDATE, DELETE ON
    seamwatch.resource, seamwatch.scope, seamwatch.span_out_of_range, seamwatch.log_record_out_of_range,
    seamwatch.metric_point_out_of_range, seamwatch.span_rollup_part, seamwatch.span_rollup_minute,
    seamwatch.span_rollup_hour, seamwatch.error_rollup_part, seamwatch.error_rollup_minute,
    seamwatch.metric_rollup_minute, seamwatch.verdict, seamwatch.analysis_loop
    TO seamwatch_analysis;
GRANT SELECT ON
    seamwatch.span, seamwatch.log_record, seamwatch.metric_point, seamwatch.tenant, seamwatch.span_rollup,
    seamwatch.error_rollup
    TO seamwatch_analysis;
GRANT DELETE ON seamwatch.browser_session, seamwatch.sign_in_link TO seamwatch_analysis;
GRANT SELECT ON seamwatch.browser_session, seamwatch.sign_in_link TO seamwatch_analysis;
GRANT INSERT ON seamwatch.audit_entry TO seamwatch_analysis;

GRANT SELECT, INSERT ON seamwatch.tenant TO seamwatch_auth;
GRANT SELECT, INSERT, UPDATE ON seamwatch.access_token TO seamwatch_auth;
GRANT SELECT, INSERT, UPDATE, DELETE ON seamwatch.browser_session, seamwatch.sign_in_link TO seamwatch_auth;
GRANT SELECT, INSERT ON seamwatch.audit_entry TO seamwatch_auth;

INSERT INTO seamwatch.tenant (name) VALUES ('default');
