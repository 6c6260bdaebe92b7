-- Whether databases of this server should be copied file by file: from PostgreSQL 15 on one may
-- choose. It has a checkpoint made, which costs nothing only where nothing is forced to the disk.
-- Caller: runtime.testing.
-- Locks:  none.
SELECT current_setting('fsync') = 'off' AND current_setting('server_version_num')::int >= 150000
