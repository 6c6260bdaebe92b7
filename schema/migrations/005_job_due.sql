-- no-transaction
-- 005_job_due: what becomes due next, for the stager.
-- Locks: SHARE UPDATE EXCLUSIVE on job; reads and writes go on. Waits for older transactions to end.
-- Safe while serving: yes.
CREATE INDEX CONCURRENTLY job_due ON job (scheduled_at) WHERE state IN ('scheduled', 'retryable');
