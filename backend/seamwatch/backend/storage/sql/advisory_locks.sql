-- Keeps advisory locks for Seamwatch, in a database that is Seamwatch's alone. Safe to run again; by a superuser.
-- PostgreSQL lets every login take every advisory lock: a tenant's own SQL login could hold those of migrations and
-- loops. Its keys cannot be kept secret (pg_locks shows them), the right to call the functions can be taken away.

DO $advisory_locks$
DECLARE
    lock_function regprocedure;
BEGIN
    FOR lock_function IN
        SELECT p.oid::regprocedure
          FROM pg_proc p
         WHERE p.pronamespace = 'pg_catalog'::regnamespace
           AND p.proname ~ '^pg_(try_)?advisory_(xact_)?lock'
           AND (p.proacl IS NULL OR EXISTS (SELECT FROM aclexplode(p.proacl) g WHERE g.grantee = 0))
    LOOP
        EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO seamwatch_owner, seamwatch_analysis, seamwatch_auth',
                       lock_function);
        EXECUTE format('REVOKE EXECUTE ON FUNCTION %s FROM PUBLIC', lock_function);
    END LOOP;
END
$advisory_locks$;
