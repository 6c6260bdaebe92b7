-- no-transaction
-- Undo 031_job_child_open.
DROP INDEX CONCURRENTLY job_child_open;
