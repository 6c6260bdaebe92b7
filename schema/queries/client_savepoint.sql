-- Begin a part of the caller's transaction that can be undone alone.
-- Caller: runtime.client, for bulks on DB-API connections; other libraries bring their own.
SAVEPOINT headrace_bulk
