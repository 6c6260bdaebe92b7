-- Make a database as a copy of another one, file by file rather than page by page over the log.
-- Caller: runtime.testing, in no transaction, where test_may_copy_files says so; it puts its two
--         names for headrace_test_1 and _2.
-- Locks:  none that a test could wait for. Nobody may be connected to the other one.
CREATE DATABASE headrace_test_1 TEMPLATE headrace_test_2 STRATEGY FILE_COPY
