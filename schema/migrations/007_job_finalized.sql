-- no-transaction
-- 007_job_finalized: the oldest final jobs of each state, for the pruner: each state has its own retention.
-- Locks: SHARE UPDATE EXCLUSIVE on job; reads and writes go on. Waits for older transactions to end.
-- Safe while serving: yes.
CREATE INDEX CONCURRENTLY job_finalized ON job (state, finalized_at) WHERE finalized_at IS NOT NULL;
