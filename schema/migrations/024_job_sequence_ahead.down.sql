-- no-transaction
-- Undo 024_job_sequence_ahead.
DROP INDEX CONCURRENTLY job_sequence_ahead;
