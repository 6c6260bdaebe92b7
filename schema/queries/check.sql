-- Which migration the namespace is at.
-- Caller: Store.check. Without the table it fails with 42P01, which says all.
-- Locks:  none.
-- Rows:   one.
SELECT coalesce(max(migration.version), 0) AS version FROM migration
