-- Remember request bodies; tells which of them are new.
-- in:     tenants integer[], digests bytea[] of the same length, signal smallint
-- out:    tenant_id integer, digest bytea: the bodies not stored in the last two days
-- index:  primary key of batch_digest; reads the partitions of the last two days
-- budget: 1 ms for 32 digests
INSERT INTO seamwatch.batch_digest (tenant_id, signal, digest)
SELECT incoming.tenant_id, %(signal)s::smallint, incoming.digest
  FROM unnest(%(tenants)s::integer[], %(digests)s::bytea[]) AS incoming (tenant_id, digest)
 WHERE NOT EXISTS (
        SELECT
          FROM seamwatch.batch_digest AS known
         WHERE known.received_on >= (now() AT TIME ZONE 'UTC')::date - 2
           AND known.received_on < (now() AT TIME ZONE 'UTC')::date
           AND known.digest = incoming.digest
           AND known.tenant_id = incoming.tenant_id
           AND known.signal = %(signal)s::smallint)
 ORDER BY incoming.digest, incoming.tenant_id
    ON CONFLICT DO NOTHING
RETURNING tenant_id, digest;
