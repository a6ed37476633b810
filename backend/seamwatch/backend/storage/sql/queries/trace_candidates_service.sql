-- One step of a search for traces: spans of named services, newest first, from a position downwards.
-- in:     as trace_candidates_entry, and service_names text[]; name_key_low, name_key_high integer; name text (NULL:
--         any); alternatives jsonb[]: the attributes hold one of these (NULL: any); max_scanned is of each service
-- out:    as trace_candidates_entry; a row with is_match NULL for each service
-- index:  span_service_start_idx: time, name key, duration and status inside the index, at most max_scanned heap rows
--         a service
-- budget: 30 ms
WITH scanned AS MATERIALIZED (
    SELECT wanted.service_name, candidate.trace_id, candidate.span_id, candidate.start_time, candidate.start_ns,
           candidate.is_match
      FROM unnest(%(service_names)s::text[]) AS wanted(service_name)
     CROSS JOIN LATERAL (
        SELECT trace_id, span_id, start_time, start_ns,
               (%(name)s::text IS NULL OR name = %(name)s)
               AND (%(alternatives)s::jsonb[] IS NULL OR attributes @> ANY(%(alternatives)s::jsonb[])) AS is_match
          FROM seamwatch.span
         WHERE span.service_name = wanted.service_name
           AND start_time >= %(slice_start)s
           AND start_time < %(slice_end)s
           AND start_time <= %(before_time)s
           AND name_key BETWEEN %(name_key_low)s AND %(name_key_high)s
           AND duration_ns BETWEEN %(duration_low)s AND %(duration_high)s
           AND status_code BETWEEN %(status_low)s AND %(status_high)s
           AND (start_time, start_ns, trace_id, span_id)
               < (%(before_time)s, %(before_ns)s, %(before_trace_id)s, %(before_span_id)s)
         ORDER BY start_time DESC, start_ns DESC, trace_id DESC, span_id DESC
         LIMIT %(max_scanned)s) AS candidate
)
SELECT trace_id, span_id, (extract(epoch FROM start_time) * 1000000)::bigint AS start_us, start_ns, is_match,
       NULL AS scanned
  FROM scanned
 WHERE is_match
 UNION ALL
(SELECT DISTINCT ON (service_name)
        trace_id, span_id, (extract(epoch FROM start_time) * 1000000)::bigint, start_ns, NULL,
        count(*) OVER (PARTITION BY service_name)
   FROM scanned
  ORDER BY service_name, start_time, start_ns, trace_id, span_id);
