-- Say how long a queue keeps its final jobs, all states at once.
-- Caller: client.queues.
-- Takes:  $1 name; seconds of $2 completed, $3 cancelled, $4 discarded jobs; 0: for ever; NULL: as the
--         leader's options have it.
-- Locks:  its row.
INSERT INTO queue (name, keep_completed_seconds, keep_cancelled_seconds, keep_discarded_seconds)
VALUES ($1::text, $2::double precision, $3::double precision, $4::double precision)
ON CONFLICT (name) DO UPDATE
SET keep_completed_seconds = excluded.keep_completed_seconds,
    keep_cancelled_seconds = excluded.keep_cancelled_seconds,
    keep_discarded_seconds = excluded.keep_discarded_seconds
