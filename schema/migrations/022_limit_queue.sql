-- 022_limit_queue: set a queue's limits from SQL.
-- Why:   what a client does by client.queues.limit, psql and other languages do, too.
-- Locks: none.
-- Safe while serving: yes.
-- Errors: 23514 (a named CHECK of the table): a limit that cannot be.

-- Set all limits of a queue at once, and tell the nodes. What is NULL or false is not limited.
-- concurrency, per_key: jobs that run at once. rate_count jobs begin in rate_seconds, at most rate_burst of
-- them at one moment (by default one, or what comes in a tenth of a second); rate_per_key: of each key.
-- fair: keys take turns.
CREATE FUNCTION limit_queue(
    name text,
    concurrency integer DEFAULT NULL,
    per_key integer DEFAULT NULL,
    rate_count integer DEFAULT NULL,
    rate_seconds double precision DEFAULT NULL,
    rate_burst integer DEFAULT NULL,
    rate_per_key boolean DEFAULT false,
    fair boolean DEFAULT false
) RETURNS void
LANGUAGE plpgsql VOLATILE
AS $$
#variable_conflict use_column
BEGIN
    INSERT INTO queue (
        name, concurrency, per_key, rate_count, rate_seconds, rate_burst, rate_per_key, fair, limited_at
    )
    SELECT
        limit_queue.name, limit_queue.concurrency, limit_queue.per_key, limit_queue.rate_count,
        limit_queue.rate_seconds,
        CASE
            WHEN limit_queue.rate_count IS NOT NULL AND limit_queue.rate_burst IS NULL
            THEN greatest(
                1, ceil(limit_queue.rate_count * 0.1 / nullif(limit_queue.rate_seconds, 0) - 1e-9)
            )::integer
            ELSE limit_queue.rate_burst
        END,
        limit_queue.rate_per_key, limit_queue.fair,
        CASE
            WHEN limit_queue.fair
            OR num_nonnulls(limit_queue.concurrency, limit_queue.per_key, limit_queue.rate_count) > 0
            THEN now()
        END
    ON CONFLICT (name) DO UPDATE
    SET concurrency = excluded.concurrency,
        per_key = excluded.per_key,
        rate_count = excluded.rate_count,
        rate_seconds = excluded.rate_seconds,
        rate_burst = excluded.rate_burst,
        rate_per_key = excluded.rate_per_key,
        fair = excluded.fair,
        limited_at = CASE
            WHEN excluded.limited_at IS NOT NULL THEN coalesce(queue.limited_at, excluded.limited_at)
        END;
    PERFORM pg_notify(current_schema() || '.control', 'queues:' || limit_queue.name);
    PERFORM pg_notify(current_schema() || '.wakeup', limit_queue.name);
END
$$;

DO $$
BEGIN
    EXECUTE format(
        'ALTER FUNCTION limit_queue(text, integer, integer, integer, double precision, integer, boolean,'
        ' boolean) SET search_path = %I, pg_temp', current_schema()
    );
END
$$;
