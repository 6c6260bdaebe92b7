-- What a bench says of the server that it was run on.
-- Caller: scripts/bench.
-- Locks:  none.
-- Rows:   one.
SELECT
    current_setting('server_version') AS version,
    current_setting('fsync') AS fsync,
    current_setting('synchronous_commit') AS synchronous_commit,
    current_setting('shared_buffers') AS shared_buffers,
    pg_backend_pid() AS backend_pid
