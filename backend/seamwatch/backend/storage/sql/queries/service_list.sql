-- Services seen in a window, a page of them by name.
-- in:     since, hours_since, until timestamptz as in dashboard_services; after text (NULL: from the first), page_size
-- out:    service_name text, operation_count, span_count, request_count, error_count bigint,
--         last_seen_at timestamptz (start of its newest span)
-- index:  primary keys of the rollups; span_service_start_idx, one entry a service
-- budget: 50 ms at 10 M spans in 7 days
WITH operation AS (
    SELECT service_name, name, max(minute) AS minute, sum(span_count) AS span_count,
           sum(span_count) FILTER (WHERE is_entry) AS request_count,
           sum(error_count) FILTER (WHERE is_entry) AS error_count
      FROM (
        SELECT service_name, name, minute, is_entry, span_count, error_count
          FROM seamwatch.span_rollup
         WHERE minute >= %(since)s
           AND minute < %(hours_since)s
         UNION ALL
        SELECT service_name, name, minute, is_entry, span_count, error_count
          FROM seamwatch.span_rollup_hour
         WHERE minute >= %(hours_since)s
           AND minute < %(until)s
         UNION ALL
        SELECT service_name, name, minute, is_entry, span_count, error_count
          FROM seamwatch.span_rollup_part
         WHERE minute >= %(hours_since)s
           AND minute < %(until)s) AS rollup
     WHERE %(after)s::text IS NULL OR service_name > %(after)s
     GROUP BY service_name, name
), service AS (
    SELECT service_name, count(*) AS operation_count, max(minute) AS minute,
           sum(span_count)::bigint AS span_count,
           coalesce(sum(request_count), 0)::bigint AS request_count,
           coalesce(sum(error_count), 0)::bigint AS error_count
      FROM operation
     GROUP BY service_name
     ORDER BY service_name
     LIMIT %(page_size)s
)
SELECT service.service_name, service.operation_count, service.span_count, service.request_count, service.error_count,
       coalesce(newest.start_time, service.minute) AS last_seen_at
  FROM service
  LEFT JOIN LATERAL (
    SELECT span.start_time
      FROM seamwatch.span
     WHERE span.service_name = service.service_name
       AND span.start_time >= %(since)s
       AND span.start_time < %(until)s
     ORDER BY span.start_time DESC
     LIMIT 1) AS newest ON true
 ORDER BY service.service_name;
