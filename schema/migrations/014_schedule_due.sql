-- no-transaction
-- 014_schedule_due: the schedules that are due, those that were not planned yet before all others.
-- Locks: SHARE UPDATE EXCLUSIVE on schedule; reads and writes go on. Waits for older transactions to end.
-- Safe while serving: yes.
CREATE INDEX CONCURRENTLY schedule_due ON schedule (coalesce(next_at, '-infinity'))
WHERE paused_at IS NULL AND problem IS NULL;
