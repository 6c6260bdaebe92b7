-- Undo 019_namespace_switch. It is on afterwards.
DROP TRIGGER IF EXISTS job_disabled_insert ON job;
DROP TRIGGER IF EXISTS job_disabled_claim ON job;
DROP FUNCTION disable_namespace();
DROP FUNCTION enable_namespace();
DROP FUNCTION refuse_insert();
DROP FUNCTION refuse_claim();
