"""Where a bench takes place: the database, a namespace for each measurement, nodes that serve it.

Without a URL the database is an embedded one in a temporary folder, durable, with default settings:
fsync and synchronous_commit are on. With a URL the bench has namespaces of its own there, which it
removes.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import asyncpg
import attrs
import trio

from actors.store.bridge import open_bridge
from actors.store.migrate import Migrator
from actors.store.postgres import session_of
from runtime import sql
from runtime.embedded import Server
from scripts.benches.database import Database
from scripts.benches.node import APP, Node, started
from scripts.benches.processes import Used, look, name_of, used
from scripts.benches.progress import Progress


@attrs.define
class Site:
    """See the module's docstring."""

    url: str
    folder: Path
    progress: Progress
    postmaster: int | None = None  # of the server, if it runs on this machine
    _made: int = 0

    @contextmanager
    def space(self) -> Iterator[Space]:
        """An empty namespace, migrated; nothing is left of it afterwards."""
        self._made += 1
        namespace = f"bench_{os.getpid()}_{self._made}"
        trio.run(_migrate, self.url, namespace)
        with Database(self.url, namespace) as database:
            try:
                yield Space(self, namespace, database)
            finally:
                database.execute(sql.load("bench_drop").replace("headrace", namespace))


@attrs.define
class Space:
    """A namespace in which something is measured."""

    site: Site
    namespace: str
    database: Database
    _nodes: int = 0

    @contextmanager
    def node(self, *options: str, app: str = APP) -> Iterator[Node]:
        """A node on it; see `node.started`."""
        self._nodes += 1
        log = self.site.folder / f"{self.namespace}-{self._nodes}.log"
        with started(self.site.url, self.namespace, log, options, app) as node:
            yield node

    @contextmanager
    def serving(self, *options: str, app: str = APP) -> Iterator[Node]:
        """A node that serves already."""
        with self.node(*options, app=app) as node:
            node.wait_serving()
            yield node

    def used(self, *nodes: Node) -> Used:
        """CPU time up to now, by role."""
        return used([node.pid for node in nodes], self.site.postmaster)

    def now(self) -> float:
        """The database's clock, in seconds since 1970."""
        return float(self.database.value("clock"))

    def settle(self) -> None:
        """Have the server write out what earlier work left, if we may tell it to."""
        try:
            self.database.execute(sql.load("bench_checkpoint"))
        except asyncpg.InsufficientPrivilegeError:
            self.site.progress.show("(without a checkpoint before it: not permitted)")


async def _migrate(url: str, namespace: str) -> None:
    async with open_bridge(url, kind="thread", session=session_of(namespace)) as bridge:
        await Migrator(bridge, namespace).up()


@contextmanager
def open_site(url: str | None, progress: Progress) -> Iterator[Site]:
    """The site, until the end of the block. Raises EmbeddedPostgresError."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="headrace-bench-")))
        if url is None:
            progress.phase("starting PostgreSQL")
            url = stack.enter_context(Server.attach(folder / "data")).url
        with Database(url) as database:
            postmaster = _postmaster(database.row("server")["backend_pid"])
        yield Site(url, folder, progress, postmaster)


def _postmaster(backend: int) -> int | None:
    """The parent of our own backend, if that pid is PostgreSQL's on this machine."""
    process = look(backend) if name_of(backend) == "postgres" else None
    return None if process is None else process.parent
