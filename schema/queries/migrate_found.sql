-- Whether the namespace's own bookkeeping is there: the first thing to ask of an unknown database.
-- Caller: Migrator, with the namespace first in search_path.  Takes: $1 namespace.  Locks: none.
SELECT to_regnamespace($1::text) IS NOT NULL AS namespace, to_regclass('migration') IS NOT NULL AS migration
