-- Begin a workflow anew with other args: all that it has done is forgotten, but how often it began anew.
-- Its children are no children of what comes: those that go on are cancelled, since nobody waits for them.
-- Caller: Store.record, for a step of the op `continue`. The run then ends, and the next one begins.
-- Takes:  $1 job, $2 run number, $3 args (JSON text), $4 place and $5 name of the step that tells of it.
-- Locks:  the job's row; its rows of step and signal; its children, in order of id.
-- Index:  job_pkey, step_pkey, signal_pkey, job_parent, dependency_pkey. = ANY (ARRAY[id]), and the state as text: see ack_completed.sql.
-- Rows:   one: how many jobs were changed, none if it is not the running run; and the time. Signals that no
--         step has taken, and what is published, stay.
WITH changed AS (
    UPDATE job
    SET args = $3::text::jsonb
    WHERE job.id = ANY (ARRAY[$1::uuid]) AND job.run_number = $2::integer
    AND job.state::text = 'running'
    RETURNING job.id
), forgotten AS (
    DELETE FROM step USING changed
    WHERE step.job_id = ANY (ARRAY[changed.id]) AND step.place <> $4::text
    AND (step.done OR step.place <> '0.0.1') -- who cleans up watches on, between the rounds, too
), kept AS (
    INSERT INTO step (job_id, place, op, name, done, run_number)
    SELECT changed.id, $4::text, 'continue', $5::text, true, $2::integer
    FROM changed
    ON CONFLICT (job_id, place) DO UPDATE SET
        name = excluded.name, run_number = excluded.run_number, recorded_at = excluded.recorded_at
), child AS MATERIALIZED (
    SELECT job.id
    FROM changed JOIN job ON job.parent_id = ANY (ARRAY[changed.id])
    ORDER BY job.id
    FOR UPDATE OF job
), left_alone AS (
    UPDATE job
    SET parent_id = NULL, parent_place = NULL
    FROM child
    WHERE job.id = ANY (ARRAY[child.id])
    RETURNING job.id, job.finalized_at
), graph AS (
    DELETE FROM dependency USING changed WHERE dependency.parent_id = ANY (ARRAY[changed.id])
), old AS (
    DELETE FROM signal USING changed
    WHERE signal.job_id = ANY (ARRAY[changed.id]) AND signal.taken_at < now() - interval '1 day'
)
SELECT
    (SELECT count(*) FROM changed) AS jobs,
    extract(epoch FROM clock_timestamp())::double precision AS now,
    (
        SELECT cancel_jobs(array_agg(left_alone.id), 'nobody waits for it: its workflow began anew')
        FROM left_alone
        WHERE left_alone.finalized_at IS NULL
    ) AS cancelled
