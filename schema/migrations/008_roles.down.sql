-- Undo 008_roles. What was granted stays granted.
DROP FUNCTION grant_worker(name);
DROP FUNCTION grant_producer(name);
