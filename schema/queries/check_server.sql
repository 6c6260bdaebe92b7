-- What `check` wants to know of the server.
-- Caller: the command `check`.
-- Locks:  none.
-- Plan:   Result, and a scan of the list of backends.
-- Rows:   one.
SELECT
    current_setting('server_version_num')::int AS version_number,
    current_setting('server_version') AS version,
    current_database() AS database,
    current_user AS "user",
    pg_is_in_recovery() AS standby,
    has_database_privilege(current_database(), 'CREATE') AS may_create,
    current_setting('autovacuum')::bool AND current_setting('track_counts')::bool AS autovacuum,
    current_setting('fsync')::bool AS fsync,
    current_setting('max_connections')::int AS max_connections,
    (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend') AS connections,
    extract(epoch FROM clock_timestamp())::float8 AS clock
