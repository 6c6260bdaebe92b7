-- The limits of all queues that have any.
-- Caller: QueueWork.limits.
-- Locks:  none.
-- Index:  none: the table has a row for each queue that somebody configured.
-- Rows:   one a queue, by name.
SELECT
    queue.name::text, queue.concurrency, queue.per_key, queue.rate_count, queue.rate_seconds,
    queue.rate_burst, queue.rate_per_key, queue.fair
FROM queue
WHERE queue.limited_at IS NOT NULL
ORDER BY queue.name
