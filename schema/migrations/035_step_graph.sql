-- no-transaction
-- 035_step_graph: the steps of graphs that go on, for the sweep; no other step enters it.
-- Locks: SHARE UPDATE EXCLUSIVE on step; reads and writes go on. Waits for older transactions to end.
-- Safe while serving: yes.
CREATE INDEX CONCURRENTLY step_graph ON step (job_id) WHERE NOT done AND mode IN ('finish', 'stop');
