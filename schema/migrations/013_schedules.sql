-- 013_schedules: what a schedule needs to be planned and fired.
-- Why:   a firing carries all that an enqueue can say; the definition in an app's code is told from what
--        an operator changed since; whoever changes a row, also in SQL, has it planned anew at once.
-- Locks: ACCESS EXCLUSIVE on schedule and node, for a moment: no row is rewritten.
-- Safe while serving: yes. Nodes of older versions go on, and fire nothing.
ALTER TABLE schedule
    ADD COLUMN key job_name,
    ADD COLUMN sequence boolean NOT NULL DEFAULT false,
    ADD COLUMN expires_seconds double precision,        -- of each job, from the firing's time on
    ADD COLUMN overlap boolean NOT NULL DEFAULT true,   -- fire while its last job has not ended
    ADD COLUMN definition jsonb,                        -- what an app's code said last; NULL: of no app
    ADD COLUMN problem text,                            -- why it cannot be planned
    ADD COLUMN last_job_id uuid,
    -- A row that could not be fired would stop all that are due with it.
    ADD CONSTRAINT schedule_sequence_has_key CHECK (NOT sequence OR key IS NOT NULL),
    ADD CONSTRAINT schedule_expires_range CHECK (expires_seconds >= 0 AND expires_seconds <= 3.2e9),
    ADD CONSTRAINT schedule_timeout_range
        CHECK (timeout_seconds >= 0 AND timeout_seconds < 'Infinity'),
    ADD CONSTRAINT schedule_metadata_size CHECK (octet_length(metadata::text) <= 96 * 1024),
    ADD CONSTRAINT schedule_catch_up_range CHECK (catch_up BETWEEN 0 AND 1000);
-- One small update a firing.
ALTER TABLE schedule SET (
    fillfactor = 50, autovacuum_vacuum_threshold = 50, autovacuum_vacuum_scale_factor = 0
);

-- Names of the schedules that the node's app defines: those in code fire while one does.
ALTER TABLE node ADD COLUMN schedules text[] NOT NULL DEFAULT '{}';
-- And the kinds that it has handlers for; NULL: it has not said.
ALTER TABLE node ADD COLUMN kinds text[];

-- Times that were changed, or that begin anew after a pause, are planned from now on by the leader.
CREATE FUNCTION schedule_changed() RETURNS trigger
LANGUAGE plpgsql
AS $$
BEGIN
    NEW.updated_at := clock_timestamp();
    IF (NEW.cron, NEW.timezone, NEW.interval_seconds)
        IS DISTINCT FROM (OLD.cron, OLD.timezone, OLD.interval_seconds)
        OR (OLD.paused_at IS NOT NULL AND NEW.paused_at IS NULL)
    THEN
        NEW.next_at := NULL;
        NEW.problem := NULL;
    END IF;
    RETURN NEW;
END
$$;

CREATE FUNCTION schedule_notify() RETURNS trigger
LANGUAGE plpgsql
AS $$
BEGIN
    PERFORM pg_notify(TG_TABLE_SCHEMA || '.due', 'schedule');
    RETURN NULL;
END
$$;

-- Not for what a firing writes: next_at, last_at, last_job_id, problem.
CREATE TRIGGER schedule_changed
    BEFORE UPDATE OF
        kind, queue, args, priority, max_attempts, timeout_seconds, tags, metadata, key, sequence,
        expires_seconds, cron, timezone, interval_seconds, catch_up, overlap, paused_at
    ON schedule FOR EACH ROW EXECUTE FUNCTION schedule_changed();
CREATE TRIGGER schedule_notify
    AFTER INSERT OR UPDATE OF cron, timezone, interval_seconds, paused_at
    ON schedule FOR EACH STATEMENT EXECUTE FUNCTION schedule_notify();
