-- Spans of one trace by start time, also those outside every partition.
-- in:     trace_id bytea; max_spans integer: one more row than this comes where the trace is longer; max_bytes
--         bigint: the row that exceeds this in sum is the last one
-- out:    a row a span; ids as hex, start_us bigint (microseconds since 1970), JSON columns as text; bytes integer:
--         length of the columns that a sender makes as long as he likes; is_last boolean: no further row was found
-- index:  primary keys of span (first inside the index alone, to find where max_spans ends) and span_out_of_range
-- budget: 10 ms for a trace of 100 spans at 10 M spans
-- OFFSET 0: the text of JSON is made once, and one row after the other behind the sort.
WITH last_start AS MATERIALIZED (
    SELECT start_time
      FROM (
        SELECT start_time
          FROM seamwatch.span
         WHERE trace_id = %(trace_id)s
         UNION ALL
        SELECT start_time
          FROM seamwatch.span_out_of_range
         WHERE trace_id = %(trace_id)s) AS every
     ORDER BY start_time
    OFFSET %(max_spans)s
     LIMIT 1
), kept AS (
    SELECT span_id, parent_span_id, start_time, start_ns, duration_ns, service_name, name, kind, status_code,
           status_message, trace_state, flags, resource_id, scope_id, attributes, events, links, dropped_counts
      FROM seamwatch.span
     WHERE trace_id = %(trace_id)s
       AND start_time <= coalesce((SELECT start_time FROM last_start), 'infinity')
     UNION ALL
    SELECT span_id, parent_span_id, start_time, start_ns, duration_ns, service_name, name, kind, status_code,
           status_message, trace_state, flags, resource_id, scope_id, attributes, events, links, dropped_counts
      FROM seamwatch.span_out_of_range
     WHERE trace_id = %(trace_id)s
       AND start_time <= coalesce((SELECT start_time FROM last_start), 'infinity')
)
SELECT encode(span_id, 'hex') AS span_id, encode(parent_span_id, 'hex') AS parent_span_id,
       (extract(epoch FROM start_time) * 1000000)::bigint AS start_us, start_ns, duration_ns,
       service_name, name, kind, status_code, status_message, trace_state, flags, resource_id, scope_id,
       attributes, events, links, dropped_counts, bytes, is_last
  FROM (
    SELECT span_id, parent_span_id, start_time, start_ns, duration_ns, service_name, name, kind, status_code,
           status_message, trace_state, flags, resource_id, scope_id, attributes, events, links, dropped_counts,
           bytes, sum(bytes) OVER (by_start ROWS UNBOUNDED PRECEDING) AS bytes_so_far,
           lead(span_id) OVER by_start IS NULL AS is_last
      FROM (
        SELECT span_id, parent_span_id, start_time, start_ns, duration_ns, service_name, name, kind, status_code,
               status_message, trace_state, flags, resource_id, scope_id, attributes, events, links, dropped_counts,
               octet_length(name) + coalesce(octet_length(status_message), 0)
               + coalesce(octet_length(trace_state), 0) + octet_length(attributes)
               + coalesce(octet_length(events), 0) + coalesce(octet_length(links), 0) AS bytes
          FROM (
            SELECT span_id, parent_span_id, start_time, start_ns, duration_ns, service_name, name, kind, status_code,
                   status_message, trace_state, flags, resource_id, scope_id, attributes::text AS attributes,
                   events::text AS events, links::text AS links, dropped_counts
              FROM (
                SELECT span_id, parent_span_id, start_time, start_ns, duration_ns, service_name, name, kind,
                       status_code, status_message, trace_state, flags, resource_id, scope_id, attributes, events,
                       links, dropped_counts
                  FROM kept
                 ORDER BY start_time, start_ns, span_id
                 LIMIT %(max_spans)s + 1) AS sorted
             ORDER BY start_time, start_ns, span_id
            OFFSET 0) AS written) AS measured
    WINDOW by_start AS (ORDER BY start_time, start_ns, span_id)) AS summed
 WHERE bytes_so_far - bytes <= %(max_bytes)s
 ORDER BY summed.start_time, summed.start_ns, summed.span_id;
