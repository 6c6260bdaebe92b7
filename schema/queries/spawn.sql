-- Insert child jobs of a workflow, and the step that waits for them: all or none.
-- Caller: Store.record.
-- Takes:  $1 job, $2 run number, $3 place, $4 a JSON array of jobs, with enqueue's parameters as keys; $5 the
--         step as JSON, or NULL; $6 how many children at once, or NULL; $7 whether the jobs get no parent.
-- Locks:  the job's row FOR SHARE; those of INSERT; with $6, the parent's lock: see release_children.
-- Index:  job_pkey, step_pkey, job_parent.
-- Rows:   one: what spawn_children answers, and the time.
SELECT
    spawn_children(
        $1::uuid, $2::integer, $3::text, $4::text::json, $5::text::json, $6::integer, $7::boolean
    ) AS answer,
    extract(epoch FROM clock_timestamp())::double precision AS now
