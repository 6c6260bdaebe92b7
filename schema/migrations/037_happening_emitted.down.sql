-- no-transaction
-- Undo 037_happening_emitted.
DROP INDEX CONCURRENTLY happening_emitted;
