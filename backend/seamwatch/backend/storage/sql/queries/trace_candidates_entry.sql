-- One step of a search for traces: entry spans, newest first, from a position downwards.
-- in:     slice_start (inclusive), slice_end (exclusive) timestamptz; position of the last span read: before_time
--         timestamptz, before_ns smallint, before_trace_id, before_span_id bytea; duration_low, duration_high bigint
--         (ns, inclusive); status_low, status_high smallint; max_scanned integer
-- out:    trace_id, span_id bytea, start_us bigint, start_ns smallint, is_match boolean, scanned bigint; one row with
--         is_match NULL: the last span read, whether it matches or not, and how many were read
-- index:  span_entry_start_idx: time and duration inside the index, at most max_scanned heap rows
-- budget: 20 ms
WITH scanned AS MATERIALIZED (
    SELECT trace_id, span_id, start_time, start_ns,
           status_code BETWEEN %(status_low)s AND %(status_high)s AS is_match
      FROM seamwatch.span
     WHERE (parent_span_id IS NULL OR kind IN (2, 5))
       AND start_time >= %(slice_start)s
       AND start_time < %(slice_end)s
       AND start_time <= %(before_time)s
       AND duration_ns BETWEEN %(duration_low)s AND %(duration_high)s
       AND (start_time, start_ns, trace_id, span_id)
           < (%(before_time)s, %(before_ns)s, %(before_trace_id)s, %(before_span_id)s)
     ORDER BY start_time DESC, start_ns DESC, trace_id DESC, span_id DESC
     LIMIT %(max_scanned)s
)
SELECT trace_id, span_id, (extract(epoch FROM start_time) * 1000000)::bigint AS start_us, start_ns, is_match,
       NULL AS scanned
  FROM scanned
 WHERE is_match
 UNION ALL
(SELECT trace_id, span_id, (extract(epoch FROM start_time) * 1000000)::bigint, start_ns, NULL,
        (SELECT count(*) FROM scanned)
   FROM scanned
  ORDER BY start_time, start_ns, trace_id, span_id
  LIMIT 1);
