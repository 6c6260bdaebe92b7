-- Pause a schedule, or resume it: then it fires from now on.
-- Caller: client.schedules.
-- Takes:  $1 name; $2 whether it is to be paused. As it is already: nothing changes.
-- Locks:  its row.  Index: schedule_pkey.
-- Rows:   its name; none, if there is none of that name.
WITH changed AS (
    UPDATE schedule SET paused_at = CASE WHEN $2::boolean THEN now() END
    WHERE schedule.name = $1::text AND (schedule.paused_at IS NOT NULL) <> $2::boolean
)
SELECT schedule.name FROM schedule WHERE schedule.name = $1::text
