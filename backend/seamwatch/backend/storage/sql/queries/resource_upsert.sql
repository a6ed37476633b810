-- Insert resources that are not there; move the last use of those that are, at most once a day.
-- in:     tenants integer[], ids bigint[], names text[], versions text[] (unused), attributes text[] (JSON),
--         dropped integer[], schema_urls text[], today date; sorted by tenant and id
-- out:    nothing
-- index:  primary key of resource
-- budget: 2 ms for 100
INSERT INTO seamwatch.resource
    (tenant_id, resource_id, service_name, attributes, dropped_attributes_count, schema_url, last_used_on)
SELECT incoming.tenant_id, incoming.id, incoming.name, incoming.attributes::jsonb, incoming.dropped,
       incoming.schema_url, %(today)s
  FROM unnest(%(tenants)s::integer[], %(ids)s::bigint[], %(names)s::text[], %(versions)s::text[],
              %(attributes)s::text[], %(dropped)s::bigint[], %(schema_urls)s::text[])
       AS incoming (tenant_id, id, name, version, attributes, dropped, schema_url)
    ON CONFLICT (tenant_id, resource_id) DO UPDATE
       SET last_used_on = excluded.last_used_on
     WHERE resource.last_used_on < excluded.last_used_on;
