-- no-transaction
-- Undo 007_job_finalized.
DROP INDEX CONCURRENTLY job_finalized;
