-- Set a queue's limits, all at once, and tell the nodes. NULLs and false take them away.
-- Caller: QueueWork.limit.
-- Takes:  as limit_queue: $1 name; $2 concurrency, $3 per key; $4 rate's count, $5 its seconds, $6 its burst,
--         $7 whether it is of each key; $8 whether keys take turns.
-- Locks:  the queue's row.
-- Rows:   one.
SELECT length(limit_queue(
    $1::text, $2::integer, $3::integer, $4::integer, $5::double precision, $6::integer, $7::boolean,
    $8::boolean
)::text) AS told
