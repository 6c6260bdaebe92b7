-- no-transaction
-- Undo 026_job_keyed.
DROP INDEX CONCURRENTLY job_keyed;
