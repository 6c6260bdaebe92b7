-- Leave a transaction in whatever state it is; outside of one the server only warns.
-- Caller: the bridge, after a unit that was cancelled, when the driver does not know the state.
ROLLBACK
