-- Spans, requests and failed requests of each service in the last minutes, of every tenant.
-- in:     since timestamptz (inclusive, a whole minute)
-- out:    tenant_id integer, service_name text, minute timestamptz, span_count bigint, request_count bigint,
--         error_count bigint
-- index:  span_rollup_minute_pkey, per tenant
-- budget: 20 ms for 200 operations
SELECT r.tenant_id,
       r.service_name,
       r.minute,
       sum(r.span_count)::bigint AS span_count,
       coalesce(sum(r.span_count) FILTER (WHERE r.is_entry), 0)::bigint AS request_count,
       coalesce(sum(r.error_count) FILTER (WHERE r.is_entry), 0)::bigint AS error_count
  FROM seamwatch.tenant t
  JOIN seamwatch.span_rollup r ON r.tenant_id = t.tenant_id
 WHERE r.minute >= %(since)s
 GROUP BY r.tenant_id, r.service_name, r.minute;
