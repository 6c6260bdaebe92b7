-- Sends one notification, to learn whether it arrives.
-- Caller: the command `check`, which LISTENs on this channel.  Locks: the queue of notifications.
-- Takes:  $1 channel, $2 payload, text.
SELECT pg_notify($1::text, $2::text)
