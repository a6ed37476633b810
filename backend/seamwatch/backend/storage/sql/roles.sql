-- The database roles of Seamwatch. Safe to run again; `seamwatch migrate --print-roles` prints it for a
-- database administrator. Run it in Seamwatch's database, by a superuser or a login with CREATEROLE that owns
-- the database. Where another login than this one runs Seamwatch, name it before:
--   SET seamwatch.login = 'its_name';
--
--   seamwatch_owner     owns every object; migrations and partition maintenance act as it
--   seamwatch_writer    inserts what the receivers decode; BYPASSRLS, because COPY FROM is refused under row
--                       level security
--   seamwatch_app       reads for the admin API and the pages, one tenant a transaction
--   seamwatch_analysis  folds rollups, keeps verdicts, applies retention
--   seamwatch_auth      looks credentials up before a tenant is known
--   seamwatch_reader    group of the tenants' own SQL logins (`seamwatch tenant grant-sql`)

DO $roles$
DECLARE
    role_name text;
    login regrole := quote_ident(coalesce(nullif(current_setting('seamwatch.login', true), ''), current_user))::regrole;
BEGIN
    FOREACH role_name IN ARRAY ARRAY['seamwatch_owner', 'seamwatch_writer', 'seamwatch_app',
                                     'seamwatch_analysis', 'seamwatch_auth', 'seamwatch_reader']
    LOOP
        IF to_regrole(role_name) IS NULL THEN
            BEGIN
                EXECUTE format('CREATE ROLE %I NOLOGIN', role_name);
            EXCEPTION WHEN duplicate_object OR unique_violation THEN
                NULL;  -- made by another session at the same moment: roles belong to the whole server
            END;
        END IF;
        -- A membership through inheritance alone would not allow SET ROLE on PostgreSQL 16 and later.
        IF NOT EXISTS (SELECT FROM pg_auth_members m
                        WHERE m.roleid = role_name::regrole AND m.member = login
                          AND coalesce((to_jsonb(m) ->> 'set_option')::boolean, true)) THEN
            EXECUTE format('GRANT %I TO %s', role_name, login);
        END IF;
    END LOOP;

    IF NOT (SELECT r.rolbypassrls FROM pg_roles r WHERE r.rolname = 'seamwatch_writer') THEN
        BEGIN
            ALTER ROLE seamwatch_writer BYPASSRLS;
        EXCEPTION WHEN insufficient_privilege THEN
            RAISE NOTICE 'BYPASSRLS cannot be granted here: the writer will use its staging mode';
        END;
    END IF;

    IF NOT has_database_privilege('seamwatch_owner', current_database(), 'CREATE') THEN
        EXECUTE format('GRANT CREATE ON DATABASE %I TO seamwatch_owner', current_database());
    END IF;
END
$roles$;
