-- Fills a migrated, empty database with traces of ten spans and the rollups that ingest would have made.
-- in:     traces bigint (how many), days integer (spread evenly over the last days), first, last bigint (of this call),
--         name_keys integer[] (CRC-32 of the eleven names); run statement by statement by benchmarks/queries.py
-- out:    rows in resource, scope, span, span_rollup_minute, span_rollup_hour, error_rollup_minute

INSERT INTO seamwatch.resource (tenant_id, resource_id, service_name, attributes)
SELECT 1, s, 'service-' || s, jsonb_build_object('service.name', 'service-' || s, 'service.version', '1.4.2',
       'deployment.environment.name', 'production', 'host.name', 'node-' || s % 4, 'process.pid', 4000 + s)
  FROM generate_series(0, 19) AS s;

INSERT INTO seamwatch.scope (tenant_id, scope_id, name, version, attributes)
VALUES (1, 1, 'opentelemetry.instrumentation.asgi', '0.66b1', '{}');

-- Trace t starts at a moment of its own; span j of it is a request (j even) or the call that leads to the next one.
-- One trace in fifty fails, one in a thousand is slow.
INSERT INTO seamwatch.span
SELECT 1,
       decode(md5('trace ' || t), 'hex'),
       substring(decode(md5('span ' || t || ' ' || j), 'hex') FOR 8),
       CASE WHEN j > 0 THEN substring(decode(md5('span ' || t || ' ' || j - 1), 'hex') FOR 8) END,
       date_trunc('minute', now()) - make_interval(secs => %(days)s * 86400.0 * t / %(traces)s)
           + make_interval(secs => j * 0.002),
       (t %% 1000)::smallint,
       (20 - 2 * j) * 1000000 * (1 + t %% 7) * CASE WHEN t %% 1000 = 0 THEN 100 ELSE 1 END,
       'service-' || (t * 7 + j / 2 * (1 + t %% 3)) %% 20,
       CASE WHEN j %% 2 = 0 THEN 'GET /resource-' || (t + j) %% 10 || '/{id}' ELSE 'GET' END,
       (%(name_keys)s::integer[])[CASE WHEN j %% 2 = 0 THEN 1 + (t + j) %% 10 ELSE 11 END],
       CASE WHEN j %% 2 = 0 THEN 2 ELSE 3 END,
       CASE WHEN t %% 50 = 0 AND j > 6 THEN 2 ELSE 0 END,
       CASE WHEN t %% 50 = 0 AND j > 6 THEN 'upstream answered 503' END,
       NULL, 257, (t * 7 + j / 2 * (1 + t %% 3)) %% 20, 1,
       jsonb_build_object(
           'http.request.method', 'GET', 'url.scheme', 'https', 'server.address', 'shop.internal',
           'server.port', 443, 'http.route', '/resource-' || (t + j) %% 10 || '/{id}',
           'http.response.status_code', CASE WHEN t %% 50 = 0 AND j > 6 THEN 503 ELSE 200 END,
           'user_agent.original', 'python-httpx/0.28.1', 'network.protocol.version', '1.1',
           'client.address', '10.0.' || t %% 256 || '.' || j, 'thread.id', 140234 + j, 'thread.name', 'worker-' || j,
           'enduser.id', 'user-' || t %% 100000, 'app.cart.items', t %% 9, 'app.flag', t %% 2 = 0,
           'url.path', '/resource-' || (t + j) %% 10 || '/' || t),
       NULL, NULL, NULL
  FROM generate_series(%(first)s::bigint, %(last)s::bigint) AS t, generate_series(0, 9) AS j;

INSERT INTO seamwatch.span_rollup_minute
SELECT tenant_id, minute, service_name, name, kind, is_entry, sum(n), sum(errors), sum(duration_ns),
       array_agg(bucket ORDER BY bucket), array_agg(n ORDER BY bucket),
       max(slowest), (array_agg(trace_id ORDER BY slowest DESC))[1], NULL, NULL
  FROM (SELECT tenant_id, date_trunc('minute', start_time) AS minute, service_name, name, kind,
               parent_span_id IS NULL OR kind IN (2, 5) AS is_entry,
               ceil(ln(greatest(duration_ns, 1)::float8) / ln(2::float8) * 16)::smallint AS bucket, count(*) AS n,
               count(*) FILTER (WHERE status_code = 2) AS errors, sum(duration_ns) AS duration_ns,
               max(duration_ns) AS slowest, (array_agg(trace_id))[1] AS trace_id
          FROM seamwatch.span GROUP BY 1, 2, 3, 4, 5, 6, 7) AS b
 GROUP BY 1, 2, 3, 4, 5, 6;

INSERT INTO seamwatch.span_rollup_hour
SELECT tenant_id, hour, service_name, name, kind, is_entry, sum(n), sum(errors), sum(duration_ns),
       array_agg(bucket ORDER BY bucket), array_agg(n ORDER BY bucket),
       max(slowest), (array_agg(trace_id ORDER BY slowest DESC))[1], NULL, NULL
  FROM (SELECT tenant_id, date_trunc('hour', start_time) AS hour, service_name, name, kind,
               parent_span_id IS NULL OR kind IN (2, 5) AS is_entry,
               ceil(ln(greatest(duration_ns, 1)::float8) / ln(2::float8) * 16)::smallint AS bucket, count(*) AS n,
               count(*) FILTER (WHERE status_code = 2) AS errors, sum(duration_ns) AS duration_ns,
               max(duration_ns) AS slowest, (array_agg(trace_id))[1] AS trace_id
          FROM seamwatch.span GROUP BY 1, 2, 3, 4, 5, 6, 7) AS b
 GROUP BY 1, 2, 3, 4, 5, 6;

INSERT INTO seamwatch.error_rollup_minute
SELECT tenant_id, date_trunc('minute', start_time), service_name, '503', 42, min(name), min(status_message), count(*),
       max(trunc(extract(epoch FROM start_time) * 1000000000 + start_ns)), (array_agg(trace_id))[1]
  FROM seamwatch.span WHERE status_code = 2 GROUP BY 1, 2, 3;
