-- no-transaction
-- Undo 028_job_sequence_waiting.
DROP INDEX CONCURRENTLY job_sequence_waiting;
