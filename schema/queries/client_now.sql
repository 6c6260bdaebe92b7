-- The database's clock, for the rows that a bulk copies.
-- Caller: runtime.client.
SELECT now()
