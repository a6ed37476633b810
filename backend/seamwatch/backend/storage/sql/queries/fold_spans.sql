-- Moves rollup parts of spans into their minute and their hour, in one statement: whoever reads
-- seamwatch.span_rollup sees each part either as a part or in its minute, never both, never neither.
-- in:     part_limit integer
-- out:    part_count bigint, minute_count bigint, hour_count bigint
-- index:  span_rollup_minute_pkey, span_rollup_hour_pkey; parts are read from their heap's start
-- budget: 400 ms for 8,000 parts of 50 buckets
WITH taken AS MATERIALIZED (
    DELETE FROM seamwatch.span_rollup_part
     WHERE ctid = ANY (ARRAY(
        SELECT p.ctid
          FROM seamwatch.span_rollup_part p
         LIMIT %(part_limit)s
           FOR UPDATE SKIP LOCKED))
    RETURNING tenant_id, minute, service_name, name, kind, is_entry, span_count, error_count, duration_sum_ns,
              histogram_bucket, histogram_count, slowest_duration_ns, slowest_trace_id, error_start_ns,
              error_trace_id
), numbered AS MATERIALIZED (
    -- One small number per minute's key: the histograms are summed by it and not by six columns.
    SELECT t.*,
           dense_rank() OVER (
               ORDER BY tenant_id, minute, service_name, name, kind, is_entry) AS minute_key
      FROM taken t
), minute_bucket AS MATERIALIZED (
    -- Key and bucket in one integer (buckets end at 1,008): a third of the time of two columns.
    SELECT (n.minute_key << 10) | b.bucket AS key_and_bucket,
           sum(b.amount)::bigint AS amount
      FROM numbered n
     CROSS JOIN LATERAL unnest(n.histogram_bucket, n.histogram_count) AS b (bucket, amount)
     GROUP BY 1
), minute_histogram AS MATERIALIZED (
    SELECT key_and_bucket >> 10 AS minute_key,
           array_agg((key_and_bucket & 1023)::smallint ORDER BY key_and_bucket) AS histogram_bucket,
           array_agg(amount ORDER BY key_and_bucket) AS histogram_count
      FROM minute_bucket
     GROUP BY 1
), minute_sum AS MATERIALIZED (
    SELECT minute_key,
           min(tenant_id) AS tenant_id,
           min(minute) AS minute,
           min(service_name) AS service_name,
           min(name) AS name,
           min(kind) AS kind,
           bool_and(is_entry) AS is_entry,
           sum(span_count)::bigint AS span_count,
           sum(error_count)::bigint AS error_count,
           sum(duration_sum_ns) AS duration_sum_ns,
           max(slowest_duration_ns) AS slowest_duration_ns,
           (array_agg(slowest_trace_id ORDER BY slowest_duration_ns DESC, slowest_trace_id DESC))[1]
               AS slowest_trace_id,
           max(error_start_ns) AS error_start_ns,
           (array_agg(error_trace_id ORDER BY error_start_ns DESC, error_trace_id DESC)
               FILTER (WHERE error_start_ns IS NOT NULL))[1] AS error_trace_id
      FROM numbered
     GROUP BY minute_key
), hour_numbered AS MATERIALIZED (
    SELECT s.*,
           dense_rank() OVER (
               ORDER BY tenant_id, date_trunc('hour', minute, 'UTC'), service_name, name, kind, is_entry) AS hour_key
      FROM minute_sum s
), hour_histogram AS (
    SELECT key_and_bucket >> 10 AS hour_key,
           array_agg((key_and_bucket & 1023)::smallint ORDER BY key_and_bucket) AS histogram_bucket,
           array_agg(amount ORDER BY key_and_bucket) AS histogram_count
      FROM (SELECT (n.hour_key << 10) | (b.key_and_bucket & 1023) AS key_and_bucket,
                   sum(b.amount)::bigint AS amount
              FROM minute_bucket b
              JOIN hour_numbered n ON n.minute_key = b.key_and_bucket >> 10
             GROUP BY 1) AS b
     GROUP BY 1
), hour_sum AS (
    SELECT hour_key,
           min(tenant_id) AS tenant_id,
           date_trunc('hour', min(minute), 'UTC') AS minute,
           min(service_name) AS service_name,
           min(name) AS name,
           min(kind) AS kind,
           bool_and(is_entry) AS is_entry,
           sum(span_count)::bigint AS span_count,
           sum(error_count)::bigint AS error_count,
           sum(duration_sum_ns) AS duration_sum_ns,
           max(slowest_duration_ns) AS slowest_duration_ns,
           (array_agg(slowest_trace_id ORDER BY slowest_duration_ns DESC, slowest_trace_id DESC))[1]
               AS slowest_trace_id,
           max(error_start_ns) AS error_start_ns,
           (array_agg(error_trace_id ORDER BY error_start_ns DESC, error_trace_id DESC)
               FILTER (WHERE error_start_ns IS NOT NULL))[1] AS error_trace_id
      FROM hour_numbered
     GROUP BY hour_key
), minute_row AS (
    INSERT INTO seamwatch.span_rollup_minute AS r (
           tenant_id, minute, service_name, name, kind, is_entry, span_count, error_count, duration_sum_ns,
           histogram_bucket, histogram_count, slowest_duration_ns, slowest_trace_id, error_start_ns, error_trace_id)
    SELECT s.tenant_id, s.minute, s.service_name, s.name, s.kind, s.is_entry, s.span_count, s.error_count,
           s.duration_sum_ns, coalesce(h.histogram_bucket, '{}'), coalesce(h.histogram_count, '{}'),
           s.slowest_duration_ns, s.slowest_trace_id, s.error_start_ns, s.error_trace_id
      FROM minute_sum s
      LEFT JOIN minute_histogram h USING (minute_key)
     ORDER BY s.minute_key  -- always the same order of row locks: two folds cannot deadlock
    ON CONFLICT (tenant_id, minute, service_name, name, kind, is_entry) DO UPDATE
       SET span_count = r.span_count + excluded.span_count,
           error_count = r.error_count + excluded.error_count,
           duration_sum_ns = r.duration_sum_ns + excluded.duration_sum_ns,
           (histogram_bucket, histogram_count) = (
               SELECT coalesce(array_agg(b.bucket ORDER BY b.bucket), '{}'),
                      coalesce(array_agg(b.amount ORDER BY b.bucket), '{}')
                 FROM (SELECT u.bucket, sum(u.amount)::bigint AS amount
                         FROM unnest(r.histogram_bucket || excluded.histogram_bucket,
                                     r.histogram_count || excluded.histogram_count) AS u (bucket, amount)
                        GROUP BY u.bucket) AS b),
           (slowest_duration_ns, slowest_trace_id) = (
               SELECT e.duration_ns, e.trace_id
                 FROM (VALUES (r.slowest_duration_ns, r.slowest_trace_id),
                              (excluded.slowest_duration_ns, excluded.slowest_trace_id)) AS e (duration_ns, trace_id)
                ORDER BY e.duration_ns DESC, e.trace_id DESC
                LIMIT 1),
           (error_start_ns, error_trace_id) = (
               SELECT e.start_ns, e.trace_id
                 FROM (VALUES (r.error_start_ns, r.error_trace_id),
                              (excluded.error_start_ns, excluded.error_trace_id)) AS e (start_ns, trace_id)
                ORDER BY e.start_ns DESC NULLS LAST, e.trace_id DESC NULLS LAST
                LIMIT 1)
    RETURNING 1
), hour_row AS (
    INSERT INTO seamwatch.span_rollup_hour AS r (
           tenant_id, minute, service_name, name, kind, is_entry, span_count, error_count, duration_sum_ns,
           histogram_bucket, histogram_count, slowest_duration_ns, slowest_trace_id, error_start_ns, error_trace_id)
    SELECT s.tenant_id, s.minute, s.service_name, s.name, s.kind, s.is_entry, s.span_count, s.error_count,
           s.duration_sum_ns, coalesce(h.histogram_bucket, '{}'), coalesce(h.histogram_count, '{}'),
           s.slowest_duration_ns, s.slowest_trace_id, s.error_start_ns, s.error_trace_id
      FROM hour_sum s
      LEFT JOIN hour_histogram h USING (hour_key)
     ORDER BY s.hour_key
    ON CONFLICT (tenant_id, minute, service_name, name, kind, is_entry) DO UPDATE
       SET span_count = r.span_count + excluded.span_count,
           error_count = r.error_count + excluded.error_count,
           duration_sum_ns = r.duration_sum_ns + excluded.duration_sum_ns,
           (histogram_bucket, histogram_count) = (
               SELECT coalesce(array_agg(b.bucket ORDER BY b.bucket), '{}'),
                      coalesce(array_agg(b.amount ORDER BY b.bucket), '{}')
                 FROM (SELECT u.bucket, sum(u.amount)::bigint AS amount
                         FROM unnest(r.histogram_bucket || excluded.histogram_bucket,
                                     r.histogram_count || excluded.histogram_count) AS u (bucket, amount)
                        GROUP BY u.bucket) AS b),
           (slowest_duration_ns, slowest_trace_id) = (
               SELECT e.duration_ns, e.trace_id
                 FROM (VALUES (r.slowest_duration_ns, r.slowest_trace_id),
                              (excluded.slowest_duration_ns, excluded.slowest_trace_id)) AS e (duration_ns, trace_id)
                ORDER BY e.duration_ns DESC, e.trace_id DESC
                LIMIT 1),
           (error_start_ns, error_trace_id) = (
               SELECT e.start_ns, e.trace_id
                 FROM (VALUES (r.error_start_ns, r.error_trace_id),
                              (excluded.error_start_ns, excluded.error_trace_id)) AS e (start_ns, trace_id)
                ORDER BY e.start_ns DESC NULLS LAST, e.trace_id DESC NULLS LAST
                LIMIT 1)
    RETURNING 1
)
SELECT (SELECT count(*) FROM taken) AS part_count,
       (SELECT count(*) FROM minute_row) AS minute_count,
       (SELECT count(*) FROM hour_row) AS hour_count;
