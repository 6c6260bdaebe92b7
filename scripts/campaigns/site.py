"""Where a campaign takes place: a PostgreSQL of its own, nodes that may be killed, and the history.

Nodes have short leases, so that what a dead one held comes back soon; all else is as by default.
"""

from __future__ import annotations

import random
import signal
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import attrs
import trio

from actors.store.bridge import open_bridge
from actors.store.migrate import Migrator
from actors.store.postgres import session_of
from runtime import Client
from runtime.embedded import Server
from runtime.errors import StoreUnavailable
from runtime.job import NewJob
from scripts.benches.node import Node, started
from scripts.benches.processes import children
from scripts.benches.progress import Progress
from scripts.campaigns import reading
from scripts.campaigns.app import app, traced
from scripts.campaigns.history import Answer, Enqueue, Fault, History

NAMESPACE = "headrace"
LEASE_SECONDS = 3
_APP = "scripts.campaigns.app:app"
_OPTIONS = ("--lease-seconds", str(LEASE_SECONDS), "--heartbeat-seconds", "1")
_BULK_JOBS = 1_000
_PATIENCE_SECONDS = 0.2


@attrs.define
class Site:
    """See the module's docstring."""

    server: Server
    folder: Path
    progress: Progress
    dice: random.Random
    _nodes: list[tuple[Node, ExitStack]] = attrs.field(factory=list)
    _started: int = 0
    _enqueues: list[Enqueue] = attrs.field(factory=list)
    _faults: list[Fault] = attrs.field(factory=list)

    @property
    def nodes(self) -> list[Node]:
        """Those that were started and not killed."""
        return [node for node, _ in self._nodes]

    def logs(self) -> Iterator[str]:
        """What each node, also a dead one, has logged."""
        for path in sorted(self.folder.glob("node-*.log")):
            yield path.read_text(errors="replace")

    # --- nodes ------------------------------------------------------------------------------------

    def start_node(self) -> Node:
        """One more node. It may not serve yet."""
        self._started += 1
        stack = ExitStack()
        log = self.folder / f"node-{self._started}.log"
        node = stack.enter_context(started(self.server.url, NAMESPACE, log, _OPTIONS, _APP))
        self._nodes.append((node, stack))
        return node

    def kill_node(self, node: Node) -> None:
        """kill -9 of the node's own process."""
        self.note("node", frozenset({node.pid, *self.fork_servers(node), *self.children(node)}))
        node.process.kill()
        node.process.wait()
        (held,) = [each for each in self._nodes if each[0] is node]
        self._nodes.remove(held)
        held[1].close()

    def end_nodes(self) -> None:
        """Let them drain."""
        for node in self.nodes:
            node.process.send_signal(signal.SIGCONT)
            node.process.send_signal(signal.SIGTERM)
        while self._nodes:
            self._nodes.pop()[1].close()

    def fork_servers(self, node: Node) -> list[int]:
        """The one, if it lives."""
        return children(node.pid)

    def children(self, node: Node) -> list[int]:
        """The node's children, which are its fork server's."""
        return [pid for server in self.fork_servers(node) for pid in children(server)]

    # --- faults -----------------------------------------------------------------------------------

    def note(self, kind: str, pids: frozenset[int] = frozenset()) -> None:
        """A fault that is made now, to these processes."""
        self._faults.append(Fault(kind, time.monotonic(), pids))

    def count(self, kind: str) -> int:
        """How many of that kind were made."""
        return sum(fault.kind == kind for fault in self._faults)

    # --- jobs -------------------------------------------------------------------------------------

    def jobs(self, count: int, seconds: float) -> list[NewJob]:
        """Jobs that burn so much, and leave their lines."""
        path = str(self.folder / "trace")
        return [traced.new_job(path, seconds) for _ in range(count)]

    @contextmanager
    def enqueueing(self, jobs: Sequence[NewJob]) -> Iterator[None]:
        """Enqueue them beside what goes on in the block, and until all are written."""
        thread = threading.Thread(target=self._enqueue_all, args=(jobs,), name="enqueuer")
        thread.start()
        try:
            yield
        finally:
            thread.join()

    def _enqueue_all(self, jobs: Sequence[NewJob]) -> None:
        with Client(app, self.server.url, namespace=NAMESPACE) as client:
            for start in range(0, len(jobs), _BULK_JOBS):
                self._enqueue(client, jobs[start : start + _BULK_JOBS])

    def _enqueue(self, client: Client, jobs: Sequence[NewJob]) -> None:
        """Until it is known to be written: whenever the answer is lost, again with the same ids."""
        answer: Answer = "unknown"
        while answer == "unknown":
            try:
                client.enqueue_many(jobs)
                answer = "ok"
            except StoreUnavailable:
                time.sleep(_PATIENCE_SECONDS)
            self._enqueues += [Enqueue(job.id, answer) for job in jobs]

    def completed(self) -> int | None:
        """How many jobs are; None while the database does not say."""
        return reading.completed(self.server.url, NAMESPACE)

    def history(self) -> History:
        """All that happened. To be read when the nodes have ended."""
        rows = reading.rows(self.server.url, NAMESPACE)
        runs = reading.runs(self.folder / "trace")
        return History(tuple(self._enqueues), tuple(runs), tuple(rows), tuple(self._faults))


@contextmanager
def open_site(seed: int, progress: Progress) -> Iterator[Site]:
    """A site, until the end of the block. Raises EmbeddedPostgresError."""
    progress.phase("starting PostgreSQL")
    with (
        TemporaryDirectory(prefix="headrace-chaos-") as folder,
        Server.attach(Path(folder) / "data") as server,
    ):
        trio.run(_migrate, server.url)
        (Path(folder) / "trace").touch()
        site = Site(server, Path(folder), progress, random.Random(seed))
        try:
            yield site
        finally:
            site.end_nodes()


async def _migrate(url: str) -> None:
    async with open_bridge(url, kind="thread", session=session_of(NAMESPACE)) as bridge:
        await Migrator(bridge, NAMESPACE).up()
