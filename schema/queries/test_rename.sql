-- A template is ready: only then does it have its name.
-- Caller: runtime.testing; it puts the names for headrace_test_1 and headrace_test_2.
ALTER DATABASE headrace_test_1 RENAME TO headrace_test_2
