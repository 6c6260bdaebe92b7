-- Build an index anew, beside the old one, and put it in its place.
-- Caller: Store.reindex.  Takes: the index in place of :"index".
-- Locks: SHARE UPDATE EXCLUSIVE on its table: reads and writes go on. Not inside a transaction.
REINDEX INDEX CONCURRENTLY :"index"
