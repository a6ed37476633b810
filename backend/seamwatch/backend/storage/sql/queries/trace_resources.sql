-- Resources by id, in the order given.
-- in:     resource_ids bigint[]; max_bytes bigint: the row that exceeds this in sum is the last one; tenant by row
--         level security
-- out:    resource_id bigint, attributes text (JSON), schema_url text, dropped_attributes_count integer
-- index:  primary key of resource
-- budget: 2 ms for 100 ids
-- OFFSET 0: the text of JSON is made once, and one row after the other behind the sort.
SELECT resource_id, attributes, schema_url, dropped_attributes_count
  FROM (
    SELECT resource_id, attributes, schema_url, dropped_attributes_count, place,
           sum(octet_length(attributes)) OVER (ORDER BY place ROWS UNBOUNDED PRECEDING)
           - octet_length(attributes) AS bytes_before
      FROM (
        SELECT resource_id, attributes::text AS attributes, schema_url, dropped_attributes_count, place
          FROM (
            SELECT resource.resource_id, resource.attributes, resource.schema_url, resource.dropped_attributes_count,
                   wanted.place
              FROM unnest(%(resource_ids)s::bigint[]) WITH ORDINALITY AS wanted (resource_id, place)
              JOIN seamwatch.resource USING (resource_id)
             ORDER BY wanted.place
            OFFSET 0) AS sorted
         ORDER BY place
        OFFSET 0) AS written) AS summed
 WHERE bytes_before <= %(max_bytes)s
 ORDER BY place;
