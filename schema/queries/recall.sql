-- What is recorded of a workflow: a page, in the order of places as texts.
-- Caller: Store.recall.
-- Takes:  $1 job, $2 run number, $3 the place behind which to begin, or NULL; $4 how many steps at most, $5 how
--         many bytes of outputs; one step at least.
-- Locks:  none.
-- Index:  job_pkey, a range of step_pkey, signal_untaken, happening_pkey, job_parent.
-- Plan:   Nested Loop of the job and Limit -> Index Scan using step_pkey.
--         = ANY (ARRAY[id]), and the state as text: see ack_completed.sql. Not of step: it would have to be sorted.
-- Rows:   one a step, or one with NULLs; none if it is not the running run. In each: the time, whether a
--         cancellation was requested, and why, whether its deadline has come, whether there is more; with the last
--         page, the oldest signals that no step has taken: see the part untaken_signals.
WITH run AS MATERIALIZED (
    SELECT
        job.id, job.cancel_requested_at IS NOT NULL AS cancelled, job.cancel_reason AS reason,
        job.expired_at IS NOT NULL AS expired, clock_timestamp() AS at
    FROM job
    WHERE job.id = ANY (ARRAY[$1::uuid]) AND job.run_number = $2::integer
    AND job.state::text = 'running'
), found AS MATERIALIZED (
    SELECT
        next.*,
        row_number() OVER (ORDER BY next.place) AS nth,
        sum(octet_length(next.output)) OVER (ORDER BY next.place) AS bytes
    FROM run CROSS JOIN LATERAL (
        SELECT
            step.place, step.op, step.name, step.done, step.output::text AS output,
            step.error::text AS error, step.attempts, step.until, step.mode
        FROM step
        WHERE step.job_id = run.id AND step.place > coalesce($3::text, '') COLLATE "C"
        ORDER BY step.place
        LIMIT $4::integer + 1
    ) AS next
), page AS (
    SELECT found.*
    FROM found
    WHERE found.nth = 1 OR (found.nth <= $4::integer AND coalesce(found.bytes, 0) <= $5::bigint)
), told AS MATERIALIZED (
    SELECT (SELECT count(*) FROM page) < (SELECT count(*) FROM found) AS more
)
SELECT
    extract(epoch FROM run.at)::double precision AS now,
    run.cancelled, run.reason, run.expired,
    told.more,
    CASE
        WHEN NOT told.more AND coalesce(page.nth, 1) = 1
        THEN (
            /* part: untaken_signals */
        )
    END AS signals,
    page.place, page.op, page.name, page.done, page.output, page.error, page.attempts,
    extract(epoch FROM page.until)::double precision AS until,
    NOT page.done AND (
        coalesce(page.until <= run.at, false)
        OR CASE
            WHEN page.op = 'event'
            THEN EXISTS (SELECT FROM happening WHERE happening.name = ANY (ARRAY[page.name]))
            WHEN page.op IN ('run', 'map') THEN children_over(run.id, page.place, page.mode)
            ELSE false
        END
    ) AS over,
    CASE
        WHEN page.op = 'event' AND NOT page.done
        THEN (SELECT happening.value::text FROM happening WHERE happening.name = ANY (ARRAY[page.name]))
    END AS value
FROM run CROSS JOIN told LEFT JOIN page ON true
ORDER BY page.nth
