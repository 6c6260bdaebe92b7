-- Write down what an app's code says of its schedules, and that this node's app says it.
-- Caller: Store.declare_schedules, when a node has the app.
-- Takes:  $1 node id; $2 a JSON array of definitions, whose keys are columns of schedule.
-- Locks:  the node's row; then schedule rows by name: those alone of which the code says something new.
-- Rule:   what the code says anew is taken over, field by field; what it says as before leaves alone what
--         was changed at run time. The times (cron, timezone, interval) count as one field. A pause stays.
-- Rows:   one: how many schedules are new or were changed.
WITH declared AS (
    UPDATE node
    SET schedules = ARRAY(SELECT item ->> 'name' FROM json_array_elements($2::text::json) AS item)
    WHERE node.id = $1::bigint
    RETURNING pg_notify(current_schema() || '.due', 'schedule')
), given AS MATERIALIZED (
    SELECT entry.*, item AS definition
    FROM jsonb_array_elements($2::text::jsonb) AS item
    CROSS JOIN LATERAL jsonb_to_record(item) AS entry (
        name text, kind text, queue text, args jsonb, priority smallint, max_attempts smallint,
        timeout_seconds double precision, tags text[], metadata jsonb, key text, sequence boolean,
        expires_seconds double precision, cron text, timezone text,
        interval_seconds double precision, catch_up integer, overlap boolean
    )
), written AS (
    INSERT INTO schedule AS old (
        name, kind, queue, args, priority, max_attempts, timeout_seconds, tags, metadata, key,
        sequence, expires_seconds, cron, timezone, interval_seconds, catch_up, overlap, definition
    )
    SELECT
        given.name, given.kind, given.queue, given.args, given.priority, given.max_attempts,
        given.timeout_seconds, given.tags, given.metadata, given.key, given.sequence,
        given.expires_seconds, given.cron, given.timezone, given.interval_seconds, given.catch_up,
        given.overlap, given.definition
    FROM given
    ORDER BY given.name
    ON CONFLICT (name) DO UPDATE
    SET definition = excluded.definition,
        kind = CASE WHEN old.definition -> 'kind' IS DISTINCT FROM excluded.definition -> 'kind'
            THEN excluded.kind ELSE old.kind END,
        queue = CASE WHEN old.definition -> 'queue' IS DISTINCT FROM excluded.definition -> 'queue'
            THEN excluded.queue ELSE old.queue END,
        args = CASE WHEN old.definition -> 'args' IS DISTINCT FROM excluded.definition -> 'args'
            THEN excluded.args ELSE old.args END,
        priority = CASE
            WHEN old.definition -> 'priority' IS DISTINCT FROM excluded.definition -> 'priority'
            THEN excluded.priority ELSE old.priority END,
        max_attempts = CASE
            WHEN old.definition -> 'max_attempts'
                IS DISTINCT FROM excluded.definition -> 'max_attempts'
            THEN excluded.max_attempts ELSE old.max_attempts END,
        timeout_seconds = CASE
            WHEN old.definition -> 'timeout_seconds'
                IS DISTINCT FROM excluded.definition -> 'timeout_seconds'
            THEN excluded.timeout_seconds ELSE old.timeout_seconds END,
        tags = CASE WHEN old.definition -> 'tags' IS DISTINCT FROM excluded.definition -> 'tags'
            THEN excluded.tags ELSE old.tags END,
        metadata = CASE
            WHEN old.definition -> 'metadata' IS DISTINCT FROM excluded.definition -> 'metadata'
            THEN excluded.metadata ELSE old.metadata END,
        key = CASE WHEN old.definition -> 'key' IS DISTINCT FROM excluded.definition -> 'key'
            THEN excluded.key ELSE old.key END,
        sequence = CASE
            WHEN old.definition -> 'sequence' IS DISTINCT FROM excluded.definition -> 'sequence'
            THEN excluded.sequence ELSE old.sequence END,
        expires_seconds = CASE
            WHEN old.definition -> 'expires_seconds'
                IS DISTINCT FROM excluded.definition -> 'expires_seconds'
            THEN excluded.expires_seconds ELSE old.expires_seconds END,
        cron = CASE
            WHEN (old.definition -> 'cron', old.definition -> 'timezone',
                old.definition -> 'interval_seconds')
                IS DISTINCT FROM (excluded.definition -> 'cron', excluded.definition -> 'timezone',
                excluded.definition -> 'interval_seconds')
            THEN excluded.cron ELSE old.cron END,
        timezone = CASE
            WHEN (old.definition -> 'cron', old.definition -> 'timezone',
                old.definition -> 'interval_seconds')
                IS DISTINCT FROM (excluded.definition -> 'cron', excluded.definition -> 'timezone',
                excluded.definition -> 'interval_seconds')
            THEN excluded.timezone ELSE old.timezone END,
        interval_seconds = CASE
            WHEN (old.definition -> 'cron', old.definition -> 'timezone',
                old.definition -> 'interval_seconds')
                IS DISTINCT FROM (excluded.definition -> 'cron', excluded.definition -> 'timezone',
                excluded.definition -> 'interval_seconds')
            THEN excluded.interval_seconds ELSE old.interval_seconds END,
        catch_up = CASE
            WHEN old.definition -> 'catch_up' IS DISTINCT FROM excluded.definition -> 'catch_up'
            THEN excluded.catch_up ELSE old.catch_up END,
        overlap = CASE
            WHEN old.definition -> 'overlap' IS DISTINCT FROM excluded.definition -> 'overlap'
            THEN excluded.overlap ELSE old.overlap END
    WHERE old.definition IS DISTINCT FROM excluded.definition
    RETURNING old.name
)
SELECT (SELECT count(*) FROM written) AS schedules, (SELECT count(*) FROM declared) AS nodes
