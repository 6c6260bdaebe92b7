"""A node from beginning to end: what `python -m runtime serve` runs, and what a program may embed.

    config ─▶ Store over a Database ─▶ parts ─▶ tree ─▶ run until asked to stop ─▶ drained

Rules: the database must be migrated; nothing is served otherwise. `stop` drains, in the order that
the tree prescribes; `force` beside it kills the handlers at once, and their jobs go back.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from functools import partial
from typing import cast

import attrs
import trio

from actors import events
from actors.kit import ChildSpec, Life, Restart, Supervisor, run_supervised
from actors.parts import Parts, make_parts, make_upkeep
from actors.store.bridge import Bridge, open_bridge
from actors.store.database import Database
from actors.store.postgres import PostgresStore, session_of
from actors.store.protocol import Store
from actors.store.several import NamespaceView, SeveralStore
from actors.tree import tree
from runtime.child.orders import AppSource
from runtime.config import Config
from runtime.payload import PayloadLimits


def make_node(
    config: Config,
    app: AppSource,
    *,
    observe: events.Observer = events.ignore,
    beside: Sequence[ChildSpec] = (),
    namespaces: Sequence[str] = (),
) -> tuple[Parts, ChildSpec]:
    """The parts of a node on PostgreSQL, and the spec of its whole tree for your own supervisor.

    Args: config: with its database_url. app: an import path, or the app itself, cloudpickled.
    observe: gets every event, besides the node's own log, metrics and health. beside: actors of
    your own; they start last and stop first. namespaces: to be served instead of the config's;
    several share the cores evenly, each with its own tables and maintenance.
    """
    if len(namespaces) > 1:
        configs = [attrs.evolve(config, namespace=name) for name in namespaces]
        return _make_several(configs, app, observe, beside)
    config = attrs.evolve(config, namespace=namespaces[0]) if namespaces else config
    database = Database(partial(open_database, config))
    warned = _Warned(config.payload_limit_bytes)
    store = PostgresStore(
        database,
        namespace=config.namespace,
        limits=payload_limits(config),
        on_warning=warned,
    )
    parts = make_parts(config, store, app, observe=observe)
    warned.observe = parts.observe
    store_spec = ChildSpec("store", database.hold_open)
    return parts, tree(parts, store=store_spec, beside=beside).spec()


def _make_several(
    configs: Sequence[Config], app: AppSource, observe: events.Observer, beside: Sequence[ChildSpec]
) -> tuple[Parts, ChildSpec]:
    databases = [Database(partial(open_database, config)) for config in configs]
    warned = _Warned(configs[0].payload_limit_bytes)
    stores = [
        PostgresStore(
            database,
            namespace=config.namespace,
            limits=payload_limits(config),
            on_warning=warned,
        )
        for config, database in zip(configs, databases, strict=True)
    ]
    several = SeveralStore(stores)
    # The work asks no more of a Store than what SeveralStore has.
    parts = make_parts(configs[0], cast("Store", several), app, observe=observe)
    warned.observe = parts.observe
    views = [
        cast("Store", NamespaceView(store, several.id_in(place)))
        for place, store in enumerate(stores)
    ]
    upkeep = make_upkeep(parts, app, list(zip(configs, views, strict=True)))
    pools = Supervisor(
        "stores",
        [
            ChildSpec(f"store-{config.namespace}", database.hold_open)
            for config, database in zip(configs, databases, strict=True)
        ],
    )
    return parts, tree(parts, store=pools.spec(), beside=beside, upkeep=upkeep).spec()


@attrs.define
class _Warned:
    """Makes an event of what the payload guard warns of."""

    limit_bytes: int
    observe: events.Observer = events.ignore

    def __call__(self, field: str, size: int) -> None:
        self.observe(events.PayloadWarned(field, size, self.limit_bytes))


def open_database(config: Config) -> AbstractAsyncContextManager[Bridge]:
    """The bridge to the configured database, with the sessions that the Store needs."""
    return open_bridge(
        config.database_url,
        kind=config.bridge,
        session=session_of(config.namespace),
        pooler=config.pooler,
    )


async def serve(
    config: Config,
    app: AppSource,
    *,
    stop: trio.Event,
    force: trio.Event | None = None,
    observe: events.Observer = events.ignore,
    started: Callable[[Parts], None] = lambda parts: None,
    namespaces: Sequence[str] = (),
) -> None:
    """Run a node until `stop`, then drain.

    Args: force: set to stop without draining, now. started: called when the whole tree is up.
    namespaces: see `make_node`.
    Raises: SchemaError: the tables are not ours; nothing was served. SupervisionError: what the
    tree could not mend by restarting.
    """

    async def tell(life: Life) -> None:
        life.started()
        started(parts)

    told = ChildSpec("told", tell, Restart.TEMPORARY)  # the last to start, so all are up
    drain = _Drain()
    parts, spec = make_node(
        config,
        app,
        observe=events.fan_out(drain.observe, observe),
        beside=[told],
        namespaces=namespaces,
    )
    async with trio.open_nursery() as nursery:
        nursery.start_soon(drain.begin, parts, stop)
        if force is not None:
            nursery.start_soon(_relay, force.wait, parts.force)
        await run_supervised(spec, stop=stop)
        nursery.cancel_scope.cancel()
    drain.end(parts)


@attrs.define
class _Drain:
    """Reports the drain: when it began, when it ended, and how many runs did not end in time."""

    _began_at: float | None = None
    _given_back: int = 0

    def observe(self, event: events.Event) -> None:
        if isinstance(event, events.RunsEnded):
            self._given_back += sum(run.outcome == "given_back" for run in event.runs)

    async def begin(self, parts: Parts, stop: trio.Event) -> None:
        await stop.wait()
        self._began_at, self._given_back = trio.current_time(), 0
        parts.observe(events.DrainBegan(parts.config.drain_seconds, parts.running))

    def end(self, parts: Parts) -> None:
        if self._began_at is not None:
            seconds = trio.current_time() - self._began_at
            parts.observe(events.DrainEnded(seconds, self._given_back))


async def _relay(wait: Callable[[], Awaitable[None]], event: trio.Event) -> None:
    await wait()
    event.set()


def payload_limits(config: Config) -> PayloadLimits:
    """The guard's limits, from the options."""
    return PayloadLimits(
        args_bytes=config.payload_limit_bytes,
        output_bytes=config.payload_limit_bytes,
        warn_bytes=config.payload_warn_bytes,
    )
