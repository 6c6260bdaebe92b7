-- 012_enqueue_options: keys, uniqueness and deadlines, from the enqueue of a job on.
-- Why:   one statement by which every client enqueues, whatever a job's options; options that cannot be
--        are refused here with a reason, since SQL has no other boundary.
-- Locks: none that anybody could wait for. Two functions are made anew, for they return and take more.
-- Safe while serving: yes; programs of older versions enqueue as before.
-- Errors: HR001, HR002 (not unique; DETAIL is JSON: id, of the job that is there, and index), 22023 (an
-- option that cannot be), 23514 (a named CHECK of the table or its domains).

-- Raise 22023. It returns text so that it can stand where a column would.
CREATE FUNCTION refuse_option(index integer, reason text) RETURNS text
LANGUAGE plpgsql VOLATILE
AS $$
BEGIN
    RAISE EXCEPTION USING ERRCODE = '22023', MESSAGE = format('job %s: %s', index, reason);
END
$$;

-- Why an entry of enqueue_many cannot be a job; raised.
CREATE FUNCTION refuse_entry(
    index integer, kind text, queue text, priority integer, max_attempts integer,
    timeout_seconds double precision, delay_seconds double precision, scheduled_at timestamptz
) RETURNS text
LANGUAGE sql VOLATILE
RETURN refuse_option(index, CASE
    WHEN kind IS NULL OR char_length(kind) NOT BETWEEN 1 AND 127
    THEN format('kind has %s characters; give 1 to 127', coalesce(char_length(kind), 0))
    WHEN char_length(queue) NOT BETWEEN 1 AND 127
    THEN format('queue has %s characters; give 1 to 127', char_length(queue))
    WHEN priority NOT BETWEEN 1 AND 4 THEN format('priority is %s; give 1 to 4', priority)
    WHEN max_attempts NOT BETWEEN 1 AND 32000
    THEN format('max_attempts is %s; give 1 to 32000', max_attempts)
    WHEN timeout_seconds NOT BETWEEN 0 AND 3155760000
    THEN format('timeout_seconds is %s; give 0 to 3155760000', timeout_seconds)
    WHEN scheduled_at IS NULL
    THEN format('delay_seconds is %s; give 0 to 3155760000', delay_seconds)
    ELSE format('scheduled_at is %s; give a time before the year 10000', scheduled_at)
END);

-- The same of an entry as it was given, where a cheap look has found something odd: the kind, if it was only
-- long in bytes.
CREATE FUNCTION checked_kind(
    index integer, kind text, queue text, priority integer, max_attempts integer,
    timeout_seconds double precision, delay_seconds double precision, scheduled_at timestamptz
) RETURNS text
LANGUAGE sql VOLATILE
RETURN CASE
    WHEN char_length(kind) BETWEEN 1 AND 127
    AND (queue IS NULL OR char_length(queue) BETWEEN 1 AND 127)
    AND (priority IS NULL OR priority BETWEEN 1 AND 4)
    AND (max_attempts IS NULL OR max_attempts BETWEEN 1 AND 32000)
    AND (timeout_seconds IS NULL OR timeout_seconds BETWEEN 0 AND 3155760000)
    AND (delay_seconds IS NULL OR delay_seconds BETWEEN 0 AND 3155760000)
    AND (
        scheduled_at IS NULL
        OR scheduled_at BETWEEN '0001-01-01+00' AND '9999-12-31 23:59:59.999999+00'
    )
    THEN kind
    WHEN scheduled_at IS NOT NULL AND delay_seconds IS NOT NULL THEN refuse_two_times(index)::text
    ELSE refuse_entry(
        index, kind, queue, priority, max_attempts, timeout_seconds, delay_seconds,
        CASE
            WHEN scheduled_at IS NOT NULL THEN scheduled_at
            WHEN delay_seconds IS NULL OR delay_seconds BETWEEN 0 AND 3155760000 THEN now()
        END
    )
END;

-- The options that few jobs have: checked, and as they are stored. The key of a unique job gets its period.
CREATE FUNCTION stored_options(options json, index integer, scheduled_at timestamptz) RETURNS json
LANGUAGE plpgsql VOLATILE
AS $$
#variable_conflict use_variable
DECLARE
    given record;
    reason text;
BEGIN
    SELECT * INTO STRICT given
    FROM json_to_record(options) AS entry (
        key text, sequence boolean, unique_by text, unique_key bytea, unique_states text,
        unique_period_seconds double precision, on_conflict text, replace json,
        expires_at timestamptz, expires_seconds double precision
    );
    given.unique_key := coalesce(given.unique_key, sha256(convert_to(given.unique_by, 'UTF8')));
    given.unique_states := coalesce(given.unique_states, '11111001');
    given.on_conflict := coalesce(given.on_conflict, 'keep');
    given.replace := nullif(given.replace::text, 'null')::json;
    reason := CASE
        WHEN char_length(given.key) NOT BETWEEN 1 AND 127
        THEN format('key has %s characters; give 1 to 127', char_length(given.key))
        WHEN given.sequence AND given.key IS NULL THEN 'a sequence needs a key'
        WHEN given.expires_at IS NOT NULL AND given.expires_seconds IS NOT NULL
        THEN 'both expires_at and expires_seconds; give one of them'
        WHEN given.expires_at NOT BETWEEN '0001-01-01+00' AND '9999-12-31 23:59:59.999999+00'
        THEN format('expires_at is %s; give a time before the year 10000', given.expires_at)
        WHEN given.expires_seconds NOT BETWEEN 1e-6 AND 3155760000
        THEN format(
            'expires_seconds is %s; give more than 0, at most 3155760000', given.expires_seconds
        )
        WHEN given.unique_key IS NULL THEN NULL
        WHEN octet_length(given.unique_key) <> 32
        THEN format(
            'unique_key has %s bytes; give the 32 of a SHA-256, or unique_by',
            octet_length(given.unique_key)
        )
        -- All states that are not final, and any of those; or those before the first run.
        WHEN given.unique_states !~ '^(11111[01]{3}|1110[01]000)$'
        THEN format(
            'unique_states %s would let a run end in a state whose key another job holds',
            given.unique_states
        )
        WHEN given.unique_period_seconds NOT BETWEEN 1 AND 3155760000
        THEN format(
            'unique_period_seconds is %s; give 1 to 3155760000', given.unique_period_seconds
        )
        WHEN given.on_conflict NOT IN ('keep', 'replace', 'fail')
        THEN format('on_conflict is %s; give keep, replace or fail', given.on_conflict)
        WHEN NOT given.replace::jsonb <@ jsonb_build_array(
            'args', 'metadata', 'tags', 'priority', 'scheduled_at', 'max_attempts',
            'timeout_seconds', 'expires_at'
        )
        THEN format('replace is %s; name fields such as args and scheduled_at', given.replace)
    END;
    IF reason IS NOT NULL THEN
        PERFORM refuse_option(index, reason);
    END IF;
    IF given.unique_period_seconds IS NOT NULL THEN
        given.unique_key := sha256(given.unique_key || int8send(
            floor(extract(epoch FROM scheduled_at) / given.unique_period_seconds)::bigint
        ));
    END IF;
    RETURN json_build_object(
        'key', given.key,
        'sequence', coalesce(given.sequence, false),
        'unique_key', given.unique_key,
        'unique_states', CASE WHEN given.unique_key IS NOT NULL THEN given.unique_states END,
        'on_conflict', given.on_conflict,
        'replace', given.replace,
        'expires_at',
        coalesce(given.expires_at, now() + make_interval(secs => given.expires_seconds))
    );
END
$$;

-- What becomes of a job that could not be inserted, since another holds its key, or its id is known.
-- entry: a row of `given` in enqueue_many. Returns the id of the job that there is now, and whether it was
-- inserted or replaced. Locks: the other job's row, if it is to be replaced.
-- Plan: Index Scan using job_unique.
CREATE FUNCTION enqueue_duplicate(entry json) RETURNS json
LANGUAGE plpgsql VOLATILE
AS $$
#variable_conflict use_column
DECLARE
    new record;
    holder uuid;
    inserted boolean := false;
    replaced boolean := false;
    held record;
BEGIN
    SELECT * INTO STRICT new
    FROM json_to_record(entry) AS given (
        index integer, id uuid, kind text, queue text, priority smallint, max_attempts smallint,
        timeout_seconds double precision, scheduled_at timestamptz, args json, metadata json,
        tags text[], options json
    )
    CROSS JOIN LATERAL json_to_record(given.options) AS option (
        key text, sequence boolean, unique_key bytea, unique_states bit(8), on_conflict text,
        replace text[], expires_at timestamptz
    );
    new.replace := coalesce(new.replace, ARRAY[
        'args', 'metadata', 'tags', 'priority', 'scheduled_at', 'max_attempts', 'timeout_seconds',
        'expires_at'
    ]);
    -- Each round is lost to somebody else, who got on. More are a defect, and must not last for ever.
    FOR round IN 1..100 LOOP
        IF EXISTS (SELECT FROM job WHERE job.id = new.id) THEN
            RETURN json_build_object('id', new.id, 'inserted', false, 'replaced', false);
        END IF;
        holder := (
            SELECT job.id
            FROM job
            WHERE job.unique_key = new.unique_key
            AND holds_key(job.state, job.unique_states, job.run_number)
        );
        IF holder IS NULL THEN
            INSERT INTO job (
                id, kind, queue, priority, max_attempts, timeout_seconds, scheduled_at, state,
                args, metadata, tags, key, sequence, unique_key, unique_states, expires_at
            )
            VALUES (
                new.id, new.kind, new.queue, new.priority, new.max_attempts, new.timeout_seconds,
                new.scheduled_at,
                CASE
                    WHEN new.scheduled_at > now() THEN 'scheduled' ELSE 'available'
                END::job_state,
                new.args::jsonb, new.metadata::jsonb, new.tags, new.key, nullif(new.sequence, false),
                new.unique_key, new.unique_states, new.expires_at
            )
            ON CONFLICT DO NOTHING
            RETURNING job.state, job.queue, job.scheduled_at INTO held;
            holder := new.id;
            inserted := FOUND;
            EXIT WHEN inserted;
            CONTINUE;
        END IF;
        IF new.on_conflict = 'fail' THEN
            RAISE EXCEPTION USING
                ERRCODE = 'HR002',
                MESSAGE = format('job %s is not unique: job %s has its key', new.index, holder),
                DETAIL = json_build_object('id', holder, 'index', new.index),
                HINT = 'Nothing was written.';
        END IF;
        IF new.on_conflict = 'keep' THEN
            RETURN json_build_object('id', holder, 'inserted', false, 'replaced', false);
        END IF;
        UPDATE job
        SET args = CASE
                WHEN 'args' = ANY (new.replace) THEN new.args::jsonb ELSE job.args
            END,
            metadata = CASE
                WHEN 'metadata' = ANY (new.replace) THEN new.metadata::jsonb ELSE job.metadata
            END,
            tags = CASE WHEN 'tags' = ANY (new.replace) THEN new.tags ELSE job.tags END,
            priority = CASE
                WHEN 'priority' = ANY (new.replace) THEN new.priority ELSE job.priority
            END,
            max_attempts = CASE
                WHEN 'max_attempts' = ANY (new.replace) THEN new.max_attempts ELSE job.max_attempts
            END,
            timeout_seconds = CASE
                WHEN 'timeout_seconds' = ANY (new.replace)
                THEN new.timeout_seconds
                ELSE job.timeout_seconds
            END,
            expires_at = CASE
                WHEN 'expires_at' = ANY (new.replace) THEN new.expires_at ELSE job.expires_at
            END,
            scheduled_at = CASE
                WHEN 'scheduled_at' = ANY (new.replace) THEN new.scheduled_at ELSE job.scheduled_at
            END,
            state = CASE
                WHEN NOT 'scheduled_at' = ANY (new.replace) THEN job.state
                WHEN new.scheduled_at > now() THEN 'scheduled'
                ELSE 'available'
            END::job_state
        WHERE job.id = holder AND job.state IN ('available', 'scheduled', 'retryable')
        AND job.unique_key = new.unique_key
        AND holds_key(job.state, job.unique_states, job.run_number)
        RETURNING job.state, job.queue, job.scheduled_at INTO held;
        replaced := FOUND;
        EXIT WHEN replaced;
        -- It runs, or has ended meanwhile: kept, if it still holds the key.
        IF EXISTS (
            SELECT FROM job
            WHERE job.id = holder AND holds_key(job.state, job.unique_states, job.run_number)
        ) THEN
            RETURN json_build_object('id', holder, 'inserted', false, 'replaced', false);
        END IF;
    END LOOP;
    IF NOT inserted AND NOT replaced THEN
        RAISE EXCEPTION USING
            ERRCODE = '40001',
            MESSAGE = format('job %s: others took and freed its key all the time', new.index);
    END IF;
    IF held.state = 'available' THEN
        PERFORM pg_notify(current_schema() || '.wakeup', held.queue);
    ELSIF held.scheduled_at <= now() + interval '10 s' THEN
        PERFORM pg_notify(current_schema() || '.due', '');
    END IF;
    RETURN json_build_object('id', holder, 'inserted', inserted, 'replaced', replaced);
END
$$;

DROP FUNCTION enqueue(
    text, jsonb, text, integer, integer, timestamptz, double precision, double precision, text[],
    jsonb, uuid
);
DROP FUNCTION enqueue_many(json, integer);

-- Enqueue many jobs, all or none.
-- jobs: a JSON array of objects with the keys of enqueue's parameters; what is missing has its default.
-- Those from key on are in an object of their own, options, since few jobs have any. For unique_by,
-- unique_key may stand there, its SHA-256 (as bytea's hex). args_limit: bytes of JSON as given.
-- Returns one row a job, in order. inserted is false for an id that was known already, where nothing was
-- changed; and for a job that another is the same as: then id is that one's, and replaced tells whether
-- fields of it were. Rows are inserted in order of what they may wait for (key, else id), so that two
-- calls with the same cannot deadlock. One NOTIFY a queue, since PostgreSQL drops a transaction's
-- repetitions, and none that no node wants: commits with a NOTIFY stand in line.
-- Jobs without options, nearly all, take a way of their own: a sixth less work for many, a third for one.
-- An escaped letter (\u006f...) could hide the word, so with one it is the long way.
CREATE FUNCTION enqueue_many(jobs json, args_limit integer DEFAULT 2097152)
RETURNS TABLE (index integer, id uuid, inserted boolean, replaced boolean)
LANGUAGE plpgsql VOLATILE
AS $$
#variable_conflict use_column
BEGIN
    IF strpos(jobs::text, '"options"') = 0 AND strpos(jobs::text, '\u') = 0 THEN
        RETURN QUERY
        WITH given AS MATERIALIZED (
            SELECT
                (entry.place - 1)::integer AS index,
                coalesce(entry.id, uuid7(entry.place::integer)) AS id,
                -- So many bytes are at most as many characters, which take longer to count.
                CASE
                    WHEN octet_length(entry.kind) BETWEEN 1 AND 127
                    AND (entry.queue IS NULL OR octet_length(entry.queue) BETWEEN 1 AND 127)
                    AND (entry.priority IS NULL OR entry.priority BETWEEN 1 AND 4)
                    AND (entry.max_attempts IS NULL OR entry.max_attempts BETWEEN 1 AND 32000)
                    AND (
                        entry.timeout_seconds IS NULL
                        OR entry.timeout_seconds BETWEEN 0 AND 3155760000
                    )
                    AND (
                        entry.delay_seconds IS NULL OR entry.delay_seconds BETWEEN 0 AND 3155760000
                    )
                    AND (
                        entry.scheduled_at IS NULL
                        OR entry.scheduled_at
                            BETWEEN '0001-01-01+00' AND '9999-12-31 23:59:59.999999+00'
                    )
                    THEN entry.kind
                    ELSE checked_kind(
                        (entry.place - 1)::integer, entry.kind, entry.queue, entry.priority,
                        entry.max_attempts, entry.timeout_seconds, entry.delay_seconds,
                        entry.scheduled_at
                    )
                END AS kind,
                coalesce(entry.queue, 'default') AS queue,
                coalesce(entry.priority, 1)::smallint AS priority,
                coalesce(entry.max_attempts, 25)::smallint AS max_attempts,
                entry.timeout_seconds,
                CASE
                    WHEN entry.scheduled_at IS NULL AND entry.delay_seconds IS NULL THEN now()
                    WHEN entry.scheduled_at IS NULL
                    THEN now() + make_interval(secs => entry.delay_seconds)
                    WHEN entry.delay_seconds IS NULL THEN entry.scheduled_at
                    ELSE refuse_two_times((entry.place - 1)::integer)
                END AS scheduled_at,
                CASE
                    WHEN octet_length(entry.args::text) > args_limit
                    THEN refuse_payload(
                        'args', octet_length(entry.args::text), args_limit,
                        (entry.place - 1)::integer
                    )
                    ELSE coalesce(entry.args, '{}')
                END AS args,
                CASE
                    WHEN octet_length(entry.metadata::text) > 65536
                    THEN refuse_payload(
                        'metadata', octet_length(entry.metadata::text), 65536,
                        (entry.place - 1)::integer
                    )
                    ELSE coalesce(entry.metadata, '{}')
                END AS metadata,
                coalesce(entry.tags, '{}') AS tags
            FROM ROWS FROM (
                json_to_recordset(jobs) AS (
                    id uuid, kind text, queue text, priority integer, max_attempts integer,
                    timeout_seconds double precision, delay_seconds double precision,
                    scheduled_at timestamptz, args json, metadata json, tags text[]
                )
            ) WITH ORDINALITY AS entry (
                id, kind, queue, priority, max_attempts, timeout_seconds, delay_seconds,
                scheduled_at, args, metadata, tags, place
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
                CASE
                    WHEN given.scheduled_at > now() THEN 'scheduled' ELSE 'available'
                END::job_state,
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
                                OR '*' = ANY ((SELECT wanted.queues FROM wanted)::text[])
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
            CASE
                WHEN (SELECT count(*) FROM written) = (SELECT count(*) FROM given) THEN true
                -- Only now is it looked which they were.
                ELSE (given.id, given.index) IN (
                    SELECT written.id, min(same.index)
                    FROM written JOIN given AS same ON same.id = written.id
                    GROUP BY written.id
                )
            END,
            false
        FROM given
        ORDER BY given.index;
        RETURN;
    END IF;
    RETURN QUERY
    WITH given AS MATERIALIZED (
        SELECT
            entry.index, entry.id,
            -- What is missing is not wrong; but a kind, and a time, which is missing if its delay is.
            CASE
                WHEN char_length(entry.kind) BETWEEN 1 AND 127
                AND char_length(entry.queue) BETWEEN 1 AND 127
                AND entry.priority BETWEEN 1 AND 4
                AND entry.max_attempts BETWEEN 1 AND 32000
                AND (
                    entry.timeout_seconds IS NULL OR entry.timeout_seconds BETWEEN 0 AND 3155760000
                )
                AND entry.scheduled_at
                    BETWEEN '0001-01-01+00' AND '9999-12-31 23:59:59.999999+00'
                THEN entry.kind
                ELSE refuse_entry(
                    entry.index, entry.kind, entry.queue, entry.priority, entry.max_attempts,
                    entry.timeout_seconds, entry.delay_seconds, entry.scheduled_at
                )
            END AS kind,
            entry.queue,
            entry.priority::smallint AS priority,
            entry.max_attempts::smallint AS max_attempts,
            entry.timeout_seconds, entry.scheduled_at, entry.args, entry.metadata, entry.tags,
            CASE
                WHEN entry.options IS NOT NULL
                THEN stored_options(entry.options, entry.index, entry.scheduled_at)
            END AS options
        FROM (
            SELECT
                (entry.place - 1)::integer AS index,
                coalesce(entry.id, uuid7(entry.place::integer)) AS id,
                entry.kind,
                coalesce(entry.queue, 'default') AS queue,
                coalesce(entry.priority, 1) AS priority,
                coalesce(entry.max_attempts, 25) AS max_attempts,
                entry.timeout_seconds,
                entry.delay_seconds,
                CASE
                    WHEN entry.scheduled_at IS NULL
                    THEN
                        CASE
                            WHEN entry.delay_seconds IS NULL THEN now()
                            -- What is out of bounds is refused below, with its reason.
                            WHEN entry.delay_seconds BETWEEN 0 AND 3155760000
                            THEN now() + make_interval(secs => entry.delay_seconds)
                        END
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
                coalesce(entry.tags, '{}') AS tags,
                entry.options
            FROM ROWS FROM (
                json_to_recordset(jobs) AS (
                    id uuid, kind text, queue text, priority integer, max_attempts integer,
                    timeout_seconds double precision, delay_seconds double precision,
                    scheduled_at timestamptz, args json, metadata json, tags text[],
                    options json
                )
            ) WITH ORDINALITY AS entry (
                id, kind, queue, priority, max_attempts, timeout_seconds, delay_seconds, scheduled_at,
                args, metadata, tags, options, place
            )
        ) AS entry
    ), wanted AS (
        SELECT array_agg(DISTINCT served.queue) AS queues
        FROM node CROSS JOIN LATERAL unnest(node.queues) AS served (queue)
        WHERE node.wants_wakeups AND node.ended_at IS NULL
    ), written AS (
        INSERT INTO job (
            id, kind, queue, priority, max_attempts, timeout_seconds, scheduled_at, state,
            args, metadata, tags, key, sequence, unique_key, unique_states, expires_at
        )
        SELECT
            given.id, given.kind, given.queue, given.priority, given.max_attempts,
            given.timeout_seconds, given.scheduled_at,
            CASE WHEN given.scheduled_at > now() THEN 'scheduled' ELSE 'available' END::job_state,
            given.args::jsonb, given.metadata::jsonb, given.tags, given.options ->> 'key',
            nullif((given.options ->> 'sequence')::boolean, false),
            (given.options ->> 'unique_key')::bytea,
            (given.options ->> 'unique_states')::bit(8),
            (given.options ->> 'expires_at')::timestamptz
        FROM given
        ORDER BY coalesce((given.options ->> 'unique_key')::bytea, uuid_send(given.id)), given.index
        ON CONFLICT DO NOTHING
        RETURNING
            job.id,
            CASE
                WHEN job.state = 'available'
                THEN
                    CASE
                        WHEN job.queue::text = ANY ((SELECT wanted.queues FROM wanted)::text[])
                            OR '*' = ANY ((SELECT wanted.queues FROM wanted)::text[])
                        THEN pg_notify(current_schema() || '.wakeup', job.queue)
                    END
                -- Later ones are found by the stager's own poll.
                WHEN job.state = 'scheduled' AND job.scheduled_at <= now() + interval '10 s'
                THEN pg_notify(current_schema() || '.due', '')
            END
    )
    SELECT
        told.index,
        coalesce((told.other ->> 'id')::uuid, told.id),
        coalesce((told.other ->> 'inserted')::boolean, told.inserted),
        coalesce((told.other ->> 'replaced')::boolean, false)
    FROM (
        SELECT
            given.index, given.id,
            written.id IS NOT NULL
            AND row_number() OVER (PARTITION BY given.id ORDER BY given.index) = 1 AS inserted,
            -- Volatile, so called in the order in which the rows leave.
            CASE
                WHEN written.id IS NULL AND given.options ->> 'unique_key' IS NOT NULL
                THEN enqueue_duplicate(row_to_json(given))
            END AS other
        FROM given LEFT JOIN written ON written.id = given.id
        ORDER BY given.options ->> 'unique_key' COLLATE "C", given.index
        OFFSET 0
    ) AS told
    ORDER BY told.index;
END
$$;

-- Enqueue one job; returns its id, or that of the job which it is the same as. At most one of
-- scheduled_at and delay_seconds is set, and one of expires_at and expires_seconds. A job is unique if
-- unique_by, any text, is given: one with the same text holds it in unique_states (a bit for each of
-- available, scheduled, pending, running, retryable, cancelled, discarded, completed).
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
    id uuid DEFAULT NULL,
    key text DEFAULT NULL,
    sequence boolean DEFAULT false,
    unique_by text DEFAULT NULL,
    unique_states bit DEFAULT B'11111001',
    unique_period_seconds double precision DEFAULT NULL,
    on_conflict text DEFAULT 'keep',
    replace text[] DEFAULT NULL,
    expires_at timestamptz DEFAULT NULL,
    expires_seconds double precision DEFAULT NULL
) RETURNS uuid
LANGUAGE sql VOLATILE
AS $$
    SELECT new.id
    FROM enqueue_many(CASE
        WHEN num_nonnulls(
            enqueue.key, enqueue.unique_by, enqueue.unique_period_seconds, enqueue.replace,
            enqueue.expires_at, enqueue.expires_seconds
        ) = 0 AND enqueue.sequence IS NOT TRUE AND enqueue.unique_states = B'11111001'
        AND enqueue.on_conflict = 'keep'
        THEN json_build_array(json_build_object(
            'kind', enqueue.kind, 'args', enqueue.args, 'queue', enqueue.queue,
            'priority', enqueue.priority, 'max_attempts', enqueue.max_attempts,
            'scheduled_at', enqueue.scheduled_at, 'delay_seconds', enqueue.delay_seconds,
            'timeout_seconds', enqueue.timeout_seconds, 'tags', enqueue.tags,
            'metadata', enqueue.metadata, 'id', enqueue.id
        ))
        ELSE json_build_array(json_build_object(
            'kind', enqueue.kind, 'args', enqueue.args, 'queue', enqueue.queue,
            'priority', enqueue.priority, 'max_attempts', enqueue.max_attempts,
            'scheduled_at', enqueue.scheduled_at, 'delay_seconds', enqueue.delay_seconds,
            'timeout_seconds', enqueue.timeout_seconds, 'tags', enqueue.tags,
            'metadata', enqueue.metadata, 'id', enqueue.id, 'options', json_build_object(
                'key', enqueue.key, 'sequence', enqueue.sequence, 'unique_by', enqueue.unique_by,
                'unique_states', enqueue.unique_states,
                'unique_period_seconds', enqueue.unique_period_seconds,
                'on_conflict', enqueue.on_conflict, 'replace', enqueue.replace,
                'expires_at', enqueue.expires_at, 'expires_seconds', enqueue.expires_seconds
            )
        ))
    END) AS new
$$;

-- As 002_enqueue does it; and who might enqueue before may give the new options, too.
DO $$
DECLARE
    signature text;
    grantee text;
BEGIN
    FOREACH signature IN ARRAY ARRAY[
        'refuse_entry(integer, text, text, integer, integer, double precision, double precision,'
            ' timestamptz)',
        'checked_kind(integer, text, text, integer, integer, double precision, double precision,'
            ' timestamptz)',
        'stored_options(json, integer, timestamptz)',
        'enqueue_duplicate(json)',
        'enqueue_many(json, integer)',
        'enqueue(text, jsonb, text, integer, integer, timestamptz, double precision,'
            ' double precision, text[], jsonb, uuid, text, boolean, text, bit, double precision,'
            ' text, text[], timestamptz, double precision)'
    ] LOOP
        EXECUTE format(
            'ALTER FUNCTION %s SET search_path = %I, pg_temp', signature, current_schema()
        );
    END LOOP;
    ALTER FUNCTION enqueue_many(json, integer) SET plan_cache_mode = force_generic_plan;
    ALTER FUNCTION enqueue_many(json, integer) SET enable_hashjoin = on;
    ALTER FUNCTION enqueue_duplicate(json) SET enable_seqscan = off;
    FOR grantee IN
        SELECT CASE WHEN rights.grantee = 0 THEN 'PUBLIC' ELSE rights.grantee::regrole::text END
        FROM pg_attribute CROSS JOIN LATERAL aclexplode(pg_attribute.attacl) AS rights
        WHERE pg_attribute.attrelid = 'job'::regclass AND pg_attribute.attname = 'args'
        AND rights.privilege_type = 'INSERT'
    LOOP
        EXECUTE 'GRANT INSERT (key, sequence, unique_key, unique_states, expires_at),'
            ' SELECT (unique_key, unique_states, run_number) ON job TO ' || grantee;
    END LOOP;
END
$$;

-- A producer can enqueue, singly, in bulk and by COPY, and nothing else: it reads no args and no
-- outputs. Its SELECTs are those of INSERT ... ON CONFLICT ... RETURNING, of the look for a job that is
-- the same, and for nodes that want a wakeup. It cannot replace what others enqueued.
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
DO $$
BEGIN
    EXECUTE format(
        'ALTER FUNCTION grant_producer(name) SET search_path = %I, pg_temp', current_schema()
    );
END
$$;
