-- What a session that migrates is like, until migrate_session_end: unqualified names mean the
-- namespace, no statement is cut short, and waiting for a lock is bounded, because whoever waits for
-- a strong lock holds up all who come after.
-- Caller: Migrator.  Takes: $1 search_path, $2 lock_timeout in ms as text.  Locks: none.
SELECT
    set_config('search_path', $1, false),
    set_config('lock_timeout', $2, false),
    set_config('statement_timeout', '0', false),
    set_config('idle_in_transaction_session_timeout', '0', false)
