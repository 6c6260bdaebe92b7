-- no-transaction
-- Undo 022_job_limited.
DROP INDEX CONCURRENTLY job_limited;
