-- An entry, in the transaction that records the step which makes it.
-- Caller: the workflow of scripts/chaos workflow.
-- Takes:  $1 its job, $2 the token of this time.  Locks: those of INSERT.
INSERT INTO public.ledger (job, token) VALUES ($1, $2)
