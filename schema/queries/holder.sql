-- Which job has the key by which another is unique.
-- Caller: Store.retry and runtime.client, when a job cannot be retried for it.
-- Takes:  $1 id of that other.  Locks: none.  Index: job_pkey, job_unique.
-- Rows:   one, or none if the key is free again.
SELECT holder.id
FROM job JOIN job AS holder ON holder.unique_key = job.unique_key
WHERE job.id = $1::uuid AND holder.id <> job.id
AND holds_key(holder.state, holder.unique_states, holder.run_number)
