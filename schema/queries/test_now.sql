-- The database's time.
-- Caller: runtime.testing.travel.
SELECT clock_timestamp()
