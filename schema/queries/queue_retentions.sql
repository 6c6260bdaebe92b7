-- Queues that keep their final jobs for a time of their own; not those that keep them for ever.
-- Caller: Store.queue_retentions, by the leader's Pruner.
-- Takes:  nothing.  Locks: none.  Plan: the whole table, which is small.
-- Rows:   one a queue and state.
SELECT queue.name::text AS queue, kept.state, kept.seconds
FROM queue CROSS JOIN LATERAL (
    VALUES
        ('completed', queue.keep_completed_seconds),
        ('cancelled', queue.keep_cancelled_seconds),
        ('discarded', queue.keep_discarded_seconds)
) AS kept (state, seconds)
WHERE kept.seconds > 0
ORDER BY queue.name, kept.state
