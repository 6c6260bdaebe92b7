-- Put a payload sealed anew in the place of the one that was read, if that is still the same.
-- Caller: client.codec.rotate.
-- Takes:  $1 the job, $2 the step's place, $3 the payload as read and $4 anew.
-- Locks:  the row.  Index: step_pkey.
-- Rows:   one if it was written.
UPDATE step SET output = $4::text::json
WHERE step.job_id = $1::uuid AND step.place = $2::text AND step.output::text = $3::text
RETURNING true AS written
