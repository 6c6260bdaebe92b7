-- Put an event's value sealed anew in the place of the one that was read, if that is still the same.
-- Caller: client.codec.rotate.
-- Takes:  $1 nothing: events are no job's, $2 the name, $3 the value as read and $4 anew.
-- Locks:  the row.  Index: happening_pkey.
-- Rows:   one if it was written.
UPDATE happening SET value = $4::text::jsonb
WHERE happening.name = $2::text AND happening.value::text = $3::text AND $1::uuid IS NOT NULL
RETURNING true AS written
