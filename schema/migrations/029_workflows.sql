-- 029_workflows: what workflows have done, wait for and were sent; and whose children jobs are.
-- Why:   a workflow is a job that runs again from its beginning, and does not do again what it has
--        done: each piece of it is a row of `step`. What waits is `scheduled` or `pending` and held by
--        nobody.
-- How:   nobody locks anything over a wait. Who suspends a job, and who brings what it waits for,
--        write, commit, and then look (wake_jobs): whoever commits later sees what the other wrote.
-- Plans: by index, whatever the statistics say. = ANY (ARRAY[id]): an equality under OR or CASE could be
--        hashed, and the table read whole for it.
-- Locks: ACCESS EXCLUSIVE on job, for a moment: no row is rewritten.
-- Safe while serving: yes; nodes of older versions run no workflows.
ALTER TABLE job
    ADD COLUMN parent_id uuid,                          -- the workflow that waits for it. No foreign key: a
                                                        -- child must not lock its parent's row
    ADD COLUMN parent_place text COLLATE "C";           -- the place there

-- No foreign key on job, here and below: it would lock the job's row once more for each row, and cost
-- each deletion of a job a look here; a trigger looks once a statement instead.
CREATE TABLE step (
    job_id uuid NOT NULL,
    began_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    recorded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    until timestamptz,                                  -- when an open one can go on, or gives up
    run_number integer NOT NULL,                        -- that recorded it last
    max_in_flight integer,                              -- of a map: how many children at once
    seconds real,                                       -- that it took
    attempts smallint NOT NULL DEFAULT 1,
    done boolean NOT NULL,                              -- else it is open: it waits
    place text COLLATE "C" NOT NULL,                    -- "3"; in branch 1 of a gather there: "3.1.1"
    op text NOT NULL,
    name text NOT NULL,
    mode text NOT NULL DEFAULT '',                      -- of run and map: "first" failure, or "all"
    node text,                                          -- name of the node that recorded it
    output json,                                        -- the text as it was: jsonb would order its keys anew,
                                                        -- and a replay walk them in another order
    error json,                                         -- [class, message]
    PRIMARY KEY (job_id, place),
    CONSTRAINT step_output_size CHECK (octet_length(output::text) <= 6 * 1024 * 1024)
) WITH (
    autovacuum_vacuum_scale_factor = 0.02,
    autovacuum_vacuum_threshold = 1000,
    autovacuum_vacuum_insert_scale_factor = 0.05,
    autovacuum_vacuum_cost_limit = 2000,
    vacuum_truncate = off
);
-- Done steps enter neither of these.
CREATE INDEX step_open ON step (job_id) WHERE NOT done;
CREATE INDEX step_waiting ON step (op, name, job_id)
    WHERE NOT done AND op IN ('signal', 'event', 'run', 'map');
CREATE INDEX step_failed ON step (job_id) WHERE error IS NOT NULL;

CREATE TABLE signal (
    job_id uuid NOT NULL,
    id uuid NOT NULL,                                   -- made by the sender: sent twice, it is there once
    sent_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    taken_at timestamptz,
    name job_name NOT NULL,
    place text,                                         -- of the step that took it
    value job_output NOT NULL,
    PRIMARY KEY (job_id, id)
) WITH (autovacuum_vacuum_scale_factor = 0.05, vacuum_truncate = off);
CREATE INDEX signal_untaken ON signal (job_id, sent_at, id) WHERE taken_at IS NULL;

CREATE TABLE published (
    job_id uuid NOT NULL,
    published_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    key text NOT NULL,
    value json NOT NULL,
    PRIMARY KEY (job_id, key)
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.05, vacuum_truncate = off);

-- Events that many workflows wait for. The first emit counts.
CREATE TABLE happening (
    name job_name PRIMARY KEY,
    emitted_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    value job_output NOT NULL
);

-- As in 015, and besides what workflows leave.
CREATE OR REPLACE FUNCTION drop_notes() RETURNS trigger
LANGUAGE plpgsql
AS $$
BEGIN
    IF EXISTS (SELECT FROM note) OR EXISTS (SELECT FROM log) THEN
        DELETE FROM note USING gone WHERE note.job_id = gone.id;
        DELETE FROM log USING gone WHERE log.job_id = gone.id;
    END IF;
    IF EXISTS (SELECT FROM step) OR EXISTS (SELECT FROM signal) THEN
        DELETE FROM step USING gone WHERE step.job_id = gone.id;
        DELETE FROM signal USING gone WHERE signal.job_id = gone.id;
        DELETE FROM published USING gone WHERE published.job_id = gone.id;
    END IF;
    RETURN NULL;
END
$$;

-- Send a signal to a workflow, before it waits for it or after. id: to send it again with the same
-- changes nothing. Returns 'sent'; 'known', if this id was there; the state of a job that has ended, or
-- NULL where there is none: then nothing was written. It locks nothing of the job: the sender's
-- transaction may be a long one.
CREATE FUNCTION send_signal(
    job_id uuid, name text, value jsonb DEFAULT 'null', id uuid DEFAULT NULL
) RETURNS text
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    signal_id uuid := coalesce(send_signal.id, gen_random_uuid());
    at job_state;
BEGIN
    IF coalesce(char_length(send_signal.name), 0) NOT BETWEEN 1 AND 127 THEN
        RAISE EXCEPTION USING ERRCODE = '22023', MESSAGE = format(
            'signal: name has %s characters; give 1 to 127',
            coalesce(char_length(send_signal.name), 0)
        );
    END IF;
    IF EXISTS (
        SELECT FROM signal WHERE signal.job_id = send_signal.job_id AND signal.id = signal_id
    ) THEN
        RETURN 'known';
    END IF;
    SELECT job.state INTO at FROM job WHERE job.id = send_signal.job_id;
    IF at IS NULL OR at >= 'cancelled' THEN
        RETURN at::text;
    END IF;
    INSERT INTO signal (job_id, id, name, value)
    VALUES (send_signal.job_id, signal_id, send_signal.name, coalesce(send_signal.value, 'null'))
    ON CONFLICT DO NOTHING;
    IF NOT FOUND THEN
        RETURN 'known';
    END IF;
    PERFORM pg_notify(current_schema() || '.wake', send_signal.job_id::text);
    RETURN 'sent';
END
$$;

-- Let an event happen, for all workflows that wait for it or will. Returns whether it was the first of
-- its name: only that one counts.
CREATE FUNCTION emit_event(name text, value jsonb DEFAULT 'null') RETURNS boolean
LANGUAGE plpgsql VOLATILE
AS $$
BEGIN
    IF coalesce(char_length(emit_event.name), 0) NOT BETWEEN 1 AND 127 THEN
        RAISE EXCEPTION USING ERRCODE = '22023', MESSAGE = format(
            'event: name has %s characters; give 1 to 127', coalesce(char_length(emit_event.name), 0)
        );
    END IF;
    INSERT INTO happening (name, value)
    VALUES (emit_event.name, coalesce(emit_event.value, 'null'))
    ON CONFLICT DO NOTHING;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    PERFORM pg_notify(current_schema() || '.wake', 'event:' || emit_event.name);
    RETURN true;
END
$$;

-- How many more children of a map may begin. A held child is pending and never ran.
CREATE FUNCTION room_for_children(parent uuid, at_place text, most integer) RETURNS integer
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

-- Let as many children of a map begin as there is room for, in the order of its items. A child
-- of a sequence waits for its turn instead. Exact: who counts holds the parent's lock until its commit,
-- and looks when it has it. Returns how many began.
CREATE FUNCTION release_children(parent uuid, at_place text, most integer) RETURNS integer
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
        AND job.state = 'pending' AND job.run_number = 0 AND job.sequence IS NOT TRUE
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

-- Insert child jobs of a run, and the step that waits for them. jobs: as enqueue_many takes them, which
-- the caller has checked. waiting: the step as JSON, or NULL: it comes later. most: of a map: how many
-- children at once; NULL: all. Children get places in the order of their items. Returns 'lost', if it is
-- not the running run; the run that recorded this step as done; or 'spawned'.
-- Errors: 23505 job_unique, if another job holds the key of one.
CREATE FUNCTION spawn_children(
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

-- Cancel up to `most` children that nobody waits for any more: their parent has ended, or the step that
-- waited for them has failed; and theirs. Rows that somebody holds are left for the next look.
-- Returns how many.
CREATE FUNCTION cancel_children(parents uuid[], most integer) RETURNS integer
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    generation uuid[];
    cancelled integer := 0;
    ended uuid[];
BEGIN
    WITH orphan AS MATERIALIZED (
        SELECT job.id
        FROM unnest(parents) AS parent (id)
        JOIN job ON job.parent_id = ANY (ARRAY[parent.id]) AND job.finalized_at IS NULL
        WHERE NOT EXISTS (
            SELECT FROM job AS alive
            WHERE alive.id = ANY (ARRAY[parent.id]) AND alive.finalized_at IS NULL
        )
        OR EXISTS (
            SELECT FROM step
            WHERE step.job_id = ANY (ARRAY[parent.id]) AND step.place = job.parent_place
            AND step.done AND step.error IS NOT NULL
        )
        LIMIT most
        FOR UPDATE OF job SKIP LOCKED
    ), changed AS (
        UPDATE job
        SET cancel_requested_at = coalesce(job.cancel_requested_at, now()),
            cancel_reason = coalesce(job.cancel_reason, 'nobody waits for it: its workflow went on or ended'),
            state = CASE WHEN job.state = 'running' THEN job.state ELSE 'cancelled' END,
            finalized_at = CASE WHEN job.state <> 'running' THEN now() END
        FROM orphan
        WHERE job.id = ANY (ARRAY[orphan.id])
        AND (job.state <> 'running' OR job.cancel_requested_at IS NULL)
        RETURNING
            job.id, job.state,
            CASE
                WHEN job.state = 'running'
                THEN pg_notify(current_schema() || '.control', 'cancel:' || job.id::text)
            END
    )
    SELECT array_agg(changed.id) FILTER (WHERE changed.state = 'cancelled'), count(*)
    INTO ended, cancelled
    FROM changed;
    IF ended IS NOT NULL THEN
        PERFORM notify_finished(ended);
        IF cancelled < most THEN
            cancelled := cancelled + cancel_children(ended, most - cancelled);
        END IF;
    END IF;
    RETURN cancelled;
END
$$;

-- Look at suspended jobs: make those available of which an open step can go on. Times are the
-- stager's. Rows that somebody holds are passed by only if they could go on: so of two that look, the
-- one that sees more is not kept from it by the other. Maps let children begin; ended parents' are cancelled.
CREATE FUNCTION wake_jobs(ids uuid[]) RETURNS TABLE (woken integer, cancelled integer)
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
        WHERE job.id = ANY (ids) AND job.state::text IN ('pending', 'scheduled')
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
    IF EXISTS (SELECT FROM job WHERE job.id = ANY (ids) AND job.finalized_at IS NOT NULL)
        OR EXISTS (SELECT FROM step WHERE step.job_id = ANY (ids) AND step.error IS NOT NULL)
    THEN
        cancelled := cancel_children(ids, 1000);
    END IF;
    RETURN NEXT;
END
$$;

-- Whether a step's children have ended; with mode "first": or one of them has failed.
CREATE FUNCTION children_over(parent uuid, at_place text, mode text) RETURNS boolean
LANGUAGE plpgsql STABLE
AS $$
BEGIN
    RETURN NOT EXISTS (
        SELECT FROM job
        WHERE job.parent_id = parent AND job.parent_place = at_place AND job.state <= 'retryable'
    )
    OR mode = 'first' AND EXISTS (
        SELECT FROM job
        WHERE job.parent_id = parent AND job.parent_place = at_place
        AND job.state IN ('cancelled', 'discarded')
    );
END
$$;

-- Have nodes look at the parents of these jobs, which have ended, and at what these jobs waited for: who
-- ends jobs without an ack calls it. Returns how many are to be looked at.
CREATE FUNCTION tell_workflows(ids uuid[]) RETURNS bigint
LANGUAGE plpgsql VOLATILE
AS $$
BEGIN
    RETURN (
        SELECT count(pg_notify(current_schema() || '.wake', told.id::text))
        FROM (
            SELECT job.parent_id AS id
            FROM job
            WHERE job.id = ANY (ids) AND job.parent_id IS NOT NULL
            UNION
            SELECT step.job_id FROM step WHERE step.job_id = ANY (ids) AND NOT step.done
        ) AS told
    );
END
$$;

-- Whether a step is recorded that comes after this place, in its branch or behind the gather around it.
CREATE FUNCTION step_is_followed(of_job uuid, at_place text) RETURNS boolean
LANGUAGE plpgsql STABLE
AS $$
DECLARE
    parts text[] := string_to_array(at_place, '.');
    next text COLLATE "C";
BEGIN
    FOR level IN REVERSE cardinality(parts)..1 BY 2 LOOP
        next := array_to_string(parts[:level - 1] || (parts[level]::integer + 1)::text, '.');
        IF EXISTS (
            SELECT FROM step
            WHERE step.job_id = of_job AND step.place >= next AND step.place <= next || '/'
            AND (step.place = next OR step.place > next || '.')
        ) THEN
            RETURN true;
        END IF;
    END LOOP;
    RETURN false;
END
$$;

-- For workflows that shall go on from where they failed: forget failed steps that nothing followed, so that
-- they are tried again; a failure that the workflow has caught stays. Steps that wait for children are open
-- again, and of these children those that failed are available, as by retry.sql; and so on with theirs.
-- Returns how many children are tried again.
CREATE FUNCTION forget_failures(ids uuid[]) RETURNS integer
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

-- Look at what nobody looked at, since its node died or did not hear it: at most `most` jobs for each
-- reason. Costs nothing for jobs that wait for a time, or for what is not there. Returns how many woke.
CREATE FUNCTION sweep_waits(most integer) RETURNS integer
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    found uuid[];
    parents uuid[];
BEGIN
    found := ARRAY(
        SELECT untaken.job_id
        FROM (SELECT signal.job_id, signal.name FROM signal WHERE signal.taken_at IS NULL OFFSET 0) AS untaken
        CROSS JOIN LATERAL (
            SELECT FROM step
            WHERE step.job_id = untaken.job_id AND NOT step.done AND step.op = 'signal'
            AND step.name = untaken.name::text
            LIMIT 1
        ) AS waiting
        CROSS JOIN LATERAL (
            SELECT FROM job
            WHERE job.id = untaken.job_id AND job.state::text IN ('pending', 'scheduled')
            LIMIT 1
        ) AS suspended
        LIMIT most
    ) || ARRAY(
        SELECT waiting.job_id
        FROM (
            SELECT step.job_id, step.place, step.mode, step.max_in_flight
            FROM step
            WHERE NOT step.done AND step.op IN ('run', 'map')
            OFFSET 0
        ) AS waiting
        CROSS JOIN LATERAL (
            SELECT FROM job
            WHERE job.id = waiting.job_id AND job.state::text IN ('pending', 'scheduled')
            LIMIT 1
        ) AS suspended
        WHERE children_over(waiting.job_id, waiting.place, waiting.mode)
        OR EXISTS (
            SELECT FROM job
            WHERE job.parent_id = ANY (ARRAY[waiting.job_id]) AND job.parent_place = waiting.place
            AND job.state = 'pending' AND job.run_number = 0
        ) AND room_for_children(waiting.job_id, waiting.place, waiting.max_in_flight) > 0
        LIMIT most
    ) || ARRAY(
        WITH RECURSIVE waited (name) AS (
            (
                SELECT step.name FROM step
                WHERE NOT step.done AND step.op = 'event'
                ORDER BY step.name LIMIT 1
            )
            UNION ALL
            SELECT (
                SELECT step.name FROM step
                WHERE NOT step.done AND step.op = 'event' AND step.name > waited.name
                ORDER BY step.name LIMIT 1
            )
            FROM waited WHERE waited.name IS NOT NULL
        )
        SELECT waiting.job_id
        FROM waited
        CROSS JOIN LATERAL (
            SELECT FROM happening WHERE happening.name = waited.name LIMIT 1
        ) AS happened
        CROSS JOIN LATERAL (
            SELECT step.job_id
            FROM step
            WHERE step.op = 'event' AND step.name = waited.name AND NOT step.done
            LIMIT most
        ) AS waiting
        CROSS JOIN LATERAL (
            SELECT FROM job
            WHERE job.id = waiting.job_id AND job.state::text IN ('pending', 'scheduled')
            LIMIT 1
        ) AS suspended
        LIMIT most
    );
    -- Signals that came to be when their job was gone already: sent before, and committed after.
    DELETE FROM signal
    WHERE (signal.job_id, signal.id) IN (
        SELECT untaken.job_id, untaken.id
        FROM (SELECT signal.job_id, signal.id FROM signal WHERE signal.taken_at IS NULL OFFSET 0) AS untaken
        WHERE NOT EXISTS (SELECT FROM job WHERE job.id = ANY (ARRAY[untaken.job_id]))
        LIMIT most
    );
    -- Parents that have ended, or are gone, and steps that have failed, with children that have not.
    WITH RECURSIVE parent (id) AS (
        (
            SELECT job.parent_id FROM job
            WHERE job.parent_id IS NOT NULL AND job.finalized_at IS NULL
            ORDER BY job.parent_id LIMIT 1
        )
        UNION ALL
        SELECT (
            SELECT job.parent_id FROM job
            WHERE job.parent_id > parent.id AND job.finalized_at IS NULL
            ORDER BY job.parent_id LIMIT 1
        )
        FROM parent WHERE parent.id IS NOT NULL
    )
    SELECT array_agg(orphaning.id) INTO parents
    FROM (
        SELECT parent.id
        FROM parent
        WHERE parent.id IS NOT NULL AND (
            NOT EXISTS (
                SELECT FROM job
                WHERE job.id = ANY (ARRAY[parent.id]) AND job.finalized_at IS NULL
            )
            OR EXISTS (
                SELECT FROM step
                WHERE step.job_id = ANY (ARRAY[parent.id]) AND step.error IS NOT NULL AND step.done
                AND step.op IN ('run', 'map')
            )
        )
        LIMIT most
    ) AS orphaning;
    IF parents IS NOT NULL THEN
        PERFORM cancel_children(parents, 1000);
    END IF;
    IF cardinality(found) = 0 THEN
        RETURN 0;
    END IF;
    RETURN (SELECT looked.woken FROM wake_jobs(found) AS looked);
END
$$;

-- A workflow that has begun keeps its args, whoever would replace them: its next run has to do as the one
-- before did. So enqueue_duplicate of 012 gets one condition more.
DO $$
DECLARE
    known text := pg_get_functiondef('enqueue_duplicate(json)'::regprocedure);
    mark text := 'WHERE job.id = holder AND job.state IN (''available'', ''scheduled'', ''retryable'')';
BEGIN
    ASSERT strpos(known, mark) > 0, 'enqueue_duplicate is not that of 012';
    EXECUTE replace(
        known, mark, mark || ' AND NOT EXISTS (SELECT FROM step WHERE step.job_id = job.id)'
    );
END
$$;

DO $$
DECLARE
    signature text;
    granted name;
BEGIN
    FOREACH signature IN ARRAY ARRAY[
        'drop_notes()', 'send_signal(uuid, text, jsonb, uuid)', 'emit_event(text, jsonb)',
        'room_for_children(uuid, text, integer)', 'release_children(uuid, text, integer)',
        'spawn_children(uuid, integer, text, json, json, integer, boolean)',
        'cancel_children(uuid[], integer)', 'wake_jobs(uuid[])',
        'children_over(uuid, text, text)', 'sweep_waits(integer)', 'tell_workflows(uuid[])',
        'step_is_followed(uuid, text)', 'forget_failures(uuid[])'
    ] LOOP
        EXECUTE format(
            'ALTER FUNCTION %s SET search_path = %I, pg_temp', signature, current_schema()
        );
    END LOOP;
    -- Who could serve before can serve on, with the new tables, too: see 023.
    FOR granted IN
        SELECT pg_roles.rolname
        FROM pg_class
        CROSS JOIN LATERAL aclexplode(pg_class.relacl) AS rights
        JOIN pg_roles ON pg_roles.oid = rights.grantee
        WHERE pg_class.oid = 'job'::regclass AND rights.privilege_type = 'DELETE'
        AND rights.grantee <> pg_class.relowner
    LOOP
        PERFORM grant_worker(granted);
    END LOOP;
END
$$;
