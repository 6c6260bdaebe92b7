-- How runs stand whose handlers complete them in transactions of their own (client_complete.sql).
-- Caller: Store.in_doubt, by the Acker's Doubts, once the handler has ended.
-- Takes:  by run: $1 ids, $2 run numbers.
-- Locks:  rows of runs that go on and that nobody holds, FOR SHARE, for this statement; it waits for
--         nobody.
-- Index:  job_pkey.  = ANY (ARRAY[id]), and the state as text: see ack_completed.sql.
-- Rows:   one a run that is completed, or whose row a transaction holds. One that commits during this
--         statement is told as held; it is asked for again.
WITH standing AS MATERIALIZED (
    SELECT run.id, run.run_number, found.completed
    FROM unnest($1::uuid[], $2::integer[]) AS run (id, run_number)
    CROSS JOIN LATERAL (
        SELECT job.state::text = 'completed' AS completed
        FROM job
        WHERE job.id = ANY (ARRAY[run.id]) AND job.run_number = run.run_number
        AND job.state::text IN ('running', 'completed')
    ) AS found
), unheld AS MATERIALIZED (
    SELECT found.id
    FROM standing CROSS JOIN LATERAL (
        SELECT job.id
        FROM job
        WHERE job.id = ANY (ARRAY[standing.id]) AND job.run_number = standing.run_number
        AND job.state::text = 'running'
        FOR SHARE SKIP LOCKED
    ) AS found
    WHERE NOT standing.completed
)
SELECT standing.id, standing.run_number, standing.completed
FROM standing
WHERE standing.completed OR NOT EXISTS (SELECT FROM unheld WHERE unheld.id = standing.id)
