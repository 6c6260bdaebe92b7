-- Drop a test's database, whoever is connected to it.
-- Caller: runtime.testing, in no transaction; it puts the name for headrace_test_1.
DROP DATABASE IF EXISTS headrace_test_1 WITH (FORCE)
