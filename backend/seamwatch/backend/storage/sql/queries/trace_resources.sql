-- Resources by id.
-- in:     resource_ids bigint[]; tenant by row level security
-- out:    resource_id bigint, attributes text (JSON), schema_url text, dropped_attributes_count integer
-- index:  primary key of resource
-- budget: 2 ms for 100 ids
SELECT resource_id, attributes::text AS attributes, schema_url, dropped_attributes_count
  FROM seamwatch.resource
 WHERE resource_id = ANY(%(resource_ids)s::bigint[]);
