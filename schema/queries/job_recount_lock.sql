-- One recount at a time: two would both add what is missing.
-- Caller: runtime.client, JobWork.recount, in the transaction of job_recount.sql.
-- Locks:  an advisory one of the namespace ("HRjc", and a hash of its name).
SELECT pg_advisory_xact_lock(1213360739, hashtext(current_schema()))
