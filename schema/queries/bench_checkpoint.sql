-- Write out what earlier work left, so that each measurement begins with the same amount of it.
-- Caller: scripts/bench, before a measurement, where it may.
CHECKPOINT
