-- 020_limits: limits on queues over all nodes, kept where the claims are.
-- Why:   how many jobs of a queue, and of a key in it, run at once; how many begin in a time; turns
--        between keys. What runs is counted, not written down, so that it stays true after a kill -9.
-- Locks: ACCESS EXCLUSIVE on job, queue and node, for a moment: no row is rewritten.
-- Safe while serving: yes; nodes of older versions claim from limited queues as from others.
ALTER TABLE job
    ADD COLUMN limited boolean;                         -- counted by its queue while it runs: job_limited;
                                                        -- NULL: no, for the reason of `sequence` (009)

ALTER TABLE queue
    ADD COLUMN concurrency integer,                     -- jobs that run at once; NULL: any number
    ADD COLUMN per_key integer,                         -- the same, for jobs of one key
    ADD COLUMN rate_count integer,                      -- jobs that begin in rate_seconds
    ADD COLUMN rate_seconds double precision,
    ADD COLUMN rate_burst integer,                      -- of them: how many at one moment
    ADD COLUMN rate_per_key boolean NOT NULL DEFAULT false,
    ADD COLUMN fair boolean NOT NULL DEFAULT false,     -- keys take turns
    ADD COLUMN limited_at timestamptz,                  -- since when it has any of these; NULL: it has none
    -- What claim_limited keeps for itself:
    ADD COLUMN free_at timestamptz,                     -- when the next job would be due at an even rate
    ADD COLUMN turn text,                               -- the key that had the last turn
    ADD COLUMN walked uuid,                             -- behind it go on looking for jobs without a key
    ADD COLUMN marked_at timestamptz,                   -- when all that ran was found to be marked as limited
    ADD CONSTRAINT queue_concurrency_range CHECK (concurrency >= 1),
    ADD CONSTRAINT queue_per_key_range CHECK (per_key >= 1),
    ADD CONSTRAINT queue_rate_range CHECK (
        rate_count >= 1 AND rate_burst >= 1 AND rate_seconds > 0 AND rate_seconds < 'Infinity'
    ),
    ADD CONSTRAINT queue_rate_whole CHECK (num_nulls(rate_count, rate_seconds, rate_burst) IN (0, 3)),
    -- A row is written at each claim of a queue with a rate or with turns; free space keeps that HOT.
    SET (fillfactor = 50, autovacuum_vacuum_threshold = 50, autovacuum_vacuum_scale_factor = 0);

-- Rates of keys: when the next job of a key would be due at an even rate. What is past says nothing.
CREATE TABLE key_rate (
    queue job_name NOT NULL,
    key job_name NOT NULL,
    free_at timestamptz NOT NULL,
    PRIMARY KEY (queue, key)
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.1);
CREATE INDEX key_rate_free ON key_rate (queue, free_at);

-- Queues that were added to a node, or removed, while it served: name -> as in its options, or null.
ALTER TABLE node ADD COLUMN assigned jsonb NOT NULL DEFAULT '{}';

-- How many jobs may begin at `at`, where they would be due one each `spacing` seconds, `burst` ahead.
-- Source: the generic cell rate algorithm (ITU-T I.371), with the tolerance burst - 1. A `free_at`
-- farther ahead than a whole burst is from before the clock was set back.
CREATE FUNCTION rate_allows(
    free_at timestamptz, at timestamptz, spacing double precision, burst integer
) RETURNS integer
LANGUAGE sql IMMUTABLE
RETURN floor(
    burst - greatest(0, least(
        burst, coalesce(extract(epoch FROM free_at - at)::double precision, 0) / spacing
    )) + 1e-9
)::integer;

-- Seconds until one may begin.
CREATE FUNCTION rate_waits(
    free_at timestamptz, at timestamptz, spacing double precision, burst integer
) RETURNS double precision
LANGUAGE sql IMMUTABLE
RETURN greatest(0, least(
    burst * spacing, coalesce(extract(epoch FROM free_at - at)::double precision, 0)
) - (burst - 1) * spacing);

-- `free_at` after so many more have begun.
CREATE FUNCTION rate_after(
    free_at timestamptz, at timestamptz, spacing double precision, burst integer, jobs integer
) RETURNS timestamptz
LANGUAGE sql IMMUTABLE
RETURN greatest(
    at, least(coalesce(free_at, at), at + make_interval(secs => burst * spacing))
) + make_interval(secs => jobs * spacing);

-- What runs of a limited queue, by key, as its row is locked. What was claimed before the queue had
-- limits is not in job_limited, and such a claim, begun before, may last for a while. So for a minute
-- all that runs is counted, of whatever queue; after it all of this one is marked, once, however much later.
CREATE FUNCTION running_of(limits queue) RETURNS TABLE (key text, jobs integer)
LANGUAGE plpgsql VOLATILE
AS $$
#variable_conflict use_column
BEGIN
    IF limits.marked_at > limits.limited_at THEN
        RETURN QUERY
        SELECT job.key::text, count(*)::integer
        FROM job
        WHERE job.state = 'running' AND job.limited AND job.queue = limits.name
        GROUP BY job.key;
        RETURN;
    END IF;
    IF limits.limited_at < clock_timestamp() - interval '1 minute' THEN
        UPDATE job SET limited = true
        FROM (
            SELECT job.id
            FROM job
            WHERE job.state = 'running' AND job.queue = limits.name AND job.limited IS NOT TRUE
            FOR UPDATE SKIP LOCKED
        ) AS unmarked
        WHERE job.id = ANY (ARRAY[unmarked.id]);
        UPDATE queue SET marked_at = clock_timestamp()
        WHERE queue.name = limits.name AND NOT EXISTS (
            SELECT FROM job
            WHERE job.state = 'running' AND job.queue = limits.name AND job.limited IS NOT TRUE
        );
    END IF;
    RETURN QUERY
    SELECT job.key::text, count(*)::integer
    FROM job
    WHERE job.state = 'running' AND job.queue = limits.name
    GROUP BY job.key;
END
$$;

-- The next jobs of a queue in which keys take turns, and where the turns stand after them.
-- turn, walked: where they stand now. runs: what runs, by key. room: how many jobs at most.
-- A key gives what it may, one each round; jobs without a key take turns as if they had one. They are
-- found by walking a piece of the queue at each claim: no index holds them apart.
-- Returns the jobs' ids and, to find their rows again by, where those are.
CREATE FUNCTION take_turns(
    limits queue, of_kinds text[], room integer, runs jsonb, at timestamptz, spacing double precision
) RETURNS TABLE (chosen uuid[], spots tid[], turn text, walked uuid)
LANGUAGE plpgsql VOLATILE
AS $$
#variable_conflict use_variable
DECLARE
    piece integer;
    full_keys bigint;
    seen bigint;
    share integer;
    found bigint;
    cut integer;
    loose uuid[];
    loose_spots tid[];
    last_seen uuid;
    visits text[];
    allowances integer[];
    loose_taken bigint;
BEGIN
    SELECT count(*) INTO full_keys FROM jsonb_each(runs) AS held
    WHERE held.value::integer >= limits.per_key;
    IF limits.rate_per_key THEN
        full_keys := full_keys + (
            SELECT count(*) FROM key_rate
            WHERE key_rate.queue = limits.name
            AND key_rate.free_at > at + make_interval(secs => (limits.rate_burst - 1) * spacing)
        );
    END IF;

    -- The keys whose turn it is, by steps over job_keyed, from the last turn's on and round. The state
    -- is named as in that index, which says `<=` of the first of all states: so job_claim, which a
    -- plan made while the table was empty would walk for each key, cannot be taken for it.
    WITH RECURSIVE ahead (key) AS (
        (
            SELECT job.key::text FROM job
            WHERE job.state <= 'available' AND job.key IS NOT NULL AND job.queue = limits.name
            AND job.key > coalesce(limits.turn, '')
            ORDER BY job.key LIMIT 1
        )
        UNION ALL
        SELECT (
            SELECT job.key::text FROM job
            WHERE job.state <= 'available' AND job.key IS NOT NULL AND job.queue = limits.name
            AND job.key > ahead.key
            ORDER BY job.key LIMIT 1
        )
        FROM ahead WHERE ahead.key IS NOT NULL
    ), behind (key) AS (
        (
            SELECT job.key::text FROM job
            WHERE job.state <= 'available' AND job.key IS NOT NULL AND job.queue = limits.name
            AND job.key <= coalesce(limits.turn, '')
            ORDER BY job.key LIMIT 1
        )
        UNION ALL
        SELECT (
            SELECT job.key::text FROM job
            WHERE job.state <= 'available' AND job.key IS NOT NULL AND job.queue = limits.name
            AND job.key > behind.key AND job.key <= coalesce(limits.turn, '')
            ORDER BY job.key LIMIT 1
        )
        FROM behind WHERE behind.key IS NOT NULL
    ), visited AS MATERIALIZED (
        SELECT ring.key, row_number() OVER () AS place
        FROM (
            SELECT ahead.key FROM ahead WHERE ahead.key IS NOT NULL
            UNION ALL
            SELECT behind.key FROM behind WHERE behind.key IS NOT NULL
            LIMIT room + full_keys
        ) AS ring
    ), allowed AS (
        SELECT
            visited.key, visited.place,
            least(
                room,
                limits.per_key - coalesce((runs ->> visited.key)::integer, 0),
                CASE
                    WHEN limits.rate_per_key
                    THEN rate_allows(key_rate.free_at, at, spacing, limits.rate_burst)
                END
            ) AS jobs
        FROM visited LEFT JOIN key_rate
            ON limits.rate_per_key AND key_rate.queue = limits.name AND key_rate.key = visited.key
    )
    SELECT
        array_agg(allowed.key ORDER BY allowed.place), array_agg(allowed.jobs ORDER BY allowed.place)
    INTO visits, allowances
    FROM allowed
    WHERE allowed.jobs > 0;
    visits := coalesce(visits[:room], '{}');
    -- So many rounds it takes, if no key has fewer jobs.
    share := ceil(room::double precision / greatest(1, cardinality(visits)));

    -- Jobs without a key, in the next piece of the queue: more than their share, but for what keys may not
    -- take.
    piece := greatest(200, least(room, greatest(
        4 * share, room - (SELECT coalesce(sum(allowed.jobs), 0) FROM unnest(allowances) AS allowed (jobs))
    )));
    SELECT
        array_agg(next.id) FILTER (WHERE next.key IS NULL AND next.kind = ANY (of_kinds)),
        array_agg(next.spot) FILTER (WHERE next.key IS NULL AND next.kind = ANY (of_kinds)),
        (array_agg(next.id))[count(*)::integer], count(*)
    INTO loose, loose_spots, last_seen, seen
    FROM (
        SELECT job.id, job.ctid AS spot, job.key, job.kind
        FROM job
        WHERE job.state = 'available' AND job.queue = limits.name
        AND (job.priority, job.scheduled_at, job.id) > (
            coalesce((SELECT mark.priority FROM job AS mark WHERE mark.id = limits.walked), 0::smallint),
            coalesce(
                (SELECT mark.scheduled_at FROM job AS mark WHERE mark.id = limits.walked), '-infinity'
            ),
            coalesce(limits.walked, '00000000-0000-0000-0000-000000000000')
        )
        ORDER BY job.priority, job.scheduled_at, job.id
        LIMIT piece
    ) AS next;
    loose := coalesce(loose, '{}');

    -- Where some keys have fewer jobs than their share, of others more are looked at.
    LOOP
        WITH candidate AS (
            SELECT
                next.id, next.spot, visit.key, visit.place, next.round,
                next.round = share AND visit.jobs > share AS more
            FROM unnest(visits, allowances[:room]) WITH ORDINALITY AS visit (key, jobs, place)
            CROSS JOIN LATERAL (
                SELECT one.id, one.spot, row_number() OVER () AS round
                FROM (
                    SELECT job.id, job.ctid AS spot
                    FROM job
                    WHERE job.state <= 'available' AND job.key IS NOT NULL
                    AND job.queue = limits.name AND job.key = visit.key AND job.kind = ANY (of_kinds)
                    ORDER BY job.priority, job.scheduled_at, job.id
                    LIMIT least(visit.jobs, share)
                ) AS one
            ) AS next
            UNION ALL
            SELECT
                one.id, one.spot, NULL, 0, one.round,
                one.round = share AND share < cardinality(loose)
            FROM unnest(loose, loose_spots) WITH ORDINALITY AS one (id, spot, round)
            WHERE one.round <= share
        ), taken AS (
            SELECT candidate.*
            FROM candidate
            ORDER BY candidate.round, candidate.place
            LIMIT room
        )
        SELECT
            coalesce(array_agg(taken.id ORDER BY taken.round, taken.place), '{}'),
            array_agg(taken.spot ORDER BY taken.round, taken.place),
            (array_agg(taken.key ORDER BY taken.place DESC) FILTER (
                WHERE taken.round = 1 AND taken.key IS NOT NULL
            ))[1],
            count(*) FILTER (WHERE taken.key IS NULL),
            count(*),
            count(*) FILTER (WHERE taken.more)
        INTO chosen, spots, turn, loose_taken, found, cut
        FROM taken;
        EXIT WHEN found = room OR cut = 0;
        share := least(room, share + 2 * ceil((room - found)::double precision / cut));
    END LOOP;
    turn := coalesce(turn, limits.turn);
    walked := CASE
        WHEN loose_taken < cardinality(loose) THEN limits.walked
        WHEN seen = piece THEN last_seen
    END;
    RETURN NEXT;
END
$$;

-- Claim from a limited queue. Its row stays locked until the transaction ends, so claims from it are one
-- after the other; each statement here sees all that was claimed before it had the lock, since it
-- has a snapshot of its own. Where a queue has no limits, claim.sql serves it, and this nothing.
-- Returns a row a job, as claim.sql; then one with a NULL id that tells when it is worth asking again:
-- again_seconds is 0 if that depends on what runs, NULL if nothing is known to wait.
CREATE FUNCTION claim_limited(claimer bigint, from_queue text, of_kinds text[], places integer)
RETURNS TABLE (
    id uuid, run_number integer, kind text, queue text, args text, attempt smallint,
    max_attempts smallint, timeout_seconds double precision, metadata text,
    wait_seconds double precision, key text, crashes smallint, expires_seconds double precision,
    again_seconds double precision
)
LANGUAGE plpgsql VOLATILE
AS $$
#variable_conflict use_column
DECLARE
    limits queue;
    at timestamptz;
    spacing double precision;
    room integer := places;
    runs jsonb := '{}';
    running integer;
    turns record;
    chosen uuid[];
    spots tid[];
    rate_full boolean := false;
    again double precision;
    keyed boolean;
    got integer;
BEGIN
    SELECT * INTO limits FROM queue WHERE queue.name = from_queue FOR NO KEY UPDATE;
    IF NOT FOUND OR limits.limited_at IS NULL OR limits.paused_at IS NOT NULL OR NOT EXISTS (
        SELECT FROM node
        WHERE node.id = claimer AND node.ended_at IS NULL AND node.expires_at > clock_timestamp()
    ) THEN
        RETURN;
    END IF;
    at := clock_timestamp();
    -- A whole number of microseconds, rounded up: what cannot be stored must not add up.
    spacing := ceil(limits.rate_seconds * 1e6 / limits.rate_count) / 1e6;
    keyed := limits.fair OR limits.per_key IS NOT NULL OR limits.rate_per_key;

    IF limits.concurrency IS NOT NULL OR limits.per_key IS NOT NULL THEN
        SELECT
            coalesce(sum(held.jobs), 0),
            coalesce(jsonb_object_agg(held.key, held.jobs) FILTER (WHERE held.key IS NOT NULL), '{}')
        INTO running, runs
        FROM running_of(limits) AS held;
        room := least(room, limits.concurrency - running);
    END IF;
    IF limits.rate_count IS NOT NULL AND NOT limits.rate_per_key THEN
        rate_full := rate_allows(limits.free_at, at, spacing, limits.rate_burst) < room;
        room := least(room, rate_allows(limits.free_at, at, spacing, limits.rate_burst));
    END IF;

    IF room > 0 AND keyed THEN
        SELECT * INTO turns FROM take_turns(limits, of_kinds, room, runs, at, spacing);
        SELECT array_agg(pick.id ORDER BY pick.place), array_agg(pick.spot ORDER BY pick.place)
        INTO chosen, spots
        FROM (
            SELECT job.id, job.ctid AS spot, picked.place
            FROM unnest(turns.chosen, turns.spots) WITH ORDINALITY AS picked (id, spot, place)
            JOIN job ON job.ctid = picked.spot
            WHERE job.id = picked.id AND job.state::text = 'available'
            FOR UPDATE OF job SKIP LOCKED
        ) AS pick;
    ELSIF room > 0 THEN
        SELECT array_agg(next.id), array_agg(next.spot)
        INTO chosen, spots
        FROM (
            SELECT job.id, job.ctid AS spot
            FROM job
            WHERE job.state = 'available' AND job.queue = from_queue AND job.kind = ANY (of_kinds)
            ORDER BY job.priority, job.scheduled_at, job.id
            LIMIT room
            FOR UPDATE SKIP LOCKED
        ) AS next;
    END IF;

    IF cardinality(chosen) > 0 THEN
        PERFORM set_config('hr.counts', 'own', true);  -- see 017_job_count
        RETURN QUERY
        UPDATE job
        SET state = 'running',
            node_id = claimer,
            attempted_at = at,
            run_number = job.run_number + 1,
            attempt = job.attempt + 1,
            limited = true
        FROM unnest(spots) AS pick (spot)  -- they are locked, so nobody moves them
        WHERE job.ctid = pick.spot
        RETURNING
            job.id, job.run_number, job.kind::text, job.queue::text, job.args::text, job.attempt,
            job.max_attempts, job.timeout_seconds, job.metadata::text,
            date_part('epoch', at - job.scheduled_at), job.key::text, job.crashes,
            date_part('epoch', job.expires_at - at), NULL::double precision;
        PERFORM set_config('hr.counts', '', true);
        INSERT INTO job_count (queue, state, jobs)
        VALUES (from_queue, 'available', -cardinality(chosen)), (from_queue, 'running', cardinality(chosen));
        IF limits.rate_per_key THEN
            INSERT INTO key_rate AS known (queue, key, free_at)
            SELECT
                from_queue, begun.key,
                rate_after(NULL, at, spacing, limits.rate_burst, count(*)::integer)
            FROM job AS begun
            WHERE begun.id = ANY (chosen) AND begun.key IS NOT NULL
            GROUP BY begun.key
            ON CONFLICT (queue, key) DO UPDATE SET free_at = rate_after(
                known.free_at, at, spacing, limits.rate_burst,
                round(extract(epoch FROM excluded.free_at - at) / spacing::numeric)::integer
            );
            DELETE FROM key_rate
            WHERE key_rate.ctid = ANY (ARRAY(
                SELECT old.ctid FROM key_rate AS old
                WHERE old.queue = from_queue AND old.free_at < at
                ORDER BY old.free_at
                LIMIT 100
            ));
        END IF;
    END IF;
    IF keyed AND room > 0 OR (limits.rate_count IS NOT NULL AND NOT limits.rate_per_key) THEN
        IF limits.rate_count IS NOT NULL AND NOT limits.rate_per_key THEN
            limits.free_at := rate_after(
                limits.free_at, at, spacing, limits.rate_burst, coalesce(cardinality(chosen), 0)
            );
        END IF;
        IF keyed AND room > 0 THEN
            limits.turn := turns.turn;
            limits.walked := turns.walked;
        END IF;
        UPDATE queue SET free_at = limits.free_at, turn = limits.turn, walked = limits.walked
        WHERE queue.name = from_queue AND (queue.free_at, queue.turn, queue.walked)
            IS DISTINCT FROM (limits.free_at, limits.turn, limits.walked);
    END IF;

    got := coalesce(cardinality(chosen), 0);
    IF got < places AND EXISTS (
        SELECT FROM job WHERE job.state = 'available' AND job.queue = from_queue
    ) THEN
        again := CASE
            WHEN rate_full AND got >= room
            THEN greatest(0.001, rate_waits(limits.free_at, at, spacing, limits.rate_burst))
            WHEN keyed AND got < room AND limits.walked IS NOT NULL THEN 0.005
            WHEN limits.rate_per_key AND got < room
            THEN coalesce((
                SELECT greatest(0.001, rate_waits(min(known.free_at), at, spacing, limits.rate_burst))
                FROM key_rate AS known
                WHERE known.queue = from_queue
                AND known.free_at > at + make_interval(secs => (limits.rate_burst - 1) * spacing)
            ), 0)
            WHEN keyed OR got >= room THEN 0
        END;
    END IF;
    id := NULL; run_number := NULL; kind := NULL; queue := from_queue; args := NULL;
    attempt := NULL; max_attempts := NULL; timeout_seconds := NULL; metadata := NULL;
    wait_seconds := NULL; key := NULL; crashes := NULL; expires_seconds := NULL;
    again_seconds := again;
    RETURN NEXT;
END
$$;

DO $$
DECLARE
    signature text;
BEGIN
    FOREACH signature IN ARRAY ARRAY[
        'running_of(queue)',
        'take_turns(queue, text[], integer, jsonb, timestamptz, double precision)',
        'claim_limited(bigint, text, text[], integer)'
    ] LOOP
        EXECUTE format(
            'ALTER FUNCTION %s SET search_path = %I, pg_temp', signature, current_schema()
        );
    END LOOP;
END
$$;
