-- no-transaction
-- Undo 004_job_claim.
DROP INDEX CONCURRENTLY job_claim;
