"""`serve`: run a node until a signal asks it to stop.

    settings ─▶ logging ─▶ database (given or embedded) ─▶ tables (checked, or migrated) ─▶ node

Rules: nothing is served on tables that are not ours. The first SIGTERM or SIGINT drains, a second
one stops now, a third does not even wait for the tree.
"""

from __future__ import annotations

import gc
import logging
import os
import signal
from typing import TYPE_CHECKING

import attrs
import click
import trio

from actors import events, node
from runtime.cli import logs
from runtime.cli.exits import Exit, forced
from runtime.cli.keeper import Keeper
from runtime.cli.options import all_options, configured
from runtime.cli.ready import tell_service_manager
from runtime.cli.session import attached, prepare_tables
from runtime.config import Config, Settings, mask
from runtime.errors import ConfigError
from runtime.handler_options import check_namespace
from runtime.version import our_version

if TYPE_CHECKING:
    from actors.parts import Parts
    from runtime.embedded import Server

logger = logging.getLogger("headrace")

_STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)


@click.command()
@configured(all_options(without=("app", "namespace")))
@click.option(
    "--namespace",
    "namespaces",
    multiple=True,
    help="Whose tables to serve; several, each given so, share the cores evenly."
    " [default: headrace; HEADRACE_NAMESPACE]",
)
@click.argument("app", required=False)
def serve(settings: Settings, namespaces: tuple[str, ...], app: str | None) -> int:
    """Run the jobs of APP (such as pkg.jobs:app) on all cores of this machine.

    Stops on SIGTERM or SIGINT: running jobs may end within --drain-seconds, the rest go back. A
    second signal stops at once.
    """
    config = settings.config if app is None else attrs.evolve(settings.config, app=app)
    served = _served(config, namespaces)
    if not config.app:
        raise ConfigError("no app to serve; name one: python -m runtime serve pkg.jobs:app")
    logs.configure(config.log_level, config.log_format)
    for note in settings.notes:
        logger.warning(note)
    with attached(config) as (reached, server):
        for namespace in served:
            own = attrs.evolve(reached, namespace=namespace)
            prepare_tables(own, migrate=config.migrate or server is not None)
        return _run(reached, server, served)


def _served(config: Config, namespaces: tuple[str, ...]) -> tuple[str, ...]:
    """Raises: UsageError, ConfigError."""
    for name in namespaces:
        check_namespace(name)
    if len(set(namespaces)) < len(namespaces):
        raise ConfigError(f"--namespace: each once, not {', '.join(namespaces)}")
    return namespaces or (config.namespace,)


def _run(config: Config, server: Server | None, namespaces: tuple[str, ...]) -> int:
    _announce(config, namespaces)
    _collect_seldom()
    stopped_by = trio.run(_serve, config, server, namespaces)
    logger.info("stopped")
    return Exit.OK if stopped_by is None else forced(stopped_by)


def _collect_seldom() -> None:
    """Look for garbage in cycles less often: jobs make none, and a look costs as they are many.

    As often as is Python's default, it is a tenth of this process' time at 15,000 jobs a second.
    """
    gc.freeze()
    gc.set_threshold(20_000, 20, 100)


def _announce(config: Config, namespaces: tuple[str, ...]) -> None:
    logger.info(
        "headrace %s serves %s: queues %s; %d workers; namespace %s of %s",
        our_version(),
        config.app,
        ",".join(map(str, config.queues)),
        config.worker_count,
        ", ".join(namespaces),
        mask(config.database_url),
    )


async def _serve(
    config: Config, server: Server | None, namespaces: tuple[str, ...]
) -> signal.Signals | None:
    """Returns the second signal, if one came."""
    stop, force = trio.Event(), trio.Event()
    forced_by: list[signal.Signals] = []
    observe = events.ignore
    async with trio.open_nursery() as nursery:
        await nursery.start(_obey_signals, stop, force, forced_by)
        if server is not None:
            keeper = Keeper(server)
            observe = keeper.observe
            nursery.start_soon(keeper.run)
        await node.serve(
            config,
            config.app,
            stop=stop,
            force=force,
            observe=observe,
            started=_started,
            namespaces=namespaces,
        )
        nursery.cancel_scope.cancel()
    return forced_by[0] if forced_by else None


def _started(parts: Parts) -> None:
    logger.info("serving as %s", parts.heartbeat.node.name)
    tell_service_manager("READY=1")


async def _obey_signals(
    stop: trio.Event,
    force: trio.Event,
    forced_by: list[signal.Signals],
    task_status: trio.TaskStatus[None],
) -> None:
    with trio.open_signal_receiver(*_STOP_SIGNALS) as signals:
        task_status.started()
        async for number in signals:
            if forced_by:
                os._exit(forced(number))
            if stop.is_set():
                logger.warning("%s again: stopping now", signal.Signals(number).name)
                forced_by.append(signal.Signals(number))
                force.set()
            else:
                logger.info("%s: draining; once more to stop now", signal.Signals(number).name)
                tell_service_manager("STOPPING=1")
                stop.set()
