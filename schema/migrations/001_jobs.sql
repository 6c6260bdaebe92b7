-- 001_jobs: the tables of a namespace.
-- Why:   jobs and all that is known of those who run them.
-- Locks: none that anybody could wait for: every object is new.
-- Safe while serving: yes.

-- River's eight states. `completed` stands last: in the index job_finalized the newest completed
-- job is then the rightmost entry of all, which PostgreSQL appends without descending the tree.
CREATE TYPE job_state AS ENUM (
    'available', 'scheduled', 'pending', 'running', 'retryable', 'cancelled', 'discarded', 'completed'
);

-- A domain's CHECK is evaluated when a value is assigned, a table's CHECK at every update of the
-- row. So claim and ack, which assign none of these, never read a payload back from TOAST.
-- The sizes are a backstop for other writers; the Store's own limits are lower (2 MiB of compact
-- JSON; at most 4 MiB may be configured). jsonb as text has a space after each comma and colon: up to
-- half as much again, hence 6 MiB.
CREATE DOMAIN job_args AS jsonb
    CONSTRAINT job_args_object CHECK (jsonb_typeof(VALUE) = 'object')
    CONSTRAINT job_args_size CHECK (octet_length(VALUE::text) <= 6 * 1024 * 1024);
CREATE DOMAIN job_output AS jsonb
    CONSTRAINT job_output_size CHECK (octet_length(VALUE::text) <= 6 * 1024 * 1024);
CREATE DOMAIN job_metadata AS jsonb
    CONSTRAINT job_metadata_object CHECK (jsonb_typeof(VALUE) = 'object')
    CONSTRAINT job_metadata_size CHECK (octet_length(VALUE::text) <= 128 * 1024);
CREATE DOMAIN job_tags AS text[]
    CONSTRAINT job_tags_count CHECK (cardinality(VALUE) <= 100)
    CONSTRAINT job_tags_size CHECK (octet_length(VALUE::text) <= 32 * 1024)
    CONSTRAINT job_tags_no_null CHECK (array_position(VALUE, NULL) IS NULL);
CREATE DOMAIN job_name AS text
    CONSTRAINT job_name_length CHECK (char_length(VALUE) BETWEEN 1 AND 127);

CREATE TABLE job (
    id uuid PRIMARY KEY,                                -- UUIDv7, made by the client

    -- Times: eight bytes each, before the narrower columns, so that no byte pads.
    created_at timestamptz NOT NULL DEFAULT now(),
    scheduled_at timestamptz NOT NULL DEFAULT now(),    -- when it may run (again)
    attempted_at timestamptz,                           -- the last claim
    finalized_at timestamptz,                           -- set if and only if the state is final
    cancel_requested_at timestamptz,                    -- asked for while it ran
    node_id bigint,                                     -- who runs it. No foreign key: a claim must not lock node rows
    timeout_seconds double precision,                   -- NULL: the handler's own

    run_number integer NOT NULL DEFAULT 0,              -- runs begun; never lowered: the fence
    state job_state NOT NULL DEFAULT 'available',
    attempt smallint NOT NULL DEFAULT 0,                -- counted runs; snooze and drain give one back
    max_attempts smallint NOT NULL DEFAULT 25,
    priority smallint NOT NULL DEFAULT 1,               -- 1 first, 4 last

    kind job_name NOT NULL,
    queue job_name NOT NULL DEFAULT 'default',
    args job_args NOT NULL DEFAULT '{}',
    output job_output,
    metadata job_metadata NOT NULL DEFAULT '{}',
    tags job_tags NOT NULL DEFAULT '{}',

    -- No constraint here may be broken by what claim, ack or rescue write: one row would stop a batch.
    CONSTRAINT job_finalized_iff_final
        CHECK ((finalized_at IS NOT NULL) = (state IN ('completed', 'cancelled', 'discarded'))),
    CONSTRAINT job_node_iff_running CHECK ((node_id IS NOT NULL) = (state = 'running')),
    CONSTRAINT job_attempt_range CHECK (attempt >= 0),
    CONSTRAINT job_max_attempts_range CHECK (max_attempts BETWEEN 1 AND 32000),
    CONSTRAINT job_priority_range CHECK (priority BETWEEN 1 AND 4),
    CONSTRAINT job_timeout_range CHECK (timeout_seconds >= 0 AND timeout_seconds < 'Infinity')
) WITH (
    -- A job's life is two updates, and neither can be HOT: `state` is in the predicate of every
    -- index. Yet room for both new versions in the page of the first keeps WAL short: claim and ack
    -- wrote 873, 802, 652 bytes a job with fillfactor 100, 85, 60 (PostgreSQL 18), and the table ended
    -- no larger, since dead versions make room in the same page.
    fillfactor = 60,
    -- Dead versions lie in front of the live ones in job_claim and are stepped over at each claim:
    -- vacuum early (2 % dead) and do not doze on the way.
    autovacuum_vacuum_scale_factor = 0.02,
    autovacuum_vacuum_threshold = 1000,
    autovacuum_vacuum_insert_scale_factor = 0.05,
    autovacuum_vacuum_cost_limit = 2000,
    autovacuum_analyze_scale_factor = 0.05,
    autovacuum_analyze_threshold = 1000,
    -- Giving the table's empty end back takes an ACCESS EXCLUSIVE lock, and tomorrow needs it again.
    vacuum_truncate = off
);

CREATE TABLE failure (
    job_id uuid NOT NULL REFERENCES job (id) ON DELETE CASCADE,
    run_number integer NOT NULL,
    attempt smallint NOT NULL,
    failed_at timestamptz NOT NULL DEFAULT now(),
    node text,                                          -- name of the node that ran it
    error_class text NOT NULL,
    message text NOT NULL,
    trace text NOT NULL DEFAULT '',
    pid integer,                                        -- of a child that died
    exit_status integer,
    signal text,                                        -- a name, such as SIGKILL
    PRIMARY KEY (job_id, run_number),
    CONSTRAINT failure_message_size CHECK (octet_length(message) <= 128 * 1024),
    CONSTRAINT failure_trace_size CHECK (octet_length(trace) <= 128 * 1024)
) WITH (
    autovacuum_vacuum_scale_factor = 0.05,
    autovacuum_vacuum_cost_limit = 2000,
    vacuum_truncate = off
);

-- Only queues that somebody paused or configured have a row; a queue without one is open. So an
-- enqueue writes nothing here, and no row of it is hot.
CREATE TABLE queue (
    name job_name PRIMARY KEY,
    created_at timestamptz NOT NULL DEFAULT now(),
    paused_at timestamptz
);

CREATE TABLE node (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, -- never reused
    name text NOT NULL,                                 -- for people: host:pid
    host text NOT NULL,
    boot_id text NOT NULL,
    pid integer NOT NULL,
    pid_started text NOT NULL,
    version text NOT NULL,
    queues text[] NOT NULL,
    workers integer NOT NULL,
    wants_wakeups boolean NOT NULL DEFAULT false,       -- for each job enqueued in its queues
    started_at timestamptz NOT NULL DEFAULT now(),
    heartbeat_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL,                    -- its lease; what is past cannot be prolonged
    ended_at timestamptz                                -- when it left, or rescue found it gone
) WITH (
    -- One small update a heartbeat: half a page free makes it HOT. No index but the key, therefore.
    fillfactor = 50,
    autovacuum_vacuum_threshold = 50,
    autovacuum_vacuum_scale_factor = 0
);

CREATE TABLE leader (
    name text PRIMARY KEY DEFAULT 'default',
    term bigint NOT NULL DEFAULT 0,                     -- grows with each new holder
    node_id bigint,
    elected_at timestamptz,
    expires_at timestamptz NOT NULL DEFAULT '-infinity',
    CONSTRAINT leader_single CHECK (name = 'default')
) WITH (fillfactor = 50);
INSERT INTO leader DEFAULT VALUES;

-- Durable cron and interval entries. Nothing reads them yet.
CREATE TABLE schedule (
    name job_name PRIMARY KEY,
    kind job_name NOT NULL,
    queue job_name NOT NULL DEFAULT 'default',
    args job_args NOT NULL DEFAULT '{}',
    priority smallint NOT NULL DEFAULT 1,
    max_attempts smallint NOT NULL DEFAULT 25,
    timeout_seconds double precision,
    tags job_tags NOT NULL DEFAULT '{}',
    metadata job_metadata NOT NULL DEFAULT '{}',
    cron text,
    timezone text NOT NULL DEFAULT 'UTC',
    interval_seconds double precision,
    catch_up integer NOT NULL DEFAULT 1,                -- missed times made good at most, after a gap
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    paused_at timestamptz,
    last_at timestamptz,
    next_at timestamptz,
    CONSTRAINT schedule_cron_or_interval CHECK (num_nonnulls(cron, interval_seconds) = 1),
    CONSTRAINT schedule_interval_range CHECK (interval_seconds > 0),
    CONSTRAINT schedule_priority_range CHECK (priority BETWEEN 1 AND 4),
    CONSTRAINT schedule_max_attempts_range CHECK (max_attempts BETWEEN 1 AND 32000)
);

-- Who waits for a job's end. Unlogged: after a crash the waiters' own slow poll stands behind it.
CREATE UNLOGGED TABLE waiter (
    job_id uuid PRIMARY KEY,                            -- no foreign key: waiting must not lock jobs
    expires_at timestamptz NOT NULL
);
