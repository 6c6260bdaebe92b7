-- The smallest question, to learn whether anybody answers.
-- Caller: the bridge, on a listening connection that is silent and before using one that rested long.
SELECT 1
