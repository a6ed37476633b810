-- Binds a login to its tenant: from then on the database decides what the login sees.
-- in:     login text, tenant_id integer
-- out:    none
-- index:  tenant_login_pkey
-- budget: 5 ms
INSERT INTO seamwatch.tenant_login (login, tenant_id)
VALUES (%(login)s::text, %(tenant_id)s);
