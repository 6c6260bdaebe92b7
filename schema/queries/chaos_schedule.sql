-- When a schedule that was paused would have fired next.
-- Caller: scripts/chaos schedule.
-- Takes:  $1 its name.  Locks: none.
SELECT schedule.next_at FROM schedule WHERE schedule.name = $1::text
