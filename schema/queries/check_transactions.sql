-- Transactions that are open for long: vacuum can remove no row that died after they began.
-- Caller: the command `check`.
-- Takes:  $1 seconds.
-- Locks:  none.
-- Plan:   scans of the lists of backends and prepared transactions.
-- Rows:   the oldest ten; a prepared transaction has no pid.
SELECT pid, application, state, age_seconds
FROM (
    SELECT
        pid,
        application_name AS application,
        state,
        extract(epoch FROM clock_timestamp() - xact_start)::float8 AS age_seconds
    FROM pg_stat_activity
    WHERE datname = current_database() AND xact_start IS NOT NULL AND backend_type = 'client backend'
    UNION ALL
    SELECT
        NULL,
        gid,
        'prepared',
        extract(epoch FROM clock_timestamp() - prepared)::float8
    FROM pg_prepared_xacts
    WHERE database = current_database()
) AS transaction
WHERE age_seconds > $1::float8
ORDER BY age_seconds DESC
LIMIT 10
