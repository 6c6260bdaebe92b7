-- Undo 012_enqueue_options: as in 002_enqueue and 008_roles. What was granted stays granted.
DROP FUNCTION enqueue(
    text, jsonb, text, integer, integer, timestamptz, double precision, double precision, text[],
    jsonb, uuid, text, boolean, text, bit, double precision, text, text[], timestamptz,
    double precision
);
DROP FUNCTION enqueue_many(json, integer);
DROP FUNCTION enqueue_duplicate(json);
DROP FUNCTION stored_options(json, integer, timestamptz);
DROP FUNCTION checked_kind(
    integer, text, text, integer, integer, double precision, double precision, timestamptz
);
DROP FUNCTION refuse_entry(
    integer, text, text, integer, integer, double precision, double precision, timestamptz
);
DROP FUNCTION refuse_option(integer, text);

-- Enqueue many jobs, all or none.
-- jobs: a JSON array of objects with the keys of enqueue's parameters; what is missing has its default.
-- args_limit: bytes of JSON as given. Returns one row a job, in order; inserted is false for an id that
-- was known already: then nothing was changed. Rows are inserted in order of id, so that two calls
-- with the same ids cannot deadlock. One NOTIFY a queue, since PostgreSQL drops a transaction's
-- repetitions, and none that no node wants: commits with a NOTIFY stand in line.
CREATE FUNCTION enqueue_many(jobs json, args_limit integer DEFAULT 2097152)
RETURNS TABLE (index integer, id uuid, inserted boolean)
LANGUAGE plpgsql VOLATILE
AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    WITH given AS MATERIALIZED (
        SELECT
            (entry.place - 1)::integer AS index,
            coalesce(entry.id, uuid7(entry.place::integer)) AS id,
            entry.kind,
            coalesce(entry.queue, 'default') AS queue,
            coalesce(entry.priority, 1) AS priority,
            coalesce(entry.max_attempts, 25) AS max_attempts,
            entry.timeout_seconds,
            CASE
                WHEN entry.scheduled_at IS NULL
                THEN now() + make_interval(secs => coalesce(entry.delay_seconds, 0))
                WHEN entry.delay_seconds IS NULL THEN entry.scheduled_at
                ELSE refuse_two_times((entry.place - 1)::integer)
            END AS scheduled_at,
            CASE
                WHEN octet_length(entry.args::text) > args_limit
                THEN refuse_payload(
                    'args', octet_length(entry.args::text), args_limit, (entry.place - 1)::integer
                )
                ELSE coalesce(entry.args, '{}')
            END AS args,
            CASE
                WHEN octet_length(entry.metadata::text) > 65536
                THEN refuse_payload(
                    'metadata', octet_length(entry.metadata::text), 65536, (entry.place - 1)::integer
                )
                ELSE coalesce(entry.metadata, '{}')
            END AS metadata,
            coalesce(entry.tags, '{}') AS tags
        FROM ROWS FROM (
            json_to_recordset(jobs) AS (
                id uuid, kind text, queue text, priority smallint, max_attempts smallint,
                timeout_seconds double precision, delay_seconds double precision,
                scheduled_at timestamptz, args json, metadata json, tags text[]
            )
        ) WITH ORDINALITY AS entry (
            id, kind, queue, priority, max_attempts, timeout_seconds, delay_seconds, scheduled_at,
            args, metadata, tags, place
        )
    ), wanted AS (
        SELECT array_agg(DISTINCT served.queue) AS queues
        FROM node CROSS JOIN LATERAL unnest(node.queues) AS served (queue)
        WHERE node.wants_wakeups AND node.ended_at IS NULL
    ), written AS (
        INSERT INTO job (
            id, kind, queue, priority, max_attempts, timeout_seconds, scheduled_at, state,
            args, metadata, tags
        )
        SELECT
            given.id, given.kind, given.queue, given.priority, given.max_attempts,
            given.timeout_seconds, given.scheduled_at,
            CASE WHEN given.scheduled_at > now() THEN 'scheduled' ELSE 'available' END::job_state,
            given.args::jsonb, given.metadata::jsonb, given.tags
        FROM given
        ORDER BY given.id
        ON CONFLICT (id) DO NOTHING
        RETURNING
            job.id,
            CASE
                WHEN job.state = 'available'
                THEN
                    CASE
                        WHEN job.queue::text = ANY ((SELECT wanted.queues FROM wanted)::text[])
                        THEN pg_notify(current_schema() || '.wakeup', job.queue)
                    END
                -- Later ones are found by the stager's own poll.
                WHEN job.scheduled_at <= now() + interval '10 s'
                THEN pg_notify(current_schema() || '.due', '')
            END
    )
    SELECT
        given.index,
        given.id,
        written.id IS NOT NULL AND row_number() OVER (PARTITION BY given.id ORDER BY given.index) = 1
    FROM given LEFT JOIN written ON written.id = given.id
    ORDER BY given.index;
END
$$;

-- Enqueue one job; returns its id. At most one of scheduled_at and delay_seconds is set.
CREATE FUNCTION enqueue(
    kind text,
    args jsonb DEFAULT '{}',
    queue text DEFAULT 'default',
    priority integer DEFAULT 1,
    max_attempts integer DEFAULT 25,
    scheduled_at timestamptz DEFAULT NULL,
    delay_seconds double precision DEFAULT NULL,
    timeout_seconds double precision DEFAULT NULL,
    tags text[] DEFAULT '{}',
    metadata jsonb DEFAULT '{}',
    id uuid DEFAULT NULL
) RETURNS uuid
LANGUAGE sql VOLATILE
AS $$
    SELECT new.id
    FROM enqueue_many(json_build_array(json_build_object(
        'kind', enqueue.kind, 'args', enqueue.args, 'queue', enqueue.queue,
        'priority', enqueue.priority, 'max_attempts', enqueue.max_attempts,
        'scheduled_at', enqueue.scheduled_at, 'delay_seconds', enqueue.delay_seconds,
        'timeout_seconds', enqueue.timeout_seconds, 'tags', enqueue.tags,
        'metadata', enqueue.metadata, 'id', enqueue.id
    ))) AS new
$$;

-- The functions work whatever the caller's settings: their names are looked up in this namespace, and
-- a temporary table called `job` in the caller's session is not mistaken for ours. A generic plan and
-- a hash join suit any number of jobs.
DO $$
DECLARE
    signature text;
BEGIN
    FOREACH signature IN ARRAY ARRAY[
        'enqueue_many(json, integer)',
        'enqueue(text, jsonb, text, integer, integer, timestamptz, double precision,'
            ' double precision, text[], jsonb, uuid)'
    ] LOOP
        EXECUTE format(
            'ALTER FUNCTION %s SET search_path = %I, pg_temp', signature, current_schema()
        );
    END LOOP;
    ALTER FUNCTION enqueue_many(json, integer) SET plan_cache_mode = force_generic_plan;
    ALTER FUNCTION enqueue_many(json, integer) SET enable_hashjoin = on;
END
$$;

-- A producer can enqueue, singly, in bulk and by COPY, and nothing else: it reads no args and no
-- outputs. Its SELECTs are those of INSERT ... ON CONFLICT (id) ... RETURNING, and of the look for
-- nodes that want a wakeup.
CREATE OR REPLACE FUNCTION grant_producer(role name) RETURNS void
LANGUAGE plpgsql
AS $$
BEGIN
    EXECUTE format('GRANT USAGE ON SCHEMA %I TO %I', current_schema(), role);
    EXECUTE format(
        'GRANT INSERT (id, kind, queue, priority, max_attempts, timeout_seconds, scheduled_at, state,'
        ' args, metadata, tags), SELECT (id, state, queue, scheduled_at) ON job TO %I', role
    );
    EXECUTE format('GRANT SELECT (queues, wants_wakeups, ended_at) ON node TO %I', role);
END
$$;

DO $$
BEGIN
    EXECUTE format(
        'ALTER FUNCTION grant_producer(name) SET search_path = %I, pg_temp', current_schema()
    );
END
$$;
