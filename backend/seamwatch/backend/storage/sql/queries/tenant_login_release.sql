-- Takes a login's tenant away: the login sees no row any more.
-- in:     login text
-- out:    tenant_id integer
-- index:  tenant_login_pkey
-- budget: 5 ms
DELETE FROM seamwatch.tenant_login
 WHERE login = %(login)s::text
RETURNING tenant_id;
