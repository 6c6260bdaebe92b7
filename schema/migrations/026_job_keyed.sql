-- no-transaction
-- 026_job_keyed: the next jobs of each key, for turns; jobs without a key never enter it.
-- Its predicate is written so that no other index serves its queries: see 020_limits.
-- Locks: SHARE UPDATE EXCLUSIVE on job; reads and writes go on. Waits for older transactions to end.
-- Safe while serving: yes.
CREATE INDEX CONCURRENTLY job_keyed ON job (queue, key, priority, scheduled_at, id)
    WHERE state <= 'available' AND key IS NOT NULL;
