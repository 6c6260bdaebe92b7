-- Stop claims from queues, and tell the nodes.
-- Caller: Store.pause, with the names of all known queues for `*`.
-- Takes:  $1 names.  Locks: rows of queue, in order of name.
-- Rows:   one a queue.
INSERT INTO queue (name, paused_at)
SELECT paused.name, now()
FROM unnest($1::text[]) AS paused (name)
ORDER BY paused.name
ON CONFLICT (name) DO UPDATE SET paused_at = coalesce(queue.paused_at, excluded.paused_at)
RETURNING
    queue.name,
    length(pg_notify(current_schema() || '.control', 'pause:' || queue.name)::text),
    emit_queue_event(queue.name, 'paused')
