-- Log records and metric points.
SET LOCAL search_path = seamwatch, pg_temp;

CREATE TABLE seamwatch.log_record (
    tenant_id integer NOT NULL,
    time timestamptz NOT NULL,           -- the record's time, else its observed time; floor to the microsecond
    time_ns smallint NOT NULL,
    observed_time timestamptz,
    observed_time_ns smallint,
    log_id bigint NOT NULL,              -- first 8 bytes of the BLAKE2b digest of the record and its place in the body
    service_name text COLLATE "C" NOT NULL,
    event_name text COLLATE "C",
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
    metric_name text COLLATE "C" NOT NULL,
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
