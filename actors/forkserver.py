"""ForkServer: the actor that keeps a fork server running and has children made.

Rules: the app is imported there and never in the node. A server that dies takes its children with
it and is started again here, with backoff; only an app that cannot be imported is for the
supervisor to know. While the node's lease is over, no child is made.
"""

from __future__ import annotations

import logging
import time

import trio

from actors import events
from actors.child import Child
from actors.kit.life import Life
from actors.kit.restarts import Backoff
from actors.server_process import ServerProcess
from runtime.child.orders import AppSource, Manifest
from runtime.child.settings import ChildSettings
from runtime.errors import AppError, Unavailable
from runtime.job import KindInfo
from runtime.schedule import ScheduleInfo

# A server that served for this long was in good health: the next death starts the backoff anew.
HEALTHY_SECONDS = 10.0
# Deaths in a row while the app is imported that make it a broken app: one may be bad luck.
MAX_IMPORT_DEATHS = 3

logger = logging.getLogger("headrace")


class ForkServer:
    """See the module's docstring. Its spec: `ChildSpec("forkserver", ForkServer(...).run)`.

    Args:
        app: an import path "package.module:attribute", or the app itself, cloudpickled.
        settings: of the children.
        backoff: seconds before the n-th start in a row.
        observe: is told of starts and deaths of the server.
    """

    def __init__(
        self,
        app: AppSource,
        settings: ChildSettings = ChildSettings(),  # noqa: B008 - frozen
        *,
        backoff: Backoff = Backoff(),  # noqa: B008 - frozen
        observe: events.Observer = events.ignore,
    ) -> None:
        self._app = app
        self._settings = settings
        self._backoff = backoff
        self._observe = observe
        self._server: ServerProcess | None = None  # the one that serves now
        self._kinds: tuple[KindInfo, ...] | None = None
        self._schedules: tuple[ScheduleInfo, ...] = ()
        self._broken: AppError | None = None
        self._import_deaths = 0
        self._lease_ns = 0
        self._changed = trio.Event()

    @property
    def pid(self) -> int | None:
        """The server's process; None while there is none that serves."""
        return None if self._server is None else self._server.pid

    async def run(self, life: Life) -> None:
        """Keep a server until asked to stop. Raises: AppError, if the app cannot be imported."""
        deaths = 0
        self._broken, self._import_deaths = None, 0
        while not life.stopping:
            began = trio.current_time()
            with life.stop_scope():
                await self._run_one(life)
            if not life.stopping:
                lived = trio.current_time() - began
                deaths = 1 if lived >= HEALTHY_SECONDS else deaths + 1
                with life.stop_scope():
                    await trio.sleep(self._backoff(deaths))

    async def _run_one(self, life: Life) -> None:
        began = trio.current_time()

        def serve(manifest: Manifest) -> None:
            self._server, self._kinds, self._broken = server, tuple(manifest.kinds), None
            self._schedules = tuple(manifest.schedules)
            self._import_deaths = 0
            self.set_lease_deadline(self._lease_ns)
            self._warn_of_threads(manifest)
            seconds = trio.current_time() - began
            self._observe(events.ForkServerStarted(server.pid, len(self._kinds), seconds))
            life.started()

        server = ServerProcess(self._app, self._settings, on_manifest=serve)
        self._import_deaths += 1
        try:
            await server.run()
            self._check_import(server)
        except AppError as error:
            self._broken = error
            raise
        finally:
            self._server = None
            self._tell_change()
        if not life.stopping:
            self._observe(events.ForkServerDied(server.pid, server.cause))

    def _check_import(self, server: ServerProcess) -> None:
        if self._import_deaths >= MAX_IMPORT_DEATHS:
            raise AppError(
                f"the fork server died {self._import_deaths} times while it imported the app: "
                f"{server.cause}"
            )

    def _warn_of_threads(self, manifest: Manifest) -> None:
        if manifest.threads > 1 and self._settings.start_method == "fork":
            logger.warning(
                "importing the app has started %d threads, which its children will not have; "
                "start them in handlers, or use the start method spawn",
                manifest.threads - 1,
            )

    def _tell_change(self) -> None:
        self._changed.set()
        self._changed = trio.Event()

    async def kinds(self) -> tuple[KindInfo, ...]:
        """What the app has handlers for; waits until the server has imported it.

        Raises: AppError, with the import's traceback.
        """
        while self._kinds is None:
            if self._broken is not None:
                raise self._broken
            await self._changed.wait()
        return self._kinds

    async def schedules(self) -> tuple[ScheduleInfo, ...]:
        """What the app defines; waits as `kinds` does. Raises: AppError."""
        await self.kinds()
        return self._schedules

    async def spawn(self, number: int, *, is_async: bool) -> Child:
        """A new child, ready for its first run; or dead already, as `Child.wait` will tell.

        Waits while the server is being started, and while the node's lease is over.

        Args: number: of its Worker; chooses the core when pinned.
        Raises: AppError; Unavailable, if the system refuses another process.
        """
        while True:
            server = await self._wait_serving()
            try:
                child = await server.spawn(number, is_async)
            except Unavailable:
                if not self._lease_over:
                    raise
            else:
                if child is not None:
                    return child

    async def _wait_serving(self) -> ServerProcess:
        while self._server is None or self._server.gone.is_set() or self._lease_over:
            if self._broken is not None:
                raise self._broken
            await self._changed.wait()
        return self._server

    @property
    def _lease_over(self) -> bool:
        return bool(self._lease_ns) and time.monotonic_ns() >= self._lease_ns

    def set_lease_deadline(self, monotonic_ns: int) -> None:
        """Have all children killed at that `time.monotonic_ns()`, unless it is moved on by then.

        The server sees to it, also while this process is stopped. 0: never.
        """
        self._lease_ns = monotonic_ns
        if self._server is not None:
            self._server.set_lease(monotonic_ns)
        self._tell_change()
