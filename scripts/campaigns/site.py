"""Where a campaign takes place: a PostgreSQL of its own, nodes that may be killed, and the history.

Nodes have short leases, so that what a dead one held comes back soon; all else is as by default.
"""

from __future__ import annotations

import random
import shutil
import signal
import subprocess
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from itertools import takewhile
from pathlib import Path
from tempfile import TemporaryDirectory
from types import MappingProxyType
from uuid import UUID

import attrs
import trio

from actors.store.bridge import open_bridge
from actors.store.migrate import Migrator
from actors.store.postgres import session_of
from runtime.embedded import Server
from runtime.job import NewJob
from scripts.benches.node import Node, started
from scripts.benches.processes import children
from scripts.benches.progress import Progress
from scripts.campaigns import reading
from scripts.campaigns.app import traced
from scripts.campaigns.checker import Violation
from scripts.campaigns.history import DRAIN, Enqueue, Fault, History, Seen

NAMESPACE = "headrace"
LEASE_SECONDS = 3
APP = "scripts.campaigns.app:app"
_OPTIONS = ("--lease-seconds", str(LEASE_SECONDS), "--heartbeat-seconds", "1")


@attrs.define
class Site:
    """See the module's docstring.

    Attributes: found, figures of this campaign alone; broken, what it saw that must not be;
    besides, how many jobs were enqueued besides the work that is disturbed; undone, jobs whose
    enqueue a crash has undone; asynchronous_seconds, see History.
    """

    server: Server
    folder: Path
    progress: Progress
    dice: random.Random
    found: dict[str, float] = attrs.field(factory=dict)
    broken: list[Violation] = attrs.field(factory=list)
    besides: int = 0
    undone: set[UUID] = attrs.field(factory=set)
    asynchronous_seconds: float = 0.0
    _nodes: list[tuple[Node, ExitStack]] = attrs.field(factory=list)
    _started: int = 0
    _enqueues: list[Enqueue] = attrs.field(factory=list)
    _faults: list[Fault] = attrs.field(factory=list)
    _seen: list[Seen] = attrs.field(factory=list)

    @property
    def nodes(self) -> list[Node]:
        """Those that were started and not killed."""
        return [node for node, _ in self._nodes]

    def logs(self) -> Iterator[str]:
        """What each node, also a dead one, has logged."""
        for path in sorted(self.folder.glob("node-*.log")):
            yield path.read_text(errors="replace")

    # --- nodes ------------------------------------------------------------------------------------

    def start_node(
        self,
        *options: str,
        app: str = APP,
        url: str = "",
        before: Sequence[str] = (),
        variables: Mapping[str, str] = MappingProxyType({}),
    ) -> Node:
        """One more node. It may not serve yet.

        Args: options: more flags of `serve`. url: of the database, as this node is to reach it.
        before, variables: see `scripts.benches.node.started`.
        """
        self._started += 1
        stack = ExitStack()
        node = stack.enter_context(
            started(
                url or self.server.url,
                NAMESPACE,
                self.folder / f"node-{self._started}.log",
                (*_OPTIONS, *options),
                app,
                before=before,
                variables=variables,
            )
        )
        self._nodes.append((node, stack))
        return node

    def kill_node(self, node: Node, kind: str = "node") -> None:
        """kill -9 of the node's own process. `kind`: of this fault."""
        self.note(kind, self.family(node))
        node.process.kill()
        self.bury(node)

    def bury(self, node: Node) -> None:
        """It was killed, and is none of ours any more."""
        node.process.wait()
        self._forget(node)

    def drain_node(self, node: Node, limit_seconds: float) -> int | None:
        """SIGTERM, as a deploy has it. The exit status; None: it took longer, and was ended."""
        self.note(DRAIN, self.family(node))
        node.process.send_signal(signal.SIGTERM)
        try:
            status: int | None = node.process.wait(limit_seconds)
        except subprocess.TimeoutExpired:
            status = None
        self._forget(node)
        return status

    def _forget(self, node: Node) -> None:
        (held,) = [each for each in self._nodes if each[0] is node]
        self._nodes.remove(held)
        held[1].close()

    def check_nodes(self) -> None:
        """Raises BenchFailed, if one has ended by itself: nobody would do the work."""
        for node in self.nodes:
            node.check()

    def end_nodes(self) -> None:
        """Let them drain."""
        for node in self.nodes:
            node.process.send_signal(signal.SIGCONT)
            node.process.send_signal(signal.SIGTERM)
        while self._nodes:
            self._nodes.pop()[1].close()

    def family(self, node: Node) -> frozenset[int]:
        """The node's own process, its fork server and its children."""
        return frozenset({node.pid, *self.fork_servers(node), *self.children(node)})

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

    def suffered(self, fault: Fault, seen: Iterable[Seen] = ()) -> None:
        """A fault that is over, and what was seen before it."""
        self._faults.append(fault)
        self._seen += seen

    def violated(self, kind: str, text: str) -> None:
        """Something that must not be was seen, which is of no one job."""
        self.broken.append(Violation(kind, None, text))

    def count(self, kind: str) -> int:
        """How many of that kind were made."""
        return sum(fault.kind == kind for fault in self._faults)

    # --- jobs -------------------------------------------------------------------------------------

    def jobs(self, count: int, seconds: float) -> list[NewJob]:
        """Jobs that burn so much, and leave their lines."""
        path = str(self.folder / "trace")
        return [traced.new_job(path, seconds) for _ in range(count)]

    def asked(self, enqueues: Iterable[Enqueue]) -> None:
        """Some jobs were asked for."""
        self._enqueues += enqueues

    def answered_since(self, at: float) -> list[UUID]:
        """Jobs whose enqueue was answered since then."""
        recent = takewhile(lambda each: each.at >= at, reversed(self._enqueues))
        return [each.job for each in recent if each.answer == "ok"]

    def completed(self) -> int | None:
        """How many traced jobs are; None while the database does not say."""
        return reading.completed(self.server.url, NAMESPACE)

    def history(self) -> History:
        """All that happened. To be read when the nodes have ended."""
        return History(
            tuple(self._enqueues),
            tuple(reading.runs(self.folder / "trace")),
            tuple(reading.rows(self.server.url, NAMESPACE)),
            tuple(self._faults),
            tuple(self._seen),
            self.asynchronous_seconds,
            reading.miscounted(self.server.url, NAMESPACE),
        )


@contextmanager
def open_site(seed: int, progress: Progress, keep: Path | None = None) -> Iterator[Site]:
    """A site, until the end of the block. `keep`: a folder for a copy of the nodes' logs and of the
    lines of the runs. Raises EmbeddedPostgresError."""
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
            if keep is not None:
                _keep(Path(folder), keep)


def _keep(folder: Path, kept: Path) -> None:
    kept.mkdir(parents=True, exist_ok=True)
    for path in (*folder.glob("*.log"), folder / "trace"):
        shutil.copy(path, kept)


async def _migrate(url: str) -> None:
    async with open_bridge(url, kind="thread", session=session_of(NAMESPACE)) as bridge:
        await Migrator(bridge, NAMESPACE).up()
