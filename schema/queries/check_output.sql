-- Whether an output can be kept; fails with a data exception or a violated CHECK if not.
-- Caller: Store.ack, after a batch was refused, for each output of it.
-- Takes:  $1 the output's JSON text.  Locks: none.
SELECT $1::text::jsonb::job_output IS NOT NULL
