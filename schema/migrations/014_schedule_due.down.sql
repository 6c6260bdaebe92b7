-- no-transaction
-- Undo 014_schedule_due.
DROP INDEX CONCURRENTLY schedule_due;
