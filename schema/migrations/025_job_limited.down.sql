-- no-transaction
-- Undo 025_job_limited.
DROP INDEX CONCURRENTLY job_limited;
