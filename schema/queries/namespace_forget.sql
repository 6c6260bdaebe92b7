-- The last table of a namespace whose migrations were all undone.
-- Caller: drop_namespace, before namespace_drop.sql.  Locks: ACCESS EXCLUSIVE on it.
DROP TABLE migration
