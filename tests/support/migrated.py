"""Databases with our tables, made by the migrator itself."""

from __future__ import annotations

import trio

from actors.node import open_database
from actors.store.migrate import Migrator
from runtime.config import Config


def migrate(url: str, namespace: str = "headrace") -> None:
    """Migrate a namespace. For sync tests and fixtures: it has a trio.run of its own."""

    async def up() -> None:
        async with open_database(Config(database_url=url, namespace=namespace)) as bridge:
            await Migrator(bridge, namespace).up()

    trio.run(up)
