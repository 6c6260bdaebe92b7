-- Put a payload sealed anew in the place of the one that was read, if that is still the same.
-- Caller: client.codec.rotate.
-- Takes:  $1 the job, $2 the key, $3 the payload as read and $4 anew.
-- Locks:  the row.  Index: published_pkey.
-- Rows:   one if it was written.
UPDATE published SET value = $4::text::json
WHERE published.job_id = $1::uuid AND published.key = $2::text AND published.value::text = $3::text
RETURNING true AS written
