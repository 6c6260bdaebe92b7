-- Undo 033_dependency: what waits in a graph runs without those that it waited for.
DROP TRIGGER job_drop_dependencies ON job;
DROP FUNCTION drop_dependencies();
DROP TABLE dependency;
