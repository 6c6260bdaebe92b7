-- no-transaction
-- 024_job_expires: the waiting jobs whose deadline comes first, for the expirer; jobs without one never
--         enter.
-- Locks: SHARE UPDATE EXCLUSIVE on job; reads and writes go on. Waits for older transactions to end.
-- Safe while serving: yes.
CREATE INDEX CONCURRENTLY job_expires ON job (expires_at)
WHERE expires_at IS NOT NULL AND state IN ('available', 'scheduled', 'pending', 'retryable');
