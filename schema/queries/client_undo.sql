-- Undo what was done since client_savepoint.sql.
-- Caller: runtime.client.
ROLLBACK TO SAVEPOINT headrace_bulk
