-- Send one notification, to learn whether it arrives.
-- Caller: the command `check`, which LISTENs on this channel.
-- Takes:  $1 channel, $2 payload.
-- Locks:  at commit, that of the queue of notifications.
-- Plan:   Result.
-- Rows:   one, empty.
SELECT pg_notify($1::text, $2::text)
