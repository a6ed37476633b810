-- One step of a search for traces: failing spans, newest first, from a position downwards.
-- in:     as trace_candidates_entry, without status
-- out:    as trace_candidates_entry
-- index:  span_error_start_idx: at most max_scanned heap rows
-- budget: 20 ms
WITH scanned AS MATERIALIZED (
    SELECT trace_id, span_id, start_time, start_ns,
           duration_ns BETWEEN %(duration_low)s AND %(duration_high)s AS is_match
      FROM seamwatch.span
     WHERE status_code = 2
       AND start_time >= %(slice_start)s
       AND start_time < %(slice_end)s
       AND start_time <= %(before_time)s
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
