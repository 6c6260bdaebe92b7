-- Give a role the rights of a worker; see 008_roles.
-- Caller: the command line, `migrate grant worker ROLE`.
-- Takes:  $1 the role.  Locks: none that anybody waits for.
SELECT grant_worker($1::text::name)
