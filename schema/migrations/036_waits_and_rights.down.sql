-- Undo 036_waits_and_rights. Producers keep what they were granted since: revoke it by hand.
DROP TRIGGER signal_reserved ON signal;
DROP FUNCTION refuse_reserved_signal();
DROP TRIGGER published_notify ON published;
DROP FUNCTION notify_published();
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
CREATE OR REPLACE FUNCTION emit_events(ids uuid[], words text[]) RETURNS bigint
LANGUAGE plpgsql VOLATILE
AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM subscriber WHERE subscriber.expires_at > now()) THEN
        RETURN 0;
    END IF;
    RETURN (
        WITH told AS (
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
                    'signal', failure.signal
                ))::text AS item
            FROM unnest(ids, words) WITH ORDINALITY AS given (id, word, place)
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
DROP FUNCTION waits_of(uuid, integer);
CREATE OR REPLACE FUNCTION grant_producer(role name) RETURNS void
LANGUAGE plpgsql
AS $$
BEGIN
    EXECUTE format('GRANT USAGE ON SCHEMA %I TO %I', current_schema(), role);
    EXECUTE format(
        'GRANT INSERT (id, kind, queue, priority, max_attempts, timeout_seconds, scheduled_at, state,'
        ' args, metadata, tags, key, sequence, unique_key, unique_states, expires_at),'
        ' SELECT (id, state, queue, scheduled_at, unique_key, unique_states, run_number) ON job'
        ' TO %I', role
    );
    EXECUTE format('GRANT SELECT (queues, wants_wakeups, ended_at) ON node TO %I', role);
END
$$;
DELETE FROM step WHERE step.place = '0.0.2';
DO $$
DECLARE
    signature text;
BEGIN
    FOREACH signature IN ARRAY ARRAY[
        'emit_events(uuid[], text[])', 'grant_producer(name)', 'wake_jobs(uuid[])'
    ] LOOP
        EXECUTE format(
            'ALTER FUNCTION %s SET search_path = %I, pg_temp', signature, current_schema()
        );
    END LOOP;
END
$$;
