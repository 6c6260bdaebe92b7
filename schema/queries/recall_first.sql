-- What is recorded of several workflows: the first page of each, as recall.sql has it.
-- Caller: Store.recall_first.
-- Takes:  $1 jobs, $2 run numbers; $3 how many steps of each at most, $4 how many bytes of outputs; one step
--         at least.
-- Locks:  none.
-- Index:  those of recall.sql.
-- Plan:   Nested Loop of the jobs and that of recall.sql.
-- Rows:   those of recall.sql, with the number of the job that was asked for, from 1; of a job whose running
--         run it is not: none.
SELECT asked.nth AS asked, told.*
FROM unnest($1::uuid[], $2::integer[]) WITH ORDINALITY AS asked (job_id, run_number, nth)
CROSS JOIN LATERAL (
    WITH run AS MATERIALIZED (
        SELECT
            job.id, job.cancel_requested_at IS NOT NULL AS cancelled, job.cancel_reason AS reason,
            job.expired_at IS NOT NULL AS expired, clock_timestamp() AS at
        FROM job
        WHERE job.id = ANY (ARRAY[asked.job_id]) AND job.run_number = asked.run_number
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
            WHERE step.job_id = run.id
            ORDER BY step.place
            LIMIT $3::integer + 1
        ) AS next
    ), page AS (
        SELECT found.*
        FROM found
        WHERE found.nth = 1 OR (found.nth <= $3::integer AND coalesce(found.bytes, 0) <= $4::bigint)
    ), told AS MATERIALIZED (
        SELECT (SELECT count(*) FROM page) < (SELECT count(*) FROM found) AS more
    )
    SELECT
        page.nth,
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
) AS told
ORDER BY asked.nth, told.nth
