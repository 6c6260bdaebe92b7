-- no-transaction
-- 030_job_parent: a step's children by state, in the order of its items; other jobs never enter it.
-- Locks: SHARE UPDATE EXCLUSIVE on job; reads and writes go on. Waits for older transactions to end.
-- Safe while serving: yes.
CREATE INDEX CONCURRENTLY job_parent ON job (parent_id, parent_place, state, run_number, scheduled_at)
    WHERE parent_id IS NOT NULL;
