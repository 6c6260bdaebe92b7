-- Undo pause, tell the nodes, and wake them.
-- Caller: Store.resume.
-- Takes:  $1 name, or `*` for all.  Locks: rows of queue, in order of name, as in pause.sql.
-- Rows:   one a queue that was paused.
WITH paused AS MATERIALIZED (
    SELECT queue.name
    FROM queue
    WHERE queue.paused_at IS NOT NULL AND ($1::text = '*' OR queue.name = $1::text)
    ORDER BY queue.name
    FOR UPDATE
)
UPDATE queue SET paused_at = NULL
FROM paused
WHERE queue.name = paused.name
RETURNING
    queue.name,
    length(pg_notify(current_schema() || '.control', 'resume:' || queue.name)::text),
    length(pg_notify(current_schema() || '.wakeup', queue.name)::text),
    emit_queue_event(queue.name, 'resumed')
