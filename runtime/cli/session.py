"""Opens the database for a command: the one that is configured, or the embedded PostgreSQL.

Rules: a command reaches the database through a client or the Store's protocol alone. Nobody else
looks after the embedded PostgreSQL, so whoever uses it migrates it, and says so; any other database
is migrated on request.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import attrs

from runtime.cli.output import say
from runtime.config import Config, Settings
from runtime.payload import PayloadLimits

if TYPE_CHECKING:
    from actors.store.bridge import Bridge
    from actors.store.migrate import Applied, Progress
    from actors.store.protocol import Store
    from runtime.client import Client
    from runtime.embedded import Server

T = TypeVar("T")

# A command asks one thing after another; `check` LISTENs beside that.
_CONNECTIONS = 2


@contextmanager
def attached(config: Config) -> Iterator[tuple[Config, Server | None]]:
    """The config with a database URL: its own, or that of the embedded PostgreSQL, which is kept
    running meanwhile and given too.

    Raises: EmbeddedPostgresError.
    """
    if config.database_url:
        yield config, None
        return
    from runtime.embedded import Server

    with Server.attach(_path(config.data_dir), bin_dir=_path(config.postgres_bin)) as server:
        say(f"using the embedded PostgreSQL {server.version} in {server.data_dir}")
        yield attrs.evolve(config, database_url=server.url), server


@contextmanager
def reachable(config: Config) -> Iterator[Config]:
    """The same, for those who care about the config alone."""
    with attached(config) as (reached, _):
        yield reached


def run_with_store(settings: Settings, unit: Callable[[Store], Awaitable[T]]) -> T:
    """Open the Store, see that its tables are ours, run `unit` under trio.

    Raises: StoreUnavailable, SchemaError, and what `unit` raises.
    """
    import trio

    with reachable(settings.config) as config:
        if not settings.config.database_url:
            prepare_tables(config, migrate=True)
        return trio.run(_with_store, config, unit)


def run_with_client(
    settings: Settings,
    unit: Callable[[Client], T],
    *,
    check: bool = True,
    app_path: str | None = None,
) -> T:
    """Open a client, see that its tables are ours, run `unit`, which may use all its groups.

    `check`: False for what needs no tables. `app_path`: of the app whose keys are needed.

    Raises: StoreUnavailable, SchemaError, DatabaseError (a refusal), and what `unit` raises.
    """
    from runtime.app import App, load
    from runtime.client import Client
    from runtime.handler_options import DEFAULT_NAMESPACE

    with reachable(settings.config) as config:
        if not settings.config.database_url:
            prepare_tables(config, migrate=True)
        app = App("command", namespace=config.namespace, limits=limits_of(config))
        url, namespace, pooler = config.database_url, config.namespace, config.pooler
        if app_path is not None:
            app = load(app_path)
            namespace = app.namespace if namespace == DEFAULT_NAMESPACE else namespace
        with _refusals(), Client(app, url, namespace=namespace, pooler=pooler) as client:
            if check:
                client.check()
            return unit(client)


@contextmanager
def _refusals() -> Iterator[None]:
    """What the database refused, as our own error, which has an exit status."""
    import asyncpg

    from actors.store.errors import DatabaseError

    try:
        yield
    except asyncpg.PostgresError as error:
        raise DatabaseError(error.sqlstate or "", str(error)) from error


def run_with_bridge(config: Config, unit: Callable[[Bridge], Awaitable[T]]) -> T:
    """Run `unit` under trio with a bridge to the database, whatever its tables."""
    import trio

    async def run() -> T:
        async with open_bridge(config) as bridge:
            return await unit(bridge)

    return trio.run(run)


def prepare_tables(config: Config, *, migrate: bool) -> None:
    """See that the tables are those that this version needs, or with `migrate` make them so.

    Raises: SchemaError, StoreUnavailable.
    """
    from actors.store.migrate import Migrator

    async def prepare(bridge: Bridge) -> None:
        migrator = Migrator(bridge, config.namespace)
        if not migrate:
            await migrator.require_current()
            return
        applied = await migrator.up(observe=show_progress)
        if applied:
            say(f"migrated namespace {config.namespace}: {_names(applied)}")

    run_with_bridge(config, prepare)


@asynccontextmanager
async def open_bridge(config: Config) -> AsyncIterator[Bridge]:
    """A bridge whose sessions are the Store's."""
    from actors.store.bridge import open_bridge as open_
    from actors.store.postgres import session_of

    async with open_(
        config.database_url,
        kind=config.bridge,
        max_size=_CONNECTIONS,
        session=session_of(config.namespace),
        pooler=config.pooler,
    ) as bridge:
        yield bridge


def limits_of(config: Config) -> PayloadLimits:
    """How large payloads may be."""
    return PayloadLimits(
        args_bytes=config.payload_limit_bytes,
        output_bytes=config.payload_limit_bytes,
        warn_bytes=config.payload_warn_bytes,
    )


def make_store(config: Config, bridge: Bridge) -> Store:
    """The Store over a bridge of `open_bridge`."""
    from actors.store.postgres import PostgresStore

    return PostgresStore(bridge, namespace=config.namespace, limits=limits_of(config))


def show_progress(progress: Progress) -> None:
    """What a migration waits for, or how far a build is; its beginning and end go unsaid."""
    if progress.what not in ("begin", "end"):
        say(f"{progress.label}: {progress.what} {progress.detail}".rstrip())


async def _with_store(config: Config, unit: Callable[[Store], Awaitable[T]]) -> T:
    async with open_bridge(config) as bridge:
        store = make_store(config, bridge)
        await store.check()
        return await unit(store)


def _names(applied: list[Applied]) -> str:
    return ", ".join(f"{each.version:03}_{each.name}" for each in applied)


def _path(text: str) -> Path | None:
    return Path(text).expanduser() if text else None
