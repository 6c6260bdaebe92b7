-- no-transaction
-- Undo 011_job_unique.
DROP INDEX CONCURRENTLY job_unique;
