-- Remove a bench's own namespace; the caller puts its name for `headrace`.
-- Caller: scripts/bench, at the end of a measurement.
-- Locks:  ACCESS EXCLUSIVE on all of it, which nobody else uses.
DROP SCHEMA IF EXISTS headrace CASCADE
