-- The server processes of the nodes' and the clients' sessions.
-- Caller: scripts/chaos, which chooses one of them to be ended; its own sessions have another name.
-- Locks:  none.
SELECT activity.pid
FROM pg_stat_activity AS activity
WHERE activity.backend_type = 'client backend'
AND activity.pid <> pg_backend_pid()
AND activity.application_name <> 'headrace-bench'
ORDER BY activity.pid
