-- All entries.
-- Caller: scripts/chaos workflow.
-- Locks:  none.
SELECT ledger.job, ledger.token FROM public.ledger ORDER BY ledger.job
