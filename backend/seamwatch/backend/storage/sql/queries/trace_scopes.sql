-- Instrumentation scopes by id.
-- in:     scope_ids bigint[]; tenant by row level security
-- out:    scope_id bigint, name, version text, attributes text (JSON), schema_url text,
--         dropped_attributes_count integer
-- index:  primary key of scope
-- budget: 2 ms for 100 ids
SELECT scope_id, name, version, attributes::text AS attributes, schema_url, dropped_attributes_count
  FROM seamwatch.scope
 WHERE scope_id = ANY(%(scope_ids)s::bigint[]);
