-- Undo 022_limit_queue.
DROP FUNCTION limit_queue(
    text, integer, integer, integer, double precision, integer, boolean, boolean
);
