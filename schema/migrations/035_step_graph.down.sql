-- no-transaction
-- Undo 035_step_graph.
DROP INDEX CONCURRENTLY step_graph;
