-- Insert a graph inside the caller's own transaction: its root, its jobs, and what they come after.
-- Caller: runtime.client, on connections of users and of its own pools, as client_enqueue.sql.
-- Takes: $1 the graph, as JSON: see enqueue_graph.  Locks: those of INSERT.
-- Rows:  one: whether it was inserted; it is not, if the root's id was known.
SELECT headrace.enqueue_graph(CAST(CAST($1 AS text) AS json)) AS inserted
