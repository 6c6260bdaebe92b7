-- Undo pause, tell the nodes, and wake them.
-- Caller: Store.resume.
-- Takes:  $1 name, or `*` for all.  Locks: rows of queue.
-- Rows:   one a queue that was paused.
UPDATE queue SET paused_at = NULL
WHERE queue.paused_at IS NOT NULL AND ($1::text = '*' OR queue.name = $1::text)
RETURNING
    queue.name,
    length(pg_notify(current_schema() || '.control', 'resume:' || queue.name)::text),
    length(pg_notify(current_schema() || '.wakeup', queue.name)::text)
