-- no-transaction
-- Undo 020_job_expires.
DROP INDEX CONCURRENTLY job_expires;
