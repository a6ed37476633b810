-- Dictionaries, digests of stored bodies, spans.
SET LOCAL search_path = seamwatch, pg_temp;

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

-- One row per request body that was stored, kept 48 h: a re-sent request is acknowledged without a second copy.
CREATE TABLE seamwatch.batch_digest (
    received_on date NOT NULL DEFAULT (now() AT TIME ZONE 'UTC')::date,
    tenant_id integer NOT NULL,
    signal smallint NOT NULL,  -- 1 traces, 2 logs, 3 metrics
    digest bytea NOT NULL,     -- BLAKE2b-128 of the decompressed body
    PRIMARY KEY (received_on, digest, tenant_id, signal)
) PARTITION BY RANGE (received_on);

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
