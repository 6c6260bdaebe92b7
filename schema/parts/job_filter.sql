-- Which jobs are meant: all conditions that are given (not NULL) hold.
-- Caller: runtime.job_filter.values_of gives the parameters $1 to $18, in this order.
-- The states are given as what they are, not as texts: of a cast from text the planner cannot prove
-- that an index of one state is enough. It must know the values (force_custom_plan): then only the
-- given conditions are left.
($1::job_state[] IS NULL OR job.state = ANY ($1::job_state[]))
AND ($2::text[] IS NULL OR job.kind = ANY ($2::text[]))
AND ($3::text[] IS NULL OR job.queue = ANY ($3::text[]))
AND ($4::text[] IS NULL OR job.key = ANY ($4::text[]))
AND ($5::text[] IS NULL OR job.tags @> $5::text[])
AND ($6::text[] IS NULL OR job.tags && $6::text[])
AND ($7::jsonb IS NULL OR job.metadata @> $7::jsonb)
AND ($8::jsonb IS NULL OR job.args @> $8::jsonb)
AND ($9::timestamptz IS NULL OR job.created_at >= $9::timestamptz)
AND ($10::timestamptz IS NULL OR job.created_at < $10::timestamptz)
AND ($11::timestamptz IS NULL OR job.scheduled_at >= $11::timestamptz)
AND ($12::timestamptz IS NULL OR job.scheduled_at < $12::timestamptz)
AND ($13::timestamptz IS NULL OR job.finalized_at >= $13::timestamptz)
AND ($14::timestamptz IS NULL OR job.finalized_at < $14::timestamptz)
AND ($15::uuid[] IS NULL OR job.id = ANY ($15::uuid[]))
AND ($16::smallint[] IS NULL OR job.priority = ANY ($16::smallint[]))
AND ($17::text IS NULL OR EXISTS (
    SELECT FROM (
        SELECT failure.error_class, failure.message
        FROM failure
        WHERE failure.job_id = job.id
        ORDER BY failure.run_number DESC
        LIMIT 1
    ) AS last
    WHERE strpos(lower(last.error_class || ': ' || last.message), lower($17::text)) > 0
))
AND ($18::boolean IS NULL OR (job.paused_at IS NOT NULL AND job.finalized_at IS NULL) = $18::boolean)
