-- A table of somebody else's, in which workflows make entries.
-- Caller: scripts/chaos workflow, and its test.
-- Locks:  none that anybody waits for.
CREATE TABLE public.ledger (job text NOT NULL, token text NOT NULL)
