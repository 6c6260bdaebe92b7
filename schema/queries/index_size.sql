-- How large an index is.
-- Caller: Store.reindex.  Takes: $1 its name, in the search_path.  Locks: ACCESS SHARE on it.
-- Rows:   one; NULL, if there is no such index any more.
SELECT pg_relation_size(to_regclass($1::text)) AS bytes
