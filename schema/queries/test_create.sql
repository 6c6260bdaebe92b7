-- Make a database as a copy of another one.
-- Caller: runtime.testing, in no transaction; it puts its two names for headrace_test_1 and _2.
-- Locks:  none that a test could wait for. Nobody may be connected to the other one.
CREATE DATABASE headrace_test_1 TEMPLATE headrace_test_2
