-- Delete old events of workflows, but those that somebody still waits for: who has heard of none yet.
-- Caller: Store.prune_events, by the leader's Pruner.
-- Takes:  $1 seconds that events are kept; $2 how many at most; $3 the term in which a leader asks, which
--         does nothing if that is over; NULL: anybody else.
-- Locks:  rows of happening, SKIP LOCKED.
-- Index:  happening_emitted, the beginning; happening_pkey; step_waiting.
-- Rows:   one: how many were deleted.
WITH old AS MATERIALIZED (
    SELECT happening.name
    FROM happening
    WHERE happening.emitted_at < now() - make_interval(secs => $1::double precision)
    AND ($3::bigint IS NULL OR EXISTS (
        SELECT FROM leader
        WHERE leader.name = 'default' AND leader.term = $3 AND leader.expires_at > clock_timestamp()
    ))
    AND NOT EXISTS (
        SELECT FROM step
        WHERE NOT step.done AND step.op = 'event' AND step.name = happening.name::text
    )
    ORDER BY happening.emitted_at
    LIMIT $2::integer
    FOR UPDATE SKIP LOCKED
), deleted AS (
    DELETE FROM happening USING old WHERE happening.name = old.name
    RETURNING happening.name
)
SELECT count(*) AS events FROM deleted
