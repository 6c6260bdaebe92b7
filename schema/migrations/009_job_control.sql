-- 009_job_control: columns by which jobs are told apart, bounded and measured.
-- Why:   unique jobs; keys for limits, sequences and batches; deadlines; a budget of crashes; what a run used.
-- Locks: ACCESS EXCLUSIVE on job and failure, for a moment: no row is rewritten, for each column is NULL or
--        has a constant default.
-- Safe while serving: yes; nodes of older versions go on, and leave these columns alone.
-- As with the other domains, its CHECK costs an update nothing.
CREATE DOMAIN job_key AS text;
ALTER TABLE job
    ADD COLUMN key job_key,                             -- what its queue groups it by; NULL: by nothing
    ADD COLUMN sequence boolean,                        -- one at a time, and in order, per key; NULL: no.
                                                        -- An update looks at each column of an index, and
                                                        -- at a NULL at once, but through all before it else
    ADD COLUMN unique_key bytea,                        -- SHA-256 of what makes it unique; NULL: it is not
    ADD COLUMN unique_states bit(8),                    -- the states in which it holds its key: bit i for the
                                                        -- i-th state of job_state, from the left
    ADD COLUMN expires_at timestamptz,                  -- not to begin, and not to go on, after this
    ADD COLUMN crashes smallint NOT NULL DEFAULT 0,     -- runs that ended with the death of their process
    ADD COLUMN wall_seconds real,                       -- of its last run
    ADD COLUMN cpu_seconds real,
    ADD COLUMN peak_rss_kib integer,
    -- One CHECK, and not the two that it could be: each is made ready by each statement that writes jobs, at
    -- 5 us. NOT VALID: it holds for every row, since all columns are new, and to look takes long.
    ADD CONSTRAINT job_options_whole CHECK (
        (sequence IS NOT TRUE OR key IS NOT NULL)
        AND (unique_key IS NULL) = (unique_states IS NULL)
    ) NOT VALID;
-- Only now, and NOT VALID: a column of a type that has a CHECK already would have the table rewritten.
ALTER DOMAIN job_key ADD CONSTRAINT job_key_length CHECK (char_length(VALUE) BETWEEN 1 AND 127) NOT VALID;

ALTER TABLE failure
    ADD COLUMN wall_seconds real,
    ADD COLUMN cpu_seconds real,
    ADD COLUMN peak_rss_kib integer;
