-- no-transaction
-- Undo 024_job_expires.
DROP INDEX CONCURRENTLY job_expires;
