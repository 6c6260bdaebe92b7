-- Put a schedule's args sealed anew in the place of those that were read, if they are still the same.
-- Caller: client.codec.rotate.
-- Takes:  $1 a name, $2 args as read, $3 anew.  Locks: the schedule's row.
-- Rows:   one, if it was written.
UPDATE schedule SET args = $3::text::jsonb
WHERE schedule.name = $1::text AND schedule.args = $2::text::jsonb
RETURNING schedule.name
