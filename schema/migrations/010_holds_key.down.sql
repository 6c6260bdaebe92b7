-- Undo 010_holds_key.
DROP FUNCTION holds_key(job_state, bit, integer);
