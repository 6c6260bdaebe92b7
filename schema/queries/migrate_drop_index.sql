-- Drop an INVALID index, so that it can be built anew.
-- Caller: Migrator, under its lock.  Takes: the index in place of :"index".
-- Locks: SHARE UPDATE EXCLUSIVE on its table: reads and writes go on. Not inside a transaction.
DROP INDEX CONCURRENTLY IF EXISTS :"index"
