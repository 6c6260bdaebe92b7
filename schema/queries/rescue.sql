-- Give back jobs of nodes whose lease ran out.
-- Caller: Store.rescue, by the leader's Rescuer, and by a node for its predecessors.
-- Takes:  $1 how many jobs at most; $2 the term in which a leader asks, which does nothing if that is
--         over; NULL: anybody else.
-- Locks:  the node rows, SKIP LOCKED, so that a renewal in flight wins or loses as a whole (see
--         renew.sql); then job rows, SKIP LOCKED: an ack in flight wins. What was skipped is found
--         by the next call, and so is what such a node claimed after its end.
-- Index:  job_running, a range a node; job_pkey. `node` is small: its rows go a day after their end.
-- Plan:   Nested Loop of ended nodes and Index Scan using job_running.
--         = ANY (ARRAY[id]): see ack_completed.sql.
-- Rows:   one: names of the nodes newly found or given back from, counts, seconds to the next expiry.
WITH ended AS MATERIALIZED (
    SELECT node.id, node.name, node.ended_at IS NULL AS found_now
    FROM node
    WHERE node.expires_at <= now()
    AND ($2::bigint IS NULL OR EXISTS (
        SELECT FROM leader
        WHERE leader.name = 'default' AND leader.term = $2 AND leader.expires_at > clock_timestamp()
    ))
    AND (
        node.ended_at IS NULL
        OR EXISTS (SELECT FROM job WHERE job.state = 'running' AND job.node_id = node.id)
    )
    ORDER BY node.id
    FOR UPDATE SKIP LOCKED
), marked AS (
    UPDATE node SET ended_at = now()
    FROM ended
    WHERE node.id = ended.id AND ended.found_now
), lost AS MATERIALIZED (
    SELECT held.*, ended.id AS node_id, ended.name AS node_name
    FROM ended CROSS JOIN LATERAL (
        SELECT
            job.id, job.run_number, job.attempt,
            CASE
                WHEN job.cancel_requested_at IS NOT NULL AND (
                    job.attempt >= job.max_attempts OR clean_up_due(job.id) IS NULL
                )
                THEN 'cancelled'
                WHEN job.attempt >= job.max_attempts THEN 'discarded'
                WHEN job.paused_at IS NOT NULL THEN 'pending'
                ELSE 'available'
            END::job_state AS next_state
        FROM job
        WHERE job.state = 'running' AND job.node_id = ended.id
        LIMIT $1::integer
        FOR UPDATE SKIP LOCKED
    ) AS held
    LIMIT $1::integer
), rescued AS (
    UPDATE job
    SET state = lost.next_state,
        finalized_at = CASE WHEN lost.next_state IN ('cancelled', 'discarded') THEN now() END,
        scheduled_at = CASE
            WHEN lost.next_state IN ('available', 'pending') THEN now() ELSE job.scheduled_at
        END,
        paused_from = CASE WHEN lost.next_state = 'pending' THEN 'available' END::job_state,
        node_id = NULL
    FROM lost
    WHERE job.id = ANY (ARRAY[lost.id])
    RETURNING
        job.id, job.state,
        CASE
            WHEN job.state = 'available' THEN pg_notify(current_schema() || '.wakeup', job.queue)
        END
), failed AS (
    INSERT INTO failure (job_id, run_number, attempt, node, error_class, message)
    SELECT
        lost.id, lost.run_number, lost.attempt, lost.node_name, 'NodeLost',
        format(
            'node lost: the lease of %s ran out while it held this job; '
            'whether it had begun it is not known',
            lost.node_name
        )
    FROM lost
    RETURNING failure.job_id
)
SELECT
    count(*) AS jobs,
    count(*) FILTER (WHERE rescued.state = 'discarded') AS discarded,
    notify_finished(
        array_agg(rescued.id) FILTER (WHERE rescued.state IN ('cancelled', 'discarded'))
    ) AS notified,
    tell_workflows(
        array_agg(rescued.id) FILTER (WHERE rescued.state IN ('cancelled', 'discarded'))
    ) AS told,
    emit_events(
        array_agg(rescued.id) FILTER (WHERE rescued.state IN ('available', 'pending')),
        array_agg('rescued'::text) FILTER (WHERE rescued.state IN ('available', 'pending'))
    ) AS emitted,
    ARRAY(
        SELECT ended.name
        FROM ended
        WHERE ended.found_now OR ended.id IN (SELECT lost.node_id FROM lost)
        ORDER BY ended.id
    ) AS nodes,
    (
        SELECT extract(epoch FROM min(node.expires_at) - now())::double precision
        FROM node
        WHERE node.expires_at > now() AND node.ended_at IS NULL
    ) AS next_expiry_seconds
FROM rescued CROSS JOIN (SELECT count(*) FROM failed) AS kept -- the failures, for events to tell of
