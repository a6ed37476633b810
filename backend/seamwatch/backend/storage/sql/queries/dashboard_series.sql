-- Requests of each service in steps of time, for charts.
-- in:     since, hours_since, until timestamptz as in dashboard_services; step interval; service_name text (NULL: all)
-- out:    service_name text, step_start_s bigint (Unix seconds), request_count, error_count bigint,
--         p50_bucket, p99_bucket smallint
-- index:  primary keys of span_rollup_minute and span_rollup_hour
-- budget: 100 ms for 6 h of 20 services
WITH entry AS NOT MATERIALIZED (
    SELECT service_name, date_bin(%(step)s, minute, 'epoch') AS step_start, span_count, error_count,
           histogram_bucket, histogram_count
      FROM seamwatch.span_rollup
     WHERE minute >= %(since)s
       AND minute < %(hours_since)s
       AND is_entry
       AND (%(service_name)s::text IS NULL OR service_name = %(service_name)s)
     UNION ALL
    SELECT service_name, date_bin(%(step)s, minute, 'epoch'), span_count, error_count,
           histogram_bucket, histogram_count
      FROM seamwatch.span_rollup_hour
     WHERE minute >= %(hours_since)s
       AND minute < %(until)s
       AND is_entry
       AND (%(service_name)s::text IS NULL OR service_name = %(service_name)s)
     UNION ALL
    SELECT service_name, date_bin(%(step)s, minute, 'epoch'), span_count, error_count,
           histogram_bucket, histogram_count
      FROM seamwatch.span_rollup_part
     WHERE minute >= %(hours_since)s
       AND minute < %(until)s
       AND is_entry
       AND (%(service_name)s::text IS NULL OR service_name = %(service_name)s)
), one AS (
    -- Unnested in the select list: a lateral function scan takes four times as long.
    SELECT service_name, step_start, unnest(histogram_bucket) AS bucket, unnest(histogram_count) AS requests
      FROM entry
), bucket AS (
    SELECT service_name, step_start, bucket, sum(requests::double precision) AS requests
      FROM one
     GROUP BY service_name, step_start, bucket
), ranked AS (
    SELECT service_name, step_start, bucket,
           sum(requests) OVER (PARTITION BY service_name, step_start ORDER BY bucket) AS rank,
           sum(requests) OVER (PARTITION BY service_name, step_start) AS total
      FROM bucket
), quantile AS (
    SELECT service_name, step_start,
           min(bucket) FILTER (WHERE rank * 100 >= total * 50) AS p50_bucket,
           min(bucket) FILTER (WHERE rank * 100 >= total * 99) AS p99_bucket
      FROM ranked
     GROUP BY service_name, step_start
), total AS (
    SELECT service_name, step_start, sum(span_count)::bigint AS request_count,
           sum(error_count)::bigint AS error_count
      FROM entry
     GROUP BY service_name, step_start
)
SELECT total.service_name, extract(epoch FROM total.step_start)::bigint AS step_start_s,
       total.request_count, total.error_count, quantile.p50_bucket, quantile.p99_bucket
  FROM total
  LEFT JOIN quantile ON quantile.service_name = total.service_name AND quantile.step_start = total.step_start
 ORDER BY total.service_name, total.step_start;
