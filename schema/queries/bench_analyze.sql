-- Have the planner know the table as it is.
-- Caller: scripts/bench backlog.
-- Locks:  SHARE UPDATE EXCLUSIVE on job.
ANALYZE job
