-- Errors by service, type and message fingerprint, those seen last first.
-- in:     since, until timestamptz; service_name text (NULL: all); the position of the last group shown:
--         before_ns numeric (NULL: none), before_service, before_type text, before_fingerprint bigint; page_size
-- out:    service_name, error_type text, fingerprint bigint, span_name, message text, error_count bigint,
--         first_seen_at timestamptz (its minute), last_start_ns text, trace_id text (hex)
-- index:  primary key of error_rollup_minute
-- budget: 50 ms for 7 days
WITH error_group AS (
    SELECT DISTINCT ON (service_name, error_type, fingerprint)
           service_name, error_type, fingerprint, span_name, message, last_start_ns, last_trace_id,
           sum(error_count) OVER each_group AS error_count, min(minute) OVER each_group AS first_seen_at
      FROM seamwatch.error_rollup
     WHERE minute >= %(since)s
       AND minute < %(until)s
       AND (%(service_name)s::text IS NULL OR service_name = %(service_name)s)
    WINDOW each_group AS (PARTITION BY service_name, error_type, fingerprint)
     ORDER BY service_name, error_type, fingerprint, last_start_ns DESC, last_trace_id DESC, span_name DESC,
              message COLLATE "C" DESC
)
SELECT service_name, error_type, fingerprint, span_name, message, error_count::bigint AS error_count, first_seen_at,
       trunc(last_start_ns)::text AS last_start_ns, encode(last_trace_id, 'hex') AS trace_id
  FROM error_group
 WHERE %(before_ns)s::numeric IS NULL
    OR (last_start_ns, service_name, error_type, fingerprint)
       < (%(before_ns)s::numeric, %(before_service)s, %(before_type)s, %(before_fingerprint)s::bigint)
 ORDER BY last_start_ns DESC, service_name DESC, error_type DESC, fingerprint DESC
 LIMIT %(page_size)s;
