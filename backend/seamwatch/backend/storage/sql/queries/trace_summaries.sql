-- What a search shows of each trace, and where its newest matching span is.
-- in:     trace_ids bytea[]; max_spans integer: spans counted of a trace; the filters of the search: is_entry_only,
--         is_error_only boolean, service_name, name text, alternatives jsonb[] (each NULL: any), duration_low,
--         duration_high bigint, status_low, status_high smallint, search_start, search_end timestamptz
-- out:    trace_id text (hex), span_count, error_count bigint, start_ns, end_ns numeric (since 1970), root_service_name,
--         root_name text (of the first span without a parent, else of the first span; cut to 1,000 characters: one
--         name may have megabytes, and all of a trace are held at once), match_ns numeric, match_span_id bytea
--         (NULL: no span matches)
-- index:  primary keys of span and span_out_of_range
-- budget: 20 ms for 50 traces
SELECT encode(wanted.trace_id, 'hex') AS trace_id, summary.span_count, summary.error_count,
       summary.first_ns, summary.last_ns, summary.root_service_name, summary.root_name,
       summary.match_ns, summary.match_span_id
  FROM unnest(%(trace_ids)s::bytea[]) AS wanted(trace_id)
 CROSS JOIN LATERAL (
    SELECT count(*) AS span_count,
           count(*) FILTER (WHERE member.status_code = 2) AS error_count,
           min(member.ns) AS first_ns,
           max(member.ns + member.duration_ns) AS last_ns,
           (array_agg(member.service_name ORDER BY member.is_child, member.ns, member.span_id))[1]
               AS root_service_name,
           (array_agg(member.name ORDER BY member.is_child, member.ns, member.span_id))[1] AS root_name,
           max(member.ns) FILTER (WHERE member.is_match) AS match_ns,
           (array_agg(member.span_id ORDER BY member.ns DESC, member.span_id DESC)
               FILTER (WHERE member.is_match))[1] AS match_span_id
      FROM (
        (SELECT span.span_id, span.service_name, left(span.name, 1000) AS name, span.status_code, span.duration_ns,
                span.parent_span_id IS NOT NULL AS is_child,
                (extract(epoch FROM span.start_time) * 1000000)::bigint * 1000::numeric + span.start_ns AS ns,
                (NOT %(is_entry_only)s OR span.parent_span_id IS NULL OR span.kind IN (2, 5))
                AND (NOT %(is_error_only)s OR span.status_code = 2)
                AND (%(service_name)s::text IS NULL OR span.service_name = %(service_name)s)
                AND (%(name)s::text IS NULL OR span.name = %(name)s)
                AND span.duration_ns BETWEEN %(duration_low)s AND %(duration_high)s
                AND span.status_code BETWEEN %(status_low)s AND %(status_high)s
                AND span.start_time >= %(search_start)s
                AND span.start_time < %(search_end)s
                AND (%(alternatives)s::jsonb[] IS NULL OR span.attributes @> ANY(%(alternatives)s::jsonb[]))
                    AS is_match
           FROM seamwatch.span
          WHERE span.trace_id = wanted.trace_id
          LIMIT %(max_spans)s)
         UNION ALL
        (SELECT outside.span_id, outside.service_name, left(outside.name, 1000), outside.status_code, outside.duration_ns,
                outside.parent_span_id IS NOT NULL,
                (extract(epoch FROM outside.start_time) * 1000000)::bigint * 1000::numeric + outside.start_ns,
                false
           FROM seamwatch.span_out_of_range AS outside
          WHERE outside.trace_id = wanted.trace_id
          LIMIT %(max_spans)s)) AS member) AS summary;
