-- Delete a schedule. Its jobs stay.
-- Caller: client.schedules.
-- Takes:  $1 name.  Locks: its row.  Index: schedule_pkey.
-- Rows:   its name; none, if there is none of that name.
DELETE FROM schedule WHERE schedule.name = $1::text RETURNING schedule.name
