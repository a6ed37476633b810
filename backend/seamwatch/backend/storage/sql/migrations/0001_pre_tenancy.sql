-- Tenants, the function that names the tenant of a session, partitions, and what migrations and loops record.
CREATE SCHEMA IF NOT EXISTS seamwatch AUTHORIZATION seamwatch_owner;
SET LOCAL search_path = seamwatch, pg_temp;

CREATE TABLE seamwatch.tenant (
    tenant_id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL UNIQUE CHECK (name ~ '^[a-z0-9][a-z0-9_-]{0,62}$'),
    created_at timestamptz NOT NULL DEFAULT now()
);

-- Logins made by `tenant grant-sql`: the database decides a login's tenant, whatever the session sets.
CREATE TABLE seamwatch.tenant_login (
    login name PRIMARY KEY,
    tenant_id integer NOT NULL REFERENCES seamwatch.tenant,
    created_at timestamptz NOT NULL DEFAULT now()
);

-- The variable counts only for logins that may act as the application; anyone else is bound by tenant_login.
CREATE FUNCTION seamwatch.current_tenant() RETURNS integer
    LANGUAGE sql STABLE SECURITY DEFINER PARALLEL SAFE
    SET search_path = seamwatch, pg_temp
AS $$
    SELECT CASE
        WHEN pg_catalog.pg_has_role(session_user, 'seamwatch_app', 'MEMBER')
        THEN nullif(pg_catalog.current_setting('seamwatch.tenant_id', true), '')::integer
        ELSE (SELECT l.tenant_id FROM seamwatch.tenant_login l WHERE l.login = session_user)
    END
$$;

-- Row level security of one tenant relation or partition: readers see their tenant, the backend's roles all.
CREATE FUNCTION seamwatch.isolate(relation regclass) RETURNS void
    LANGUAGE plpgsql
    SET search_path = seamwatch, pg_temp
AS $$
BEGIN
    EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', relation);
    EXECUTE format('ALTER TABLE %s FORCE ROW LEVEL SECURITY', relation);
    EXECUTE format(
        'CREATE POLICY tenant_isolation ON %s TO seamwatch_app, seamwatch_reader '
        'USING (tenant_id = (SELECT seamwatch.current_tenant())) '
        'WITH CHECK (tenant_id = (SELECT seamwatch.current_tenant()))', relation);
    EXECUTE format(
        'CREATE POLICY backend_all ON %s TO seamwatch_owner, seamwatch_writer, seamwatch_analysis '
        'USING (true) WITH CHECK (true)', relation);
END
$$;

-- A day's partition of `parent`, made as a table of its own and then attached (no lock that stops ingest).
-- Returns true where it was made now.
CREATE FUNCTION seamwatch.create_daily_partition(parent regclass, day date) RETURNS boolean
    LANGUAGE plpgsql
    SET search_path = seamwatch, pg_temp
AS $$
DECLARE
    parent_name name := (SELECT c.relname FROM pg_class c WHERE c.oid = parent);
    partition_name name := parent_name || '_p' || to_char(day, 'YYYYMMDD');
    key_type text := (
        SELECT format_type(a.atttypid, NULL)
          FROM pg_partitioned_table p
          JOIN pg_attribute a ON a.attrelid = p.partrelid AND a.attnum = p.partattrs[0]
         WHERE p.partrelid = parent);
    suffix text := CASE WHEN key_type = 'date' THEN '' ELSE ' 00:00:00+00' END;
BEGIN
    IF EXISTS (SELECT FROM pg_inherits i WHERE i.inhparent = parent
                AND i.inhrelid = to_regclass(format('seamwatch.%I', partition_name))) THEN
        RETURN false;
    END IF;
    -- Left over from an attach that was interrupted: it is empty, no row ever went through the parent.
    EXECUTE format('DROP TABLE IF EXISTS seamwatch.%I', partition_name);
    EXECUTE format('CREATE TABLE seamwatch.%I (LIKE %s INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING STORAGE)',
                   partition_name, parent);
    PERFORM seamwatch.isolate(format('seamwatch.%I', partition_name)::regclass);
    EXECUTE format('ALTER TABLE %s ATTACH PARTITION seamwatch.%I FOR VALUES FROM (%L) TO (%L)',
                   parent, partition_name, day::text || suffix, (day + 1)::text || suffix);
    RETURN true;
END
$$;

REVOKE EXECUTE ON FUNCTION seamwatch.isolate(regclass), seamwatch.create_daily_partition(regclass, date) FROM PUBLIC;

CREATE TABLE seamwatch.schema_migration (
    name text PRIMARY KEY,
    checksum bytea NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE seamwatch.analysis_loop (
    name text PRIMARY KEY,
    last_success_at timestamptz,
    last_duration_ms double precision,
    last_error text,
    last_error_at timestamptz
);
