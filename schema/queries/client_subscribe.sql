-- Ask for events, for a while; and forget those who asked and are gone.
-- Caller: runtime.client, every now and then while it listens.
-- Takes: $1 an id of the subscriber's own; $2 events, $3 kinds, $4 queues (NULL: all); $5 for how many
-- seconds.  Locks: the subscriber's row; rows of those gone, SKIP LOCKED.
WITH gone AS (
    DELETE FROM headrace.subscriber
    WHERE subscriber.id IN (
        SELECT old.id
        FROM headrace.subscriber AS old
        WHERE old.expires_at < now() AND old.id <> CAST($1 AS uuid)
        FOR UPDATE SKIP LOCKED
    )
)
INSERT INTO headrace.subscriber (id, events, kinds, queues, expires_at)
VALUES (
    CAST($1 AS uuid), CAST($2 AS text[]), CAST($3 AS text[]), CAST($4 AS text[]),
    now() + make_interval(secs => CAST($5 AS double precision))
)
ON CONFLICT (id) DO UPDATE SET expires_at = excluded.expires_at
