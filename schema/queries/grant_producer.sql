-- Give a role the rights of a producer; see 036_waits_and_rights.
-- Caller: the command line, `migrate grant producer ROLE`.
-- Takes:  $1 the role.  Locks: none that anybody waits for.
SELECT grant_producer($1::text::name)
