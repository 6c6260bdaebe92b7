-- Keep the planner from learning of the table by itself.
-- Caller: scripts/bench backlog.
-- Locks:  SHARE UPDATE EXCLUSIVE on job, which is new.
ALTER TABLE job SET (autovacuum_enabled = off)
