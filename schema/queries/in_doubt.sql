-- How runs stand whose handlers complete them in transactions of their own (client_complete.sql).
-- Caller: Store.in_doubt, by the Acker's Doubts, once the handler has ended.
-- Takes:  by run: $1 ids, $2 run numbers.
-- Locks:  rows that nobody holds, FOR SHARE, for this statement; it waits for nobody.
-- Index:  job_pkey.  = ANY (ARRAY[id]), and the state as text: see ack_completed.sql.
-- Rows:   one a run that goes on, as far as is committed: free, if no transaction holds its row. One
--         that commits during this statement is told as held; it is asked for again.
WITH running AS MATERIALIZED (
    SELECT run.id, run.run_number
    FROM unnest($1::uuid[], $2::integer[]) AS run (id, run_number)
    WHERE EXISTS (
        SELECT FROM job
        WHERE job.id = ANY (ARRAY[run.id])
        AND job.run_number = run.run_number AND job.state::text = 'running'
    )
), unheld AS MATERIALIZED (
    SELECT found.id
    FROM running CROSS JOIN LATERAL (
        SELECT job.id
        FROM job
        WHERE job.id = ANY (ARRAY[running.id])
        AND job.run_number = running.run_number AND job.state::text = 'running'
        FOR SHARE SKIP LOCKED
    ) AS found
)
SELECT running.id, running.run_number, unheld.id IS NOT NULL AS free
FROM running LEFT JOIN unheld ON unheld.id = running.id
