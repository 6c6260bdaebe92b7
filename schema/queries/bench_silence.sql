-- Stands before PostgreSQL's own pg_notify in a search_path that names pg_catalog after the namespace,
-- as a client's does: the same statements, without a NOTIFY.
-- Caller: scripts/bench enqueue, for the half of its measurements that has none.
-- Locks:  none.
CREATE FUNCTION pg_notify(channel text, payload text) RETURNS void
LANGUAGE sql VOLATILE
RETURN NULL
