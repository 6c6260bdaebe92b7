-- no-transaction
-- Undo 006_job_running.
DROP INDEX CONCURRENTLY job_running;
