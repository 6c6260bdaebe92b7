-- 034_graphs: jobs that come after others, inserted all at once.
-- Why:   a graph's jobs, and what each comes after, are there when the transaction that wanted them
--        commits. Those that must wait are pending, and begin when what they need has ended.
-- How:   jobs that need the same share one row of `dependency` (033). It watches one job that has not ended, and
--        looks for another only when that one has; so a look costs nothing for what has ended. As with
--        children, nobody locks anything over a wait: both sides write, commit, and then look
--        (release_dependents, one at a time for a graph).
-- Root:  a graph that a client enqueues has a root, a job of the kind headrace.graph that never runs: it
--        is pending, and ended here when all its children have ended.
-- Locks: none that anybody could wait for: functions are new, or replaced.
-- Safe while serving: yes; nodes of older versions leave pending what they do not know.

-- How many more children of a map may begin. A held child is pending, and never ran or is scheduled for
-- some decades ahead: forget_failures holds it so.
CREATE OR REPLACE FUNCTION room_for_children(parent uuid, at_place text, most integer) RETURNS integer
LANGUAGE plpgsql STABLE
AS $$
BEGIN
    RETURN most - (
        -- One state at a time: as a list of states, PostgreSQL may read all of its children.
        SELECT sum(begun.jobs)
        FROM unnest('{available,scheduled,running,retryable}'::job_state[]) AS active (state)
        CROSS JOIN LATERAL (
            SELECT count(*) AS jobs FROM job
            WHERE job.parent_id = parent AND job.parent_place = at_place
            AND job.state = active.state
        ) AS begun
    ) - (
        SELECT count(*) FROM job
        WHERE job.parent_id = parent AND job.parent_place = at_place
        AND job.state = 'pending' AND job.run_number > 0
        AND job.scheduled_at < now() + interval '50 years'
    );
END
$$;

-- As in 029; and besides children that are held for the second time, once those that never ran have begun.
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
    WITH fresh AS MATERIALIZED (
        SELECT job.id
        FROM job
        WHERE job.parent_id = parent AND job.parent_place = at_place
        AND job.state = 'pending' AND job.run_number = 0 AND job.sequence IS NOT TRUE
        AND job.paused_at IS NULL
        ORDER BY job.scheduled_at
        LIMIT room
        FOR UPDATE SKIP LOCKED
    ), again AS MATERIALIZED (
        SELECT job.id
        FROM job
        WHERE job.parent_id = parent AND job.parent_place = at_place
        AND job.state = 'pending' AND job.run_number > 0
        AND job.scheduled_at >= now() + interval '50 years' AND job.paused_at IS NULL
        ORDER BY job.scheduled_at
        LIMIT room - (SELECT count(*) FROM fresh)
        FOR UPDATE SKIP LOCKED
    ), begun AS (
        UPDATE job
        SET state = CASE
                WHEN job.scheduled_at > now() AND job.run_number = 0 THEN 'scheduled' ELSE 'available'
            END::job_state,
            scheduled_at = CASE WHEN job.run_number = 0 THEN job.scheduled_at ELSE now() END
        FROM (SELECT fresh.id FROM fresh UNION ALL SELECT again.id FROM again) AS held
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

-- Insert child jobs. jobs: as enqueue_many takes them, which the caller has checked; those with `held` are
-- pending. most: of a map: how many at once; then all are. Ids that are known add nothing. Children get
-- places in the order of their items.
-- Errors: 23505 job_unique, if another job holds the key of one.
CREATE FUNCTION write_children(
    parent uuid, at_place text, jobs json, most integer, detached boolean
) RETURNS void
LANGUAGE plpgsql VOLATILE
AS $$
#variable_conflict use_column
DECLARE
    queues text[];
    due boolean;
    number integer := json_array_length(jobs);
BEGIN
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
                scheduled_at timestamptz, args jsonb, metadata jsonb, tags text[], options json,
                held boolean
            )
        ) WITH ORDINALITY AS entry (
            id, kind, queue, priority, max_attempts, timeout_seconds, delay_seconds, scheduled_at,
            args, metadata, tags, options, held, place
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
                WHEN given.held THEN 'pending'
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
END
$$;

-- Insert what children at a place come after. entries: a JSON array of {needed, hard, waiting}.
CREATE FUNCTION write_dependencies(parent uuid, at_place text, entries json) RETURNS void
LANGUAGE plpgsql VOLATILE
AS $$
BEGIN
    INSERT INTO dependency (parent_id, parent_place, number, watched, hard, needed, waiting)
    SELECT
        parent, at_place, entry.number, entry.needed[1], entry.hard, entry.needed, entry.waiting
    FROM ROWS FROM (
        json_to_recordset(entries) AS (needed uuid[], hard integer, waiting uuid[])
    ) WITH ORDINALITY AS entry (needed, hard, waiting, number)
    ON CONFLICT DO NOTHING;
END
$$;

-- Insert child jobs of a run, and the step that waits for them: see write_children. waiting: the step as
-- JSON, of a graph with its dependencies as `after`; or NULL: it comes later. Returns 'lost', if it is
-- not the running run; the run that recorded this step as done; or 'spawned'.
-- Errors: 23505 job_unique, if another job holds the key of one.
CREATE OR REPLACE FUNCTION spawn_children(
    parent uuid, run integer, at_place text, jobs json, waiting json, most integer, detached boolean
) RETURNS text
LANGUAGE plpgsql VOLATILE
AS $$
#variable_conflict use_column
DECLARE
    done_by integer;
    serving text;
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
    PERFORM write_children(parent, at_place, jobs, most, detached);
    IF most IS NOT NULL AND NOT detached THEN
        PERFORM release_children(parent, at_place, most);
    END IF;
    IF waiting IS NOT NULL THEN
        IF waiting ->> 'after' IS NOT NULL THEN
            PERFORM write_dependencies(parent, at_place, waiting -> 'after');
        END IF;
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

-- Insert a graph: its root, all its jobs, and what they come after. graph: an object with the root's id,
-- queue, priority, tags, metadata and args; name and mode, "finish" or "stop"; jobs as write_children and
-- after as write_dependencies take them. A root whose id is known adds nothing. Returns whether it was
-- inserted. It takes the rights of a worker: a producer gives nobody children.
-- Errors: 23505 job_unique, if another job holds the key of one.
CREATE FUNCTION enqueue_graph(graph json) RETURNS boolean
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    given record;
BEGIN
    SELECT * INTO STRICT given
    FROM json_to_record(graph) AS entry (
        id uuid, queue text, priority smallint, tags text[], metadata jsonb, args jsonb, name text,
        mode text, jobs json, after json
    );
    IF given.mode NOT IN ('finish', 'stop') OR coalesce(json_array_length(given.jobs), 0) = 0 THEN
        RAISE EXCEPTION USING ERRCODE = '22023', MESSAGE = 'a graph has jobs, and the mode finish or stop';
    END IF;
    -- Its run number is that of a job that ran: it never will, and a retry looks at what it has.
    INSERT INTO job (id, kind, queue, priority, state, run_number, tags, metadata, args)
    VALUES (
        given.id, 'headrace.graph', coalesce(given.queue, 'default'),
        coalesce(given.priority, 1::smallint), 'pending', 1, coalesce(given.tags, '{}'),
        coalesce(given.metadata, '{}'), coalesce(given.args, '{}')
    )
    ON CONFLICT (id) DO NOTHING;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    PERFORM write_children(given.id, '1', given.jobs, NULL, false);
    IF given.after IS NOT NULL THEN
        PERFORM write_dependencies(given.id, '1', given.after);
    END IF;
    INSERT INTO step (job_id, place, op, name, done, run_number, mode)
    VALUES (given.id, '1', 'graph', coalesce(given.name, 'graph'), false, 0, given.mode);
    RETURN true;
END
$$;

-- Have the jobs begin that waited at an open dependency, or skip them. skipped_for: why; NULL: they begin.
-- Rows that somebody holds are left for the next look. Returns how many were changed.
CREATE FUNCTION open_dependency(parent uuid, at_place text, at_number integer, skipped_for text) RETURNS integer
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    waiters uuid[] := (
        SELECT dependency.waiting
        FROM dependency
        WHERE dependency.parent_id = parent AND dependency.parent_place = at_place
        AND dependency.number = at_number
    );
    changed integer;
    queues text[];
    due boolean;
    ended uuid[];
BEGIN
    WITH ready AS MATERIALIZED (
        SELECT job.id
        FROM unnest(waiters) AS waiter (id)
        JOIN job ON job.id = ANY (ARRAY[waiter.id]) AND job.state::text = 'pending'
            AND job.attempted_at IS NULL -- else it has begun, and waits for something of its own
            AND (job.paused_at IS NULL OR skipped_for IS NOT NULL)
        FOR UPDATE OF job SKIP LOCKED
    ), written AS (
        UPDATE job
        SET state = CASE
                WHEN skipped_for IS NOT NULL THEN 'cancelled'
                WHEN job.scheduled_at > now() THEN 'scheduled'
                ELSE 'available'
            END::job_state,
            finalized_at = CASE WHEN skipped_for IS NOT NULL THEN now() END,
            cancel_requested_at = CASE WHEN skipped_for IS NOT NULL THEN now() END,
            cancel_reason = skipped_for,
            paused_at = NULL,
            paused_from = NULL
        FROM ready
        WHERE job.id = ANY (ARRAY[ready.id])
        RETURNING job.id, job.state, job.queue
    )
    SELECT
        count(*),
        array_agg(DISTINCT written.queue::text) FILTER (WHERE written.state = 'available'),
        bool_or(written.state = 'scheduled'),
        array_agg(written.id) FILTER (WHERE written.state = 'cancelled')
    INTO changed, queues, due, ended
    FROM written;
    PERFORM pg_notify(current_schema() || '.wakeup', served.queue) FROM unnest(queues) AS served (queue);
    IF due THEN
        PERFORM pg_notify(current_schema() || '.due', '');
    END IF;
    IF ended IS NOT NULL THEN
        PERFORM notify_finished(ended);
        PERFORM tell_workflows(ended);
    END IF;
    IF NOT EXISTS (
        SELECT FROM unnest(waiters) AS waiter (id)
        JOIN job ON job.id = ANY (ARRAY[waiter.id]) AND job.state::text = 'pending'
            AND job.attempted_at IS NULL
    ) THEN
        UPDATE dependency SET released = true
        WHERE dependency.parent_id = parent AND dependency.parent_place = at_place
        AND dependency.number = at_number;
    END IF;
    RETURN changed;
END
$$;

-- Look at one open dependency. Returns 'waits', 'begins', or why its jobs are skipped.
CREATE FUNCTION judge_dependency(parent uuid, at_place text, at_number integer) RETURNS text
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    gate dependency;
    unfinished integer;
    broken record;
BEGIN
    SELECT dependency.* INTO STRICT gate
    FROM dependency
    WHERE dependency.parent_id = parent AND dependency.parent_place = at_place
    AND dependency.number = at_number;
    unfinished := (
        SELECT member.place + gate.looked - 1
        FROM unnest(gate.needed[gate.looked:]) WITH ORDINALITY AS member (id, place)
        CROSS JOIN LATERAL (
            SELECT FROM job
            WHERE job.id = ANY (ARRAY[member.id]) AND job.finalized_at IS NULL
            LIMIT 1
        ) AS still
        LIMIT 1
    );
    IF unfinished IS NULL THEN
        -- All have ended; but who is tried again has not.
        SELECT
            min(member.place) FILTER (WHERE known.id IS NOT NULL AND known.finalized_at IS NULL)
                AS unfinished,
            min(format(
                'skipped: job %s, which it comes after, is %s', member.id,
                coalesce(known.state::text, 'missing')
            )) FILTER (
                WHERE member.place <= gate.hard AND known.state IS DISTINCT FROM 'completed'
            ) AS reason
        INTO broken
        FROM unnest(gate.needed) WITH ORDINALITY AS member (id, place)
        LEFT JOIN LATERAL (
            SELECT job.id, job.state, job.finalized_at
            FROM job
            WHERE job.id = ANY (ARRAY[member.id])
            LIMIT 1
        ) AS known ON true;
        unfinished := broken.unfinished;
    END IF;
    IF unfinished IS NULL THEN
        RETURN coalesce(broken.reason, 'begins');
    END IF;
    IF unfinished <> gate.looked THEN
        UPDATE dependency SET looked = unfinished, watched = gate.needed[unfinished]
        WHERE dependency.parent_id = parent AND dependency.parent_place = at_place
        AND dependency.number = at_number;
    END IF;
    RETURN 'waits';
END
$$;

-- Look at graphs of these jobs, at those that were inserted whole: let begin what has what it needs, skip
-- what will not have it, and end the root of a graph that has ended. One at a time for a graph: who looks
-- later sees more. The lock of a graph is taken before those of maps. Returns how many jobs were changed.
CREATE FUNCTION release_dependents(parents uuid[]) RETURNS integer
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    graph record;
    changed integer := 0;
    number integer;
    halted text;
    verdict text;
    skipped boolean;
BEGIN
    FOR graph IN
        SELECT step.job_id AS id, step.place, step.mode, step.op
        FROM step
        JOIN job ON job.id = ANY (ARRAY[step.job_id]) AND job.finalized_at IS NULL
            AND (job.paused_at IS NULL OR step.op <> 'graph') -- a paused root holds its jobs back
        WHERE step.job_id = ANY (parents) AND NOT step.done AND step.mode IN ('finish', 'stop')
        ORDER BY step.job_id, step.place
    LOOP
        PERFORM pg_advisory_xact_lock(
            hashtextextended(format('%s %s %s', current_schema(), graph.id, graph.place), 12)
        );
        halted := CASE
            WHEN graph.mode = 'stop' AND EXISTS (
                SELECT
                FROM unnest('{cancelled,discarded}'::job_state[]) AS bad (state)
                CROSS JOIN LATERAL (
                    SELECT FROM job
                    WHERE job.parent_id = graph.id AND job.parent_place = graph.place
                    AND job.state = bad.state
                    LIMIT 1
                ) AS failed
            )
            THEN 'skipped: another job of its graph has failed'
        END;
        -- Once more, one after the other, if something was skipped: what comes after that is, too.
        FOR look IN 1..2 LOOP
            skipped := false;
            FOR number IN
                SELECT dependency.number
                FROM dependency
                WHERE dependency.parent_id = graph.id AND dependency.parent_place = graph.place
                AND NOT dependency.released
                AND (look = 2 OR halted IS NOT NULL OR NOT EXISTS (
                    SELECT FROM job
                    WHERE job.id = ANY (ARRAY[dependency.watched]) AND job.finalized_at IS NULL
                ))
                ORDER BY dependency.number
            LOOP
                verdict := coalesce(halted, judge_dependency(graph.id, graph.place, number));
                CONTINUE WHEN verdict = 'waits';
                changed := changed + open_dependency(
                    graph.id, graph.place, number, nullif(verdict, 'begins')
                );
                skipped := skipped OR verdict <> 'begins';
            END LOOP;
            EXIT WHEN NOT skipped OR halted IS NOT NULL;
        END LOOP;
        IF graph.op = 'graph' THEN
            changed := changed + end_graph(graph.id);
        END IF;
    END LOOP;
    RETURN changed;
END
$$;

-- End the root of a graph whose jobs have all ended: completed, or discarded with a failure that tells how
-- many have failed. Returns 1, if it was.
CREATE FUNCTION end_graph(root uuid) RETURNS integer
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    told record;
    run integer;
BEGIN
    IF EXISTS (SELECT FROM job WHERE job.parent_id = root AND job.finalized_at IS NULL) THEN
        RETURN 0;
    END IF;
    SELECT
        count(*) AS jobs,
        count(*) FILTER (WHERE job.state <> 'completed') AS bad,
        count(*) FILTER (WHERE job.state = 'cancelled' AND job.cancel_reason LIKE 'skipped: %') AS skipped,
        min(job.metadata ->> 'headrace.graph') FILTER (
            WHERE job.state <> 'completed' AND job.cancel_reason IS NULL
        ) AS name
    INTO told
    FROM job
    WHERE job.parent_id = root;
    -- Who holds its row retries or cancels it, waits perhaps for what this holds, and has it looked at.
    UPDATE job
    SET state = CASE WHEN told.bad = 0 THEN 'completed' ELSE 'discarded' END::job_state,
        finalized_at = now(),
        run_number = job.run_number + 1
    FROM (
        SELECT held.id FROM job AS held
        WHERE held.id = ANY (ARRAY[root]) AND held.state::text = 'pending'
        FOR UPDATE SKIP LOCKED
    ) AS free
    WHERE job.id = ANY (ARRAY[free.id])
    RETURNING job.run_number INTO run;
    IF run IS NULL THEN
        RETURN 0;
    END IF;
    UPDATE step
    SET done = true, run_number = run, recorded_at = clock_timestamp(),
        seconds = extract(epoch FROM clock_timestamp() - step.began_at),
        error = CASE
            WHEN told.bad > 0
            THEN json_build_array('GraphFailed', format('%s of %s jobs failed', told.bad - told.skipped, told.jobs))
        END
    WHERE step.job_id = root AND step.place = '1';
    IF told.bad > 0 THEN
        INSERT INTO failure (job_id, run_number, attempt, error_class, message)
        VALUES (root, run, 1, 'GraphFailed', format(
            '%s of %s jobs failed, and %s were skipped%s', told.bad - told.skipped, told.jobs,
            told.skipped, '; one that failed: ' || told.name
        ));
    END IF;
    PERFORM notify_finished(ARRAY[root]);
    RETURN 1;
END
$$;

-- Look at graphs that nobody looked at, at most so many. Returns how many jobs were changed.
CREATE FUNCTION sweep_dependents(most integer) RETURNS integer
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    found uuid[];
BEGIN
    found := ARRAY(
        SELECT graph.job_id
        FROM (
            SELECT step.job_id, step.place, step.op
            FROM step
            WHERE NOT step.done AND step.mode IN ('finish', 'stop')
            OFFSET 0
        ) AS graph
        CROSS JOIN LATERAL (
            SELECT FROM job
            WHERE job.id = graph.job_id AND job.finalized_at IS NULL
            AND (job.paused_at IS NULL OR graph.op <> 'graph')
            LIMIT 1
        ) AS goes_on
        WHERE EXISTS (
            SELECT FROM dependency
            WHERE dependency.parent_id = ANY (ARRAY[graph.job_id])
            AND dependency.parent_place = graph.place AND NOT dependency.released
            AND NOT EXISTS (
                SELECT FROM job
                WHERE job.id = ANY (ARRAY[dependency.watched]) AND job.finalized_at IS NULL
            )
        )
        OR graph.op = 'graph' AND NOT EXISTS (
            SELECT FROM job
            WHERE job.parent_id = ANY (ARRAY[graph.job_id]) AND job.finalized_at IS NULL
        )
        LIMIT most
    );
    RETURN CASE WHEN cardinality(found) = 0 THEN 0 ELSE release_dependents(found) END;
END
$$;

-- As in 029. And: children of a map with a bound are held again, until there is room; those of a graph that
-- never began wait again for what they come after; the step of a graph's root is open again.
CREATE OR REPLACE FUNCTION forget_failures(ids uuid[]) RETURNS integer
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    again uuid[];
    queues text[];
    roots uuid[];
BEGIN
    -- A root ends by this step alone: also one that had ended well.
    UPDATE step SET done = false, error = NULL
    WHERE step.job_id = ANY (ids) AND step.place = '1' AND step.op = 'graph' AND step.done;
    IF NOT EXISTS (
        SELECT FROM step WHERE step.job_id = ANY (ids) AND (step.error IS NOT NULL OR NOT step.done)
    ) THEN
        PERFORM watch_again(ids);
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
        SELECT
            child.id,
            CASE
                WHEN step.mode IN ('finish', 'stop')
                THEN child.attempted_at IS NULL AND EXISTS (
                    SELECT FROM dependency
                    WHERE dependency.parent_id = ANY (ARRAY[step.job_id])
                    AND dependency.parent_place = step.place AND child.id = ANY (dependency.waiting)
                )
                ELSE step.max_in_flight IS NOT NULL
            END AS held,
            step.max_in_flight IS NOT NULL AND child.run_number > 0 AS far
        FROM step
        JOIN job AS child
            ON child.parent_id = step.job_id AND child.parent_place = step.place
            AND child.state IN ('cancelled', 'discarded')
        WHERE step.job_id = ANY (ids) AND NOT step.done
        FOR UPDATE OF child SKIP LOCKED
    ), changed AS (
        UPDATE job
        SET state = CASE WHEN job.sequence OR failed.held THEN 'pending' ELSE 'available' END::job_state,
            scheduled_at = CASE
                WHEN failed.far AND job.sequence IS NOT TRUE THEN now() + interval '100 years'
                WHEN failed.held THEN least(job.scheduled_at, now())
                ELSE job.scheduled_at
            END,
            finalized_at = NULL,
            cancel_requested_at = NULL,
            cancel_reason = NULL,
            paused_at = NULL,
            paused_from = NULL,
            expired_at = NULL,
            output = NULL,
            crashes = 0,
            expires_at = CASE WHEN job.expires_at > now() THEN job.expires_at END,
            max_attempts = greatest(job.max_attempts, job.attempt + 1)
        FROM failed
        WHERE job.id = ANY (ARRAY[failed.id])
        RETURNING job.id, job.queue, job.state
    ), reopened AS (
        UPDATE dependency SET released = false, looked = 1, watched = dependency.needed[1]
        WHERE dependency.parent_id = ANY (ids) AND dependency.released
        AND EXISTS (
            SELECT FROM failed
            WHERE failed.held AND failed.id = ANY (dependency.waiting)
        )
    )
    SELECT
        array_agg(changed.id),
        array_agg(DISTINCT changed.queue::text) FILTER (WHERE changed.state = 'available')
    INTO again, queues
    FROM changed;
    PERFORM pg_notify(current_schema() || '.wake', step.job_id::text)
    FROM step
    WHERE step.job_id = ANY (ids) AND NOT step.done AND step.op = 'graph';
    PERFORM watch_again(ids);
    IF again IS NULL THEN
        RETURN 0;
    END IF;
    PERFORM pg_notify(current_schema() || '.wakeup', served.queue) FROM unnest(queues) AS served (queue);
    PERFORM forget_failures(again);
    RETURN cardinality(again);
END
$$;

DO $$
DECLARE
    signature text;
BEGIN
    FOREACH signature IN ARRAY ARRAY[
        'room_for_children(uuid, text, integer)',
        'release_children(uuid, text, integer)',
        'write_children(uuid, text, json, integer, boolean)', 'write_dependencies(uuid, text, json)',
        'spawn_children(uuid, integer, text, json, json, integer, boolean)', 'enqueue_graph(json)',
        'open_dependency(uuid, text, integer, text)', 'judge_dependency(uuid, text, integer)',
        'release_dependents(uuid[])', 'end_graph(uuid)', 'sweep_dependents(integer)',
        'forget_failures(uuid[])'
    ] LOOP
        EXECUTE format(
            'ALTER FUNCTION %s SET search_path = %I, pg_temp', signature, current_schema()
        );
    END LOOP;
END
$$;
