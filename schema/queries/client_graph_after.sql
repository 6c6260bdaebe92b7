-- What the jobs of a job's graphs come after.
-- Caller: runtime.client.
-- Takes: $1 the id of a graph's root, or of a workflow.  Locks: none.  Index: dependency_pkey.
-- Rows:  one for those that come after the same: as JSON, ids that they need, and their own.
SELECT CAST(to_json(dependency.needed) AS text) AS needed, CAST(to_json(dependency.waiting) AS text) AS waiting
FROM headrace.dependency
WHERE dependency.parent_id = CAST($1 AS uuid)
ORDER BY dependency.parent_place, dependency.number
