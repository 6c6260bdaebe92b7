-- no-transaction
-- Undo 023_job_keyed.
DROP INDEX CONCURRENTLY job_keyed;
