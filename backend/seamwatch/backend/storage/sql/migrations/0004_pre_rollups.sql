-- Rollups of spans, errors and metric points.
SET LOCAL search_path = seamwatch, pg_temp;

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
    metric_name text COLLATE "C" NOT NULL,
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
