-- no-transaction
-- 027_job_sequence_ahead: the job of a sequence that holds its key; other jobs never enter it.
-- Locks: SHARE UPDATE EXCLUSIVE on job; reads and writes go on. Waits for older transactions to end.
-- Safe while serving: yes.
CREATE INDEX CONCURRENTLY job_sequence_ahead ON job (queue, key)
    WHERE sequence AND state IN ('available', 'scheduled', 'running', 'retryable');
