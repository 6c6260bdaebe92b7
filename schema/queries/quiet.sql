-- Whether this is a time to build indexes: few jobs wait, and no transaction is old, for a concurrent
-- build waits for all that are older than itself, and keeps vacuum from what has died since.
-- Caller: Store.reindex.
-- Takes:  $1 how many jobs may wait; $2 how old a transaction may be, in seconds.
-- Locks:  none.  Index: job_claim, as many entries as jobs may wait.
-- Rows:   one.
SELECT
    (
        SELECT count(*) FROM (
            SELECT FROM job WHERE job.state = 'available' LIMIT $1::bigint + 1
        ) AS waiting
    ) <= $1::bigint
    AND NOT EXISTS (
        SELECT FROM pg_stat_activity AS session
        WHERE session.datname = current_database()
        AND session.backend_type = 'client backend' -- vacuum is waited for by nobody
        AND session.xact_start < now() - make_interval(secs => $2::double precision)
    ) AS quiet
