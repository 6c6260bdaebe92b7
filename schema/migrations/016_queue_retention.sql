-- 016_queue_retention: how long a queue's own final jobs are kept, where it is not as long as by default.
-- Why:   the jobs of one queue are looked up for a month, those of another are of no use a minute later.
-- Locks: ACCESS EXCLUSIVE on queue, for a moment: no row is rewritten.
-- Safe while serving: yes. The pruners of older versions go by the nodes' options alone.
ALTER TABLE queue
    ADD COLUMN keep_completed_seconds double precision, -- NULL: as the leader's options have it
    ADD COLUMN keep_cancelled_seconds double precision, -- 0: for ever
    ADD COLUMN keep_discarded_seconds double precision,
    ADD CONSTRAINT queue_keep_range CHECK (
        keep_completed_seconds BETWEEN 0 AND 3.2e9
        AND keep_cancelled_seconds BETWEEN 0 AND 3.2e9
        AND keep_discarded_seconds BETWEEN 0 AND 3.2e9
    );
