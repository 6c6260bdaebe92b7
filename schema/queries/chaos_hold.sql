-- Begin a transaction that keeps its snapshot, as a long report does: index builds wait for it.
-- Caller: scripts/chaos migrate, which then reads chaos_completed.sql in it.
-- Locks:  none.
BEGIN TRANSACTION ISOLATION LEVEL REPEATABLE READ
