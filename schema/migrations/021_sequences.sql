-- 021_sequences: jobs of one key, one at a time and in order.
-- Why:   a job with `sequence` waits as `pending` until no earlier one of its (queue, key) is on its way:
--        available, scheduled, running or retryable. So of 100,000 jobs of a key the claim sees one, and a
--        failed one that will be tried again holds its key. Who ends a job makes the next one available
--        in the same transaction.
-- Order: that in which their transactions began, by the database's clock (created_at); within one, by id.
-- How:   a job's end and another's enqueue may not see each other. Both look when they commit (deferred
--        triggers), under an advisory lock of the key, which is then held for the time of a commit
--        only: nobody waits for somebody's long transaction. Nobody waits at all: who does not get the
--        lock at once leaves a row in sequence_due, which the stager sees to within milliseconds
--        (settle_sequences). So there is no order of locks that could be wrong, and no deadlock.
-- Locks: SHARE ROW EXCLUSIVE on job, for a moment.
-- Safe while serving: yes. Jobs without `sequence` meet conditions that are false, and nothing else.
CREATE TABLE sequence_due (
    queue job_name NOT NULL,
    key job_name NOT NULL
) WITH (autovacuum_vacuum_threshold = 50, autovacuum_vacuum_scale_factor = 0);

-- How many keys a transaction looks at by itself: each takes one of the server's locks, of which there
-- are 64 a connection by default. It leaves the others to the stager.
CREATE FUNCTION sequence_turns_left() RETURNS boolean
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    taken integer := coalesce(nullif(current_setting('headrace.sequence_locks', true), ''), '0');
BEGIN
    PERFORM set_config('headrace.sequence_locks', (taken + 1)::text, true);
    RETURN taken < 32;
END
$$;

CREATE FUNCTION sequence_lock(of_queue text, of_key text) RETURNS bigint
LANGUAGE sql STABLE
RETURN hashtextextended(format('%s %s %s %s', current_schema(), length(of_queue), of_queue, of_key), 7);

CREATE FUNCTION sequence_is_ahead(of_queue text, of_key text) RETURNS boolean
LANGUAGE plpgsql VOLATILE
AS $$
BEGIN
    RETURN EXISTS (
        SELECT FROM job
        WHERE job.sequence AND job.state IN ('available', 'scheduled', 'running', 'retryable')
        AND job.queue = of_queue AND job.key = of_key
    );
END
$$;

-- Make the first waiting job of a key available, if none is ahead of it. The caller holds the lock.
-- False: somebody holds that job's row just now.
CREATE FUNCTION promote_sequence(of_queue text, of_key text) RETURNS boolean
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    first uuid;
    became job_state;
BEGIN
    IF sequence_is_ahead(of_queue, of_key) THEN
        RETURN true;
    END IF;
    SELECT job.id INTO first
    FROM job
    WHERE job.sequence AND job.state = 'pending' AND job.queue = of_queue AND job.key = of_key
    ORDER BY job.created_at, job.id
    LIMIT 1;
    IF first IS NULL THEN
        RETURN true;
    END IF;
    UPDATE job
    SET state = CASE
        WHEN job.scheduled_at > now() THEN 'scheduled' ELSE 'available'
    END::job_state
    FROM (
        SELECT waiting.id FROM job AS waiting
        WHERE waiting.id = first AND waiting.state::text = 'pending'
        FOR UPDATE SKIP LOCKED
    ) AS free
    WHERE job.id = free.id
    RETURNING job.state INTO became;
    IF became = 'available' AND EXISTS (
        SELECT FROM node
        WHERE node.wants_wakeups AND node.ended_at IS NULL
        AND (of_queue = ANY (node.queues) OR '*' = ANY (node.queues))
    ) THEN
        PERFORM pg_notify(current_schema() || '.wakeup', of_queue);
    ELSIF became = 'scheduled' THEN
        PERFORM pg_notify(current_schema() || '.due', '');
    END IF;
    RETURN became IS NOT NULL;
END
$$;

-- Look whether a key's next job can begin; without waiting for anybody. A transaction with an older
-- snapshot than this moment's cannot tell.
CREATE FUNCTION look_at_sequence(of_queue text, of_key text) RETURNS void
LANGUAGE plpgsql VOLATILE
AS $$
BEGIN
    IF current_setting('transaction_isolation') = 'read committed'
        AND sequence_turns_left()
        AND pg_try_advisory_xact_lock(sequence_lock(of_queue, of_key))
    THEN
        IF promote_sequence(of_queue, of_key) THEN
            RETURN;
        END IF;
    END IF;
    INSERT INTO sequence_due (queue, key) VALUES (of_queue, of_key);
    PERFORM pg_notify(current_schema() || '.due', '');
END
$$;

CREATE FUNCTION sequence_begins() RETURNS trigger
LANGUAGE plpgsql
AS $$
BEGIN
    NEW.state := 'pending';
    RETURN NEW;
END
$$;

-- Many may be enqueued behind a job that is ahead, at the same time: for that a shared lock is enough.
CREATE FUNCTION sequence_enqueued() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
AS $$
BEGIN
    IF current_setting('transaction_isolation') = 'read committed'
        AND sequence_turns_left()
        AND pg_try_advisory_xact_lock_shared(sequence_lock(NEW.queue, NEW.key))
    THEN
        IF sequence_is_ahead(NEW.queue, NEW.key) THEN
            RETURN NULL;
        END IF;
    END IF;
    PERFORM look_at_sequence(NEW.queue, NEW.key);
    RETURN NULL;
END
$$;

CREATE FUNCTION sequence_changed() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
AS $$
BEGIN
    IF TG_OP = 'DELETE' OR (NEW.queue, NEW.key) IS DISTINCT FROM (OLD.queue, OLD.key) THEN
        PERFORM look_at_sequence(OLD.queue, OLD.key);
    END IF;
    IF TG_OP = 'UPDATE' AND (
        (NEW.finalized_at IS NOT NULL AND OLD.finalized_at IS NULL)
        OR (NEW.state = 'pending' AND OLD.state <> 'pending')
        OR (NEW.queue, NEW.key) IS DISTINCT FROM (OLD.queue, OLD.key)
    ) THEN
        PERFORM look_at_sequence(NEW.queue, NEW.key);
    END IF;
    RETURN NULL;
END
$$;

-- See to keys that were left in sequence_due. Returns in how many seconds to see to the others; NULL:
-- there are none. The caller's transaction has to be a short one.
CREATE FUNCTION settle_sequences() RETURNS double precision
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    due record;
    settled boolean := false;
BEGIN
    FOR due IN
        SELECT DISTINCT sequence_due.queue::text, sequence_due.key::text
        FROM sequence_due
        ORDER BY 1, 2
        LIMIT 64
    LOOP
        BEGIN
            PERFORM pg_advisory_xact_lock(sequence_lock(due.queue, due.key));
            DELETE FROM sequence_due
            WHERE sequence_due.queue = due.queue AND sequence_due.key = due.key;
            IF promote_sequence(due.queue, due.key) THEN
                settled := true;
            ELSE
                INSERT INTO sequence_due (queue, key) VALUES (due.queue, due.key);
            END IF;
        EXCEPTION WHEN lock_not_available THEN
            NULL; -- somebody is about to commit; it is still noted
        END;
    END LOOP;
    RETURN CASE
        WHEN NOT EXISTS (SELECT FROM sequence_due) THEN NULL
        WHEN settled THEN 0
        ELSE 0.02
    END;
END
$$;

DO $$
DECLARE
    signature text;
BEGIN
    FOREACH signature IN ARRAY ARRAY[
        'sequence_is_ahead(text, text)', 'promote_sequence(text, text)',
        'look_at_sequence(text, text)', 'sequence_enqueued()', 'sequence_changed()',
        'settle_sequences()'
    ] LOOP
        EXECUTE format(
            'ALTER FUNCTION %s SET search_path = %I, pg_temp', signature, current_schema()
        );
    END LOOP;
    -- Whoever commits with such a lock does so in milliseconds, but for those who force their deferred
    -- triggers early (SET CONSTRAINTS).
    ALTER FUNCTION settle_sequences() SET lock_timeout = '100ms';
    FOREACH signature IN ARRAY ARRAY[
        'sequence_is_ahead(text, text)', 'promote_sequence(text, text)', 'settle_sequences()'
    ] LOOP
        -- In the caller's session too: by index, whatever the statistics say.
        EXECUTE format('ALTER FUNCTION %s SET enable_seqscan = off', signature);
    END LOOP;
END
$$;

CREATE TRIGGER job_sequence_begins
    BEFORE INSERT ON job FOR EACH ROW
    WHEN (NEW.sequence AND NEW.state IN ('available', 'scheduled'))
    EXECUTE FUNCTION sequence_begins();
CREATE CONSTRAINT TRIGGER job_sequence_enqueued
    AFTER INSERT ON job DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    WHEN (NEW.sequence)
    EXECUTE FUNCTION sequence_enqueued();
-- A claim sets none of these columns, and so does not even ask. Nothing here names OLD, which would be taken
-- apart for each ack, of whatever job.
CREATE CONSTRAINT TRIGGER job_sequence_changed
    AFTER UPDATE OF finalized_at, queue, key ON job DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    WHEN (NEW.sequence)
    EXECUTE FUNCTION sequence_changed();
CREATE CONSTRAINT TRIGGER job_sequence_deleted
    AFTER DELETE ON job DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    WHEN (OLD.sequence AND OLD.finalized_at IS NULL)
    EXECUTE FUNCTION sequence_changed();
