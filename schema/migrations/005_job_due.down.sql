-- no-transaction
-- Undo 005_job_due.
DROP INDEX CONCURRENTLY job_due;
