-- no-transaction
-- 004_job_claim: the claim's order; holds claimable jobs only, so it stays as small as the backlog.
-- Locks: SHARE UPDATE EXCLUSIVE on job; reads and writes go on. Waits for older transactions to end.
-- Safe while serving: yes.
CREATE INDEX CONCURRENTLY job_claim ON job (queue, priority, scheduled_at, id) WHERE state = 'available';
