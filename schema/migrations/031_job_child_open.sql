-- no-transaction
-- 031_job_child_open: the parents of children that have not ended, for the sweep. Its
--         predicate is written so that no query by state takes it for job_parent, which knows the order.
-- Locks: SHARE UPDATE EXCLUSIVE on job; reads and writes go on. Waits for older transactions to end.
-- Safe while serving: yes.
CREATE INDEX CONCURRENTLY job_child_open ON job (parent_id)
    WHERE parent_id IS NOT NULL AND finalized_at IS NULL;
