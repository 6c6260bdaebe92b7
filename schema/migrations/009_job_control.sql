-- 009_job_control: columns by which jobs are told apart, bounded and measured.
-- Why:   unique jobs; keys for limits, sequences and batches; deadlines; a budget of crashes; what a run used.
-- Locks: ACCESS EXCLUSIVE on job and failure, for a moment: no row is rewritten, for each column is NULL or
--        has a constant default.
-- Safe while serving: yes; nodes of older versions go on, and leave these columns alone.
ALTER TABLE job
    ADD COLUMN key text,                                -- what its queue groups it by; NULL: by nothing
    ADD COLUMN sequence boolean NOT NULL DEFAULT false, -- one at a time, and in order, per key
    ADD COLUMN unique_key bytea,                        -- SHA-256 of what makes it unique; NULL: it is not
    ADD COLUMN unique_states bit(8),                    -- the states in which it holds its key: bit i for the
                                                        -- i-th state of job_state, from the left
    ADD COLUMN expires_at timestamptz,                  -- not to begin, and not to go on, after this
    ADD COLUMN crashes smallint NOT NULL DEFAULT 0,     -- runs that ended with the death of their process
    ADD COLUMN wall_seconds real,                       -- of its last run
    ADD COLUMN cpu_seconds real,
    ADD COLUMN peak_rss_kib integer,
    -- No domain for the key: the CHECK of a column's type would have the table rewritten. NOT VALID: it
    -- holds for every row, since all columns are new, and to look would take as long as the table is.
    ADD CONSTRAINT job_key_length CHECK (char_length(key) BETWEEN 1 AND 127) NOT VALID,
    ADD CONSTRAINT job_sequence_has_key CHECK (NOT sequence OR key IS NOT NULL) NOT VALID,
    ADD CONSTRAINT job_unique_whole CHECK ((unique_key IS NULL) = (unique_states IS NULL)) NOT VALID;
ALTER TABLE failure
    ADD COLUMN wall_seconds real,
    ADD COLUMN cpu_seconds real,
    ADD COLUMN peak_rss_kib integer;
