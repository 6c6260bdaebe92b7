-- Undo 009_job_control: keys, deadlines and what runs used are lost.
ALTER TABLE failure DROP COLUMN wall_seconds, DROP COLUMN cpu_seconds, DROP COLUMN peak_rss_kib;
ALTER TABLE job
    DROP COLUMN key, DROP COLUMN sequence, DROP COLUMN unique_key, DROP COLUMN unique_states,
    DROP COLUMN expires_at, DROP COLUMN crashes, DROP COLUMN wall_seconds, DROP COLUMN cpu_seconds,
    DROP COLUMN peak_rss_kib;
DROP DOMAIN job_key;
