-- no-transaction
-- Undo 025_job_sequence_waiting.
DROP INDEX CONCURRENTLY job_sequence_waiting;
