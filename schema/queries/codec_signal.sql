-- Put a payload sealed anew in the place of the one that was read, if that is still the same.
-- Caller: client.codec.rotate.
-- Takes:  $1 the job, $2 the signal's id, $3 the payload as read and $4 anew.
-- Locks:  the row.  Index: signal_pkey.
-- Rows:   one if it was written.
UPDATE signal SET value = $4::text::jsonb
WHERE signal.job_id = $1::uuid AND signal.id = $2::uuid AND signal.value::text = $3::text
RETURNING true AS written
