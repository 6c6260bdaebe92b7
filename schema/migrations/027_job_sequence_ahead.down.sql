-- no-transaction
-- Undo 027_job_sequence_ahead.
DROP INDEX CONCURRENTLY job_sequence_ahead;
