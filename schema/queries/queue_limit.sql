-- Set a queue's limits, all at once, and tell the nodes. NULLs and false take them away.
-- Caller: QueueWork.limit.
-- Takes:  $1 name; $2 concurrency, $3 per key; $4 rate's count, $5 its seconds, $6 its burst, $7 whether
--         it is of each key; $8 whether keys take turns.
-- Locks:  the queue's row.
-- Rows:   one.
INSERT INTO queue (
    name, concurrency, per_key, rate_count, rate_seconds, rate_burst, rate_per_key, fair, limited_at
)
SELECT
    given.*,
    CASE
        WHEN num_nonnulls(given.concurrency, given.per_key, given.rate_count) > 0 OR given.fair
        THEN now()
    END
FROM (
    VALUES (
        $1::text, $2::integer, $3::integer, $4::integer, $5::double precision, $6::integer,
        $7::boolean, $8::boolean
    )
) AS given (
    name, concurrency, per_key, rate_count, rate_seconds, rate_burst, rate_per_key, fair
)
ON CONFLICT (name) DO UPDATE
SET concurrency = excluded.concurrency,
    per_key = excluded.per_key,
    rate_count = excluded.rate_count,
    rate_seconds = excluded.rate_seconds,
    rate_burst = excluded.rate_burst,
    rate_per_key = excluded.rate_per_key,
    fair = excluded.fair,
    limited_at = CASE
        WHEN excluded.limited_at IS NOT NULL THEN coalesce(queue.limited_at, excluded.limited_at)
    END
RETURNING
    length(pg_notify(current_schema() || '.control', 'queues:' || queue.name)::text) AS told,
    length(pg_notify(current_schema() || '.wakeup', queue.name)::text) AS woken
