-- Keep what was done since client_savepoint.sql, if the caller's transaction commits.
-- Caller: runtime.client.
RELEASE SAVEPOINT headrace_bulk
