"""Fixtures that every test may ask for."""

from tests.support.postgres import database_url, made_cluster, postgres_server, restartable_server

__all__ = ["database_url", "made_cluster", "postgres_server", "restartable_server"]
