-- no-transaction
-- 028_job_sequence_waiting: jobs of a sequence that wait for an earlier one; other jobs never enter it.
-- Locks: SHARE UPDATE EXCLUSIVE on job; reads and writes go on. Waits for older transactions to end.
-- Safe while serving: yes.
CREATE INDEX CONCURRENTLY job_sequence_waiting ON job (queue, key, created_at, id)
    WHERE sequence AND state = 'pending';
