-- Back to the session that the pool had made.
-- Caller: Migrator, after migrate_session.
RESET ALL
