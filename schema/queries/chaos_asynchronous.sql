-- Have no commit wait for the disk, as far as sessions do not say otherwise. For new sessions.
-- Caller: scripts/chaos, with --synchronous-commit off, on its own server.
-- Locks:  none that anybody waits for.
ALTER DATABASE postgres SET synchronous_commit = off
