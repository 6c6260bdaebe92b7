-- Which of the optional indexes of job there are.
-- Caller: actors.store.job_indexes.
-- Locks:  none.
-- Plan:   scans of the catalogue.
-- Rows:   one an index, by name; an invalid one was left by a build that was interrupted.
SELECT
    made.relname::text AS name, pg_index.indisvalid AS valid, pg_relation_size(made.oid) AS bytes
FROM pg_index JOIN pg_class AS made ON made.oid = pg_index.indexrelid
WHERE pg_index.indrelid = 'job'::regclass
AND made.relname IN ('job_by_args', 'job_by_metadata', 'job_by_tags')
ORDER BY made.relname
