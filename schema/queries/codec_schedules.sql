-- The schedules whose args are sealed.
-- Caller: client.codec.rotate.  Locks: none.  Plan: any; the table is small.
SELECT schedule.name, schedule.kind, schedule.args::text AS args
FROM schedule
WHERE schedule.args ? '$codec'
ORDER BY schedule.name
