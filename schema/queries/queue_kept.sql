-- Queues that keep final jobs for a time of their own.
-- Caller: client.queues.  Takes: nothing.  Locks: none.  Plan: the whole table, which is small.
-- Rows:   one a queue, by name.
SELECT
    queue.name::text AS name, queue.keep_completed_seconds AS completed,
    queue.keep_cancelled_seconds AS cancelled, queue.keep_discarded_seconds AS discarded
FROM queue
WHERE num_nonnulls(
    queue.keep_completed_seconds, queue.keep_cancelled_seconds, queue.keep_discarded_seconds
) > 0
ORDER BY queue.name
