-- Undo 034_graphs: roots of graphs are cancelled, and what waits in a graph waits no more.
UPDATE job SET state = 'cancelled', finalized_at = now(), cancel_reason = 'its graph is not known any more'
WHERE job.kind = 'headrace.graph' AND job.finalized_at IS NULL;
UPDATE job SET state = 'available'
FROM dependency
WHERE NOT dependency.released AND job.id = ANY (dependency.waiting) AND job.state = 'pending'
AND job.attempted_at IS NULL;
UPDATE job -- children that were held for the second time
SET state = CASE WHEN job.paused_at IS NULL THEN 'available' ELSE 'pending' END::job_state,
    paused_from = CASE WHEN job.paused_at IS NOT NULL THEN 'available' END::job_state,
    scheduled_at = now()
WHERE job.state = 'pending' AND job.run_number > 0 AND job.parent_id IS NOT NULL
AND job.sequence IS NOT TRUE AND job.scheduled_at >= now() + interval '50 years';
DELETE FROM step WHERE step.op = 'graph';
DROP FUNCTION sweep_dependents(integer);
DROP FUNCTION release_dependents(uuid[]);
DROP FUNCTION end_graph(uuid);
DROP FUNCTION judge_dependency(uuid, text, integer);
DROP FUNCTION open_dependency(uuid, text, integer, text);
DROP FUNCTION enqueue_graph(json);
CREATE OR REPLACE FUNCTION room_for_children(parent uuid, at_place text, most integer) RETURNS integer
LANGUAGE plpgsql STABLE
AS $$
BEGIN
    RETURN most - (
        SELECT count(*) FROM job
        WHERE job.parent_id = parent AND job.parent_place = at_place
        AND job.state IN ('available', 'scheduled', 'running', 'retryable')
    ) - (
        SELECT count(*) FROM job
        WHERE job.parent_id = parent AND job.parent_place = at_place
        AND job.state = 'pending' AND job.run_number > 0
    );
END
$$;

CREATE OR REPLACE FUNCTION release_children(parent uuid, at_place text, most integer) RETURNS integer
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    room integer;
    queues text[];
    due boolean;
    begun integer;
BEGIN
    PERFORM pg_advisory_xact_lock(
        hashtextextended(format('%s %s %s', current_schema(), parent, at_place), 11)
    );
    room := room_for_children(parent, at_place, most);
    IF room <= 0 THEN
        RETURN 0;
    END IF;
    WITH held AS MATERIALIZED (
        SELECT job.id
        FROM job
        WHERE job.parent_id = parent AND job.parent_place = at_place
        AND job.state = 'pending' AND job.run_number = 0 AND job.sequence IS NOT TRUE AND job.paused_at IS NULL
        ORDER BY job.scheduled_at
        LIMIT room
        FOR UPDATE SKIP LOCKED
    ), begun AS (
        UPDATE job
        SET state = CASE
            WHEN job.scheduled_at > now() THEN 'scheduled' ELSE 'available'
        END::job_state
        FROM held
        WHERE job.id = ANY (ARRAY[held.id])
        RETURNING job.state, job.queue
    )
    SELECT
        array_agg(DISTINCT begun.queue::text) FILTER (WHERE begun.state = 'available'),
        bool_or(begun.state = 'scheduled'), count(*)
    INTO queues, due, begun
    FROM begun;
    PERFORM pg_notify(current_schema() || '.wakeup', served.queue) FROM unnest(queues) AS served (queue);
    IF due THEN
        PERFORM pg_notify(current_schema() || '.due', '');
    END IF;
    RETURN begun;
END
$$;

CREATE OR REPLACE FUNCTION spawn_children(
    parent uuid, run integer, at_place text, jobs json, waiting json, most integer, detached boolean
) RETURNS text
LANGUAGE plpgsql VOLATILE
AS $$
#variable_conflict use_column
DECLARE
    done_by integer;
    queues text[];
    due boolean;
    serving text;
    number integer := json_array_length(jobs);
BEGIN
    SELECT coalesce(node.name, '') INTO serving
    FROM job LEFT JOIN node ON node.id = job.node_id
    WHERE job.id = parent AND job.run_number = run AND job.state::text = 'running'
    FOR SHARE OF job;
    IF serving IS NULL THEN
        RETURN 'lost';
    END IF;
    SELECT step.run_number INTO done_by
    FROM step
    WHERE step.job_id = parent AND step.place = at_place AND step.done;
    IF done_by IS NOT NULL THEN
        RETURN done_by::text;
    END IF;
    WITH given AS MATERIALIZED (
        SELECT
            entry.*, coalesce(entry.queue, 'default') AS into_queue,
            coalesce(
                entry.scheduled_at, now() + make_interval(secs => coalesce(entry.delay_seconds, 0))
            ) AS due_at,
            CASE
                WHEN entry.options IS NOT NULL
                THEN stored_options(
                    entry.options, (entry.place - 1)::integer, coalesce(entry.scheduled_at, now())
                )
            END AS stored
        FROM ROWS FROM (
            json_to_recordset(jobs) AS (
                id uuid, kind text, queue text, priority smallint, max_attempts smallint,
                timeout_seconds double precision, delay_seconds double precision,
                scheduled_at timestamptz, args jsonb, metadata jsonb, tags text[], options json
            )
        ) WITH ORDINALITY AS entry (
            id, kind, queue, priority, max_attempts, timeout_seconds, delay_seconds, scheduled_at,
            args, metadata, tags, options, place
        )
    ), written AS (
        INSERT INTO job (
            id, kind, queue, priority, max_attempts, timeout_seconds, scheduled_at, state,
            args, metadata, tags, key, sequence, unique_key, unique_states, expires_at,
            parent_id, parent_place
        )
        SELECT
            given.id, given.kind, given.into_queue, coalesce(given.priority, 1::smallint),
            coalesce(given.max_attempts, 25::smallint), given.timeout_seconds,
            -- Earlier items first, and the last of them now.
            CASE
                WHEN given.scheduled_at IS NULL AND given.delay_seconds IS NULL
                THEN now() - make_interval(secs => (number - given.place) * 1e-6)
                ELSE given.due_at
            END,
            CASE
                WHEN most IS NOT NULL AND NOT detached
                    AND NOT coalesce((given.stored ->> 'sequence')::boolean, false)
                THEN 'pending'
                WHEN given.due_at > now() THEN 'scheduled'
                ELSE 'available'
            END::job_state,
            coalesce(given.args, '{}'), coalesce(given.metadata, '{}'), coalesce(given.tags, '{}'),
            given.stored ->> 'key', nullif((given.stored ->> 'sequence')::boolean, false),
            (given.stored ->> 'unique_key')::bytea, (given.stored ->> 'unique_states')::bit(8),
            (given.stored ->> 'expires_at')::timestamptz,
            CASE WHEN NOT detached THEN parent END, CASE WHEN NOT detached THEN at_place END
        FROM given
        ORDER BY coalesce((given.stored ->> 'unique_key')::bytea, uuid_send(given.id)), given.place
        ON CONFLICT (id) DO NOTHING
        RETURNING job.queue, job.state, job.scheduled_at
    )
    SELECT
        array_agg(DISTINCT written.queue::text) FILTER (WHERE written.state = 'available'),
        bool_or(written.state = 'scheduled' AND written.scheduled_at <= now() + interval '10 s')
    INTO queues, due
    FROM written;
    PERFORM pg_notify(current_schema() || '.wakeup', served.queue)
    FROM unnest(queues) AS served (queue)
    WHERE EXISTS (
        SELECT FROM node
        WHERE node.wants_wakeups AND node.ended_at IS NULL
        AND (served.queue = ANY (node.queues) OR '*' = ANY (node.queues))
    );
    IF due THEN
        PERFORM pg_notify(current_schema() || '.due', '');
    END IF;
    IF most IS NOT NULL AND NOT detached THEN
        PERFORM release_children(parent, at_place, most);
    END IF;
    IF waiting IS NOT NULL THEN
        INSERT INTO step (
            job_id, place, op, name, done, output, error, attempts, run_number, node, seconds, mode,
            until, max_in_flight
        )
        SELECT
            parent, at_place, given.op, given.name, given.done, given.output, given.error,
            given.attempts, run, serving, given.seconds, given.mode,
            coalesce(
                to_timestamp(given.until),
                clock_timestamp() + make_interval(secs => given.until_seconds)
            ),
            given.max_in_flight
        FROM json_to_record(waiting) AS given (
            op text, name text, done boolean, output json, error json, attempts smallint,
            seconds real, mode text, until double precision, until_seconds double precision,
            max_in_flight integer
        )
        ON CONFLICT (job_id, place) DO UPDATE SET
            op = excluded.op, name = excluded.name, done = excluded.done, output = excluded.output,
            error = excluded.error, attempts = excluded.attempts, run_number = excluded.run_number,
            node = excluded.node, seconds = excluded.seconds, mode = excluded.mode,
            until = excluded.until, max_in_flight = excluded.max_in_flight,
            recorded_at = excluded.recorded_at;
    END IF;
    RETURN 'spawned';
END
$$;

CREATE OR REPLACE FUNCTION forget_failures(ids uuid[]) RETURNS integer
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    again uuid[];
    queues text[];
BEGIN
    IF NOT EXISTS (
        SELECT FROM step WHERE step.job_id = ANY (ids) AND (step.error IS NOT NULL OR NOT step.done)
    ) THEN
        RETURN 0;
    END IF;
    UPDATE step SET done = false, error = NULL
    WHERE step.job_id = ANY (ids) AND step.error IS NOT NULL AND step.done
    AND step.op IN ('run', 'map') AND NOT step_is_followed(step.job_id, step.place)
    AND EXISTS (
        SELECT FROM job
        WHERE job.parent_id = ANY (ARRAY[step.job_id]) AND job.parent_place = step.place
    );
    DELETE FROM step
    WHERE step.job_id = ANY (ids) AND step.error IS NOT NULL AND step.done
    AND NOT step_is_followed(step.job_id, step.place);
    WITH failed AS MATERIALIZED (
        SELECT child.id
        FROM step
        JOIN job AS child
            ON child.parent_id = step.job_id AND child.parent_place = step.place
            AND child.state IN ('cancelled', 'discarded')
        WHERE step.job_id = ANY (ids) AND NOT step.done
        FOR UPDATE OF child SKIP LOCKED
    ), changed AS (
        UPDATE job
        SET state = CASE WHEN job.sequence THEN 'pending' ELSE 'available' END::job_state,
            finalized_at = NULL,
            cancel_requested_at = NULL,
            cancel_reason = NULL,
            output = NULL,
            crashes = 0,
            expires_at = CASE WHEN job.expires_at > now() THEN job.expires_at END,
            max_attempts = greatest(job.max_attempts, job.attempt + 1)
        FROM failed
        WHERE job.id = ANY (ARRAY[failed.id])
        RETURNING job.id, job.queue
    )
    SELECT array_agg(changed.id), array_agg(DISTINCT changed.queue::text) INTO again, queues
    FROM changed;
    IF again IS NULL THEN
        RETURN 0;
    END IF;
    PERFORM pg_notify(current_schema() || '.wakeup', served.queue) FROM unnest(queues) AS served (queue);
    PERFORM forget_failures(again);
    RETURN cardinality(again);
END
$$;

DROP FUNCTION write_dependencies(uuid, text, json);
DROP FUNCTION write_children(uuid, text, json, integer, boolean);
DO $$
DECLARE
    signature text;
BEGIN
    FOREACH signature IN ARRAY ARRAY[
        'room_for_children(uuid, text, integer)', 'release_children(uuid, text, integer)',
        'spawn_children(uuid, integer, text, json, json, integer, boolean)',
        'forget_failures(uuid[])'
    ] LOOP
        EXECUTE format(
            'ALTER FUNCTION %s SET search_path = %I, pg_temp', signature, current_schema()
        );
    END LOOP;
END
$$;
