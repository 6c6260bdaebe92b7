-- End the transaction of chaos_hold.sql.
-- Caller: scripts/chaos migrate.
-- Locks:  none.
ROLLBACK
