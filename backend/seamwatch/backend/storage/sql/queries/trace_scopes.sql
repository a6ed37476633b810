-- Instrumentation scopes by id, in the order given.
-- in:     scope_ids bigint[]; max_bytes bigint: the row that exceeds this in sum is the last one; tenant by row level
--         security
-- out:    scope_id bigint, name, version text, attributes text (JSON), schema_url text,
--         dropped_attributes_count integer
-- index:  primary key of scope
-- budget: 2 ms for 100 ids
-- OFFSET 0: the text of JSON is made once, and one row after the other behind the sort.
SELECT scope_id, name, version, attributes, schema_url, dropped_attributes_count
  FROM (
    SELECT scope_id, name, version, attributes, schema_url, dropped_attributes_count, place,
           sum(bytes) OVER (ORDER BY place ROWS UNBOUNDED PRECEDING) - bytes AS bytes_before
      FROM (
        SELECT scope_id, name, version, attributes, schema_url, dropped_attributes_count, place,
               octet_length(name) + octet_length(version) + octet_length(attributes) AS bytes
          FROM (
            SELECT scope_id, name, version, attributes::text AS attributes, schema_url, dropped_attributes_count,
                   place
              FROM (
                SELECT scope.scope_id, scope.name, scope.version, scope.attributes, scope.schema_url,
                       scope.dropped_attributes_count, wanted.place
                  FROM unnest(%(scope_ids)s::bigint[]) WITH ORDINALITY AS wanted (scope_id, place)
                  JOIN seamwatch.scope USING (scope_id)
                 ORDER BY wanted.place
                OFFSET 0) AS sorted
             ORDER BY place
            OFFSET 0) AS written) AS measured) AS summed
 WHERE bytes_before <= %(max_bytes)s
 ORDER BY place;
