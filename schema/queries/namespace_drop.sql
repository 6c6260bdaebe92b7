-- The schema of a namespace, once nothing is left in it; others' objects keep it (2BP01).
-- Caller: drop_namespace.  Takes: the namespace in place of :"namespace".  Locks: its own.
DROP SCHEMA :"namespace" RESTRICT
