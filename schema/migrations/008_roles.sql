-- 008_roles: rights for roles that need not own the tables.
-- Why:   who enqueues need not be able to read, change or run what others enqueued; who runs jobs need
--        not be able to change the tables themselves.
-- Locks: none.
-- Safe while serving: yes.
-- Errors: 42704, no such role; 42501, asked by one who does not own the tables.

-- A producer can enqueue, singly, in bulk and by COPY, and nothing else: it reads no args and no
-- outputs. Its SELECTs are those of INSERT ... ON CONFLICT (id) ... RETURNING, and of the look for
-- nodes that want a wakeup.
CREATE FUNCTION grant_producer(role name) RETURNS void
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

-- A worker can do all that a node and a client do: it enqueues, runs, waits for results, and looks
-- after the rows. It cannot change the tables, nor what is recorded of migrations.
CREATE FUNCTION grant_worker(role name) RETURNS void
LANGUAGE plpgsql
AS $$
BEGIN
    EXECUTE format('GRANT USAGE ON SCHEMA %I TO %I', current_schema(), role);
    EXECUTE format(
        'GRANT SELECT, INSERT, UPDATE, DELETE ON job, failure, queue, node, leader, schedule, waiter'
        ' TO %I', role
    );
    EXECUTE format('GRANT SELECT ON migration TO %I', role);
END
$$;

DO $$
DECLARE
    signature text;
BEGIN
    FOREACH signature IN ARRAY ARRAY['grant_producer(name)', 'grant_worker(name)'] LOOP
        EXECUTE format(
            'ALTER FUNCTION %s SET search_path = %I, pg_temp', signature, current_schema()
        );
    END LOOP;
END
$$;
