SELECT s.trace_id, s.span_id, s.parent_span_id, s.start_time, s.start_ns, s.duration_ns, s.service_name, s.name, s.kind,
       s.status_code, s.status_message, s.trace_state, s.flags, s.attributes, s.events, s.links, s.dropped_counts,
       r.attributes AS resource_attributes, r.dropped_attributes_count AS resource_dropped,
       r.schema_url AS resource_schema_url, c.name AS scope_name, c.version AS scope_version,
       c.attributes AS scope_attributes, c.dropped_attributes_count AS scope_dropped, c.schema_url AS scope_schema_url
  FROM seamwatch.span s
  JOIN seamwatch.resource r USING (tenant_id, resource_id)
  JOIN seamwatch.scope c USING (tenant_id, scope_id)
 ORDER BY s.trace_id, s.span_id, s.start_time, s.start_ns
