-- no-transaction
-- Undo 030_job_parent.
DROP INDEX CONCURRENTLY job_parent;
