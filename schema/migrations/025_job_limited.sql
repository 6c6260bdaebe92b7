-- no-transaction
-- 025_job_limited: what runs of queues that have limits; other jobs never enter it.
-- Locks: SHARE UPDATE EXCLUSIVE on job; reads and writes go on. Waits for older transactions to end.
-- Safe while serving: yes.
CREATE INDEX CONCURRENTLY job_limited ON job (queue) WHERE state = 'running' AND limited;
