-- 036_waits_and_rights: who reads what a workflow publishes is told of it; a snooze lasts its time; events
--        tell a suspension from a snooze; and producers may talk to workflows.
-- Why:   readers of published values looked four times a second; a signal cut a snooze short that the
--        workflow had asked for; who subscribed heard "snoozed" of workflows that wait; and who may only
--        enqueue could start a workflow, but send it no signal.
-- Locks: SHARE ROW EXCLUSIVE on published and signal, for a moment.
-- Safe while serving: yes.
-- Rights: producers of before have those of before: grant them again, if they shall talk to workflows.

-- Tell who waits for a job: client_await.sql has written that he does. Nodes do not listen to it.
CREATE FUNCTION notify_published() RETURNS trigger
LANGUAGE plpgsql
AS $$
BEGIN
    IF EXISTS (
        SELECT FROM waiter WHERE waiter.job_id = NEW.job_id AND waiter.expires_at > now()
    ) THEN
        PERFORM pg_notify(current_schema() || '.published', NEW.job_id::text);
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER published_notify AFTER INSERT OR UPDATE ON published
    FOR EACH ROW EXECUTE FUNCTION notify_published();

-- As in 029 and 032. And a workflow that has raised Snooze has a row at place 0.0.2, of the run that raised
-- it: until its time only a cancellation, for which a workflow waits at 0.0.1, is reason enough to wake it.
CREATE OR REPLACE FUNCTION wake_jobs(ids uuid[]) RETURNS TABLE (woken integer, cancelled integer)
LANGUAGE plpgsql VOLATILE
AS $$
BEGIN
    PERFORM release_children(waiting.job_id, waiting.place, waiting.max_in_flight)
    FROM (
        SELECT step.job_id, step.place, step.max_in_flight
        FROM step
        WHERE step.job_id = ANY (ids) AND NOT step.done AND step.max_in_flight IS NOT NULL
        AND NOT (step.mode = 'first' AND EXISTS (
            SELECT FROM job AS child
            WHERE child.parent_id = ANY (ARRAY[step.job_id]) AND child.parent_place = step.place
            AND child.state IN ('cancelled', 'discarded')
        ))
        ORDER BY step.job_id, step.place
        OFFSET 0
    ) AS waiting;
    WITH ready AS MATERIALIZED (
        SELECT job.id
        FROM job
        WHERE job.id = ANY (ids) AND job.state::text IN ('pending', 'scheduled') AND job.paused_at IS NULL
        AND EXISTS (
            SELECT FROM step
            WHERE step.job_id = ANY (ARRAY[job.id]) AND NOT step.done
            AND (step.place = '0.0.1' OR NOT EXISTS (
                SELECT FROM step AS snoozed
                WHERE snoozed.job_id = ANY (ARRAY[job.id]) AND snoozed.place = '0.0.2'
                AND snoozed.run_number = job.run_number AND snoozed.until > now()
            ))
            AND CASE step.op
                WHEN 'signal'
                THEN EXISTS (
                    SELECT FROM signal
                    WHERE signal.job_id = ANY (ARRAY[step.job_id]) AND signal.taken_at IS NULL
                    AND signal.name::text = step.name
                )
                WHEN 'event'
                THEN EXISTS (SELECT FROM happening WHERE happening.name = ANY (ARRAY[step.name]))
                WHEN 'run'
                THEN children_over(step.job_id, step.place, step.mode)
                WHEN 'map'
                THEN children_over(step.job_id, step.place, step.mode)
            END
        )
        FOR UPDATE SKIP LOCKED
    ), gone_on AS (
        UPDATE job
        SET state = 'available', scheduled_at = least(job.scheduled_at, now())
        FROM ready
        WHERE job.id = ANY (ARRAY[ready.id])
        RETURNING pg_notify(current_schema() || '.wakeup', job.queue)
    )
    SELECT count(*) INTO woken FROM gone_on;
    cancelled := 0;
    IF EXISTS (
        SELECT FROM job
        WHERE job.id = ANY (ids) AND (job.finalized_at IS NOT NULL OR job.expired_at IS NOT NULL)
    )
        OR EXISTS (SELECT FROM step WHERE step.job_id = ANY (ids) AND step.error IS NOT NULL)
    THEN
        cancelled := cancel_children(ids, 1000);
    END IF;
    RETURN NEXT;
END
$$;

-- What a suspended workflow waits for, such as 'signal approved'; NULL: nothing, or it was snoozed.
CREATE FUNCTION waits_of(of_job uuid, run integer) RETURNS text
LANGUAGE plpgsql STABLE
AS $$
BEGIN
    RETURN (
        SELECT left(string_agg(trim(step.op || ' ' || step.name), ', ' ORDER BY step.place), 200)
        FROM step
        WHERE step.job_id = of_job AND NOT step.done AND step.place > '0/'
        AND NOT EXISTS (
            SELECT FROM step AS snoozed
            WHERE snoozed.job_id = of_job AND snoozed.place = '0.0.2' AND snoozed.run_number = run
        )
    );
END
$$;

-- As in 015, and besides: what was snoozed for the sake of a wait is suspended, and its waits are told.
CREATE OR REPLACE FUNCTION emit_events(ids uuid[], words text[]) RETURNS bigint
LANGUAGE plpgsql VOLATILE
AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM subscriber WHERE subscriber.expires_at > now()) THEN
        RETURN 0;
    END IF;
    RETURN (
        WITH happened AS MATERIALIZED (
            SELECT
                given.id, given.place, waits.told AS waits,
                CASE WHEN waits.told IS NOT NULL THEN 'suspended' ELSE given.word END AS word
            FROM unnest(ids, words) WITH ORDINALITY AS given (id, word, place)
            LEFT JOIN LATERAL (
                SELECT waits_of(job.id, job.run_number) AS told
                FROM job
                WHERE job.id = given.id
            ) AS waits ON given.word IN ('snoozed', 'suspended')
        ), told AS (
            SELECT
                given.place,
                json_strip_nulls(json_build_object(
                    'event', given.word,
                    'at', clock_timestamp(),
                    'queue', job.queue,
                    'job_id', job.id,
                    'kind', job.kind,
                    'state', job.state,
                    'run_number', job.run_number,
                    'attempt', job.attempt,
                    'max_attempts', job.max_attempts,
                    'error', left(failure.error_class, 200),
                    'pid', failure.pid,
                    'exit_status', failure.exit_status,
                    'signal', failure.signal,
                    'waits', given.waits
                ))::text AS item
            FROM happened AS given
            JOIN job ON job.id = given.id
            LEFT JOIN failure
                ON failure.job_id = job.id AND failure.run_number = job.run_number
                AND given.word <> 'completed'
            WHERE EXISTS (
                SELECT FROM subscriber
                WHERE subscriber.expires_at > now()
                AND (subscriber.events IS NULL OR given.word = ANY (subscriber.events))
                AND (subscriber.kinds IS NULL OR job.kind::text = ANY (subscriber.kinds))
                AND (subscriber.queues IS NULL OR job.queue::text = ANY (subscriber.queues))
            )
        ), paged AS (
            SELECT
                told.place,
                told.item,
                (sum(octet_length(told.item) + 1) OVER (ORDER BY told.place))::bigint / 4000 AS page
            FROM told
        )
        SELECT count(pg_notify(current_schema() || '.event', '[' || page.items || ']'))
        FROM (
            SELECT string_agg(paged.item, ',' ORDER BY paged.place) AS items
            FROM paged
            GROUP BY paged.page
        ) AS page
    );
END
$$;

-- Signals of ours are orders, such as that to cancel: only who may change jobs sends them.
CREATE FUNCTION refuse_reserved_signal() RETURNS trigger
LANGUAGE plpgsql
AS $$
BEGIN
    IF NOT has_table_privilege('job', 'UPDATE') THEN
        RAISE EXCEPTION USING ERRCODE = '42501', MESSAGE = format(
            'signal: %s is sent by those alone who may change jobs', NEW.name
        );
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER signal_reserved BEFORE INSERT ON signal
    FOR EACH ROW WHEN (starts_with(NEW.name::text, 'headrace.'))
    EXECUTE FUNCTION refuse_reserved_signal();

-- As in 012, and besides: a producer may send signals to workflows and let events happen, and read what
-- workflows publish; it reads no signals and no events. Its rights on waiter are those to be told of that.
CREATE OR REPLACE FUNCTION grant_producer(role name) RETURNS void
LANGUAGE plpgsql
AS $$
BEGIN
    EXECUTE format('GRANT USAGE ON SCHEMA %I TO %I', current_schema(), role);
    EXECUTE format(
        'GRANT INSERT (id, kind, queue, priority, max_attempts, timeout_seconds, scheduled_at, state,'
        ' args, metadata, tags, key, sequence, unique_key, unique_states, expires_at),'
        ' SELECT (id, kind, state, queue, scheduled_at, unique_key, unique_states, run_number) ON job'
        ' TO %I', role
    );
    EXECUTE format('GRANT SELECT (queues, wants_wakeups, ended_at) ON node TO %I', role);
    EXECUTE format(
        'GRANT INSERT (job_id, id, name, value), SELECT (job_id, id) ON signal TO %I', role
    );
    EXECUTE format('GRANT INSERT (name, value) ON happening TO %I', role);
    EXECUTE format('GRANT SELECT (job_id, key, value) ON published TO %I', role);
    EXECUTE format(
        'GRANT INSERT, SELECT (job_id, expires_at), UPDATE (expires_at) ON waiter TO %I', role
    );
END
$$;

DO $$
DECLARE
    signature text;
BEGIN
    FOREACH signature IN ARRAY ARRAY[
        'notify_published()', 'waits_of(uuid, integer)', 'emit_events(uuid[], text[])',
        'refuse_reserved_signal()', 'grant_producer(name)', 'wake_jobs(uuid[])'
    ] LOOP
        EXECUTE format(
            'ALTER FUNCTION %s SET search_path = %I, pg_temp', signature, current_schema()
        );
    END LOOP;
END
$$;
