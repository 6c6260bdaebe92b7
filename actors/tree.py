"""The supervision tree of a node. It reads like the drawing:

    node  rest_for_one
    ├─ store              the pool; the only boundary to SQL; payload guard
    ├─ heartbeat          this node's lease; outlives everything below it
    ├─ window  one_for_one: http (/metrics, /healthz, /readyz), control (cancel, pause, resume),
    │                     scribe, waker; before the work, so that a drain can be seen and hurried
    ├─ work  one_for_all
    │   ├─ acker, recorder
    │   ├─ workers  one_for_one: forkserver, worker-0 .. worker-N (for async handlers), those for
    │   │           light plain workflows, drain
    │   └─ distributor    last in, first out: claiming stops, workers drain, the Recorder and
    │                   the Acker flush
    └─ maintenance  one_for_one: leader (only during a term: stager, rescuer, expirer, scheduler,
                          pruner, reindexer, sweeper, surveyor), elector, registrar

Children start in reading order and stop in the reverse, so a drain needs no code of its own. To
embed: run `tree(parts)` in your own supervisor, or any of these specs next to actors of your own.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from actors.kit import ChildSpec, Life, Strategy, Supervisor
from actors.parts import Parts

# A Worker leaves after its drain, the grace of those that did not end, and the kill.
KILL_SECONDS = 5.0
# The Acker writes what is left; a database that is away longer has the jobs run again.
FLUSH_SECONDS = 10.0


def tree(
    parts: Parts,
    *,
    store: ChildSpec | None = None,
    beside: Sequence[ChildSpec] = (),
    upkeep: Sequence[Parts] = (),
) -> Supervisor:
    """The whole node.

    Args: store: the spec that holds the Store's pool open, if it is not open yet. beside: actors of
    your own; they start last and stop first. upkeep: of each namespace, where it serves several;
    each has its own maintenance.
    """
    children = [
        *([store] if store else []),
        ChildSpec("heartbeat", parts.heartbeat.run),
        window(parts).spec(),
        work(parts).spec(),
        *(maintenance(each, f"maintenance-{each.config.namespace}").spec() for each in upkeep),
        *([] if upkeep else [maintenance(parts).spec()]),
    ]
    return Supervisor("node", [*children, *beside], strategy=Strategy.REST_FOR_ONE)


def window(parts: Parts) -> Supervisor:
    """What people and their tools see of the node, and may ask of it."""
    http = [ChildSpec("http", parts.http.run)] if parts.config.http else []
    return Supervisor(
        "window",
        [
            *http,
            ChildSpec("control", parts.control.run),
            ChildSpec("scribe", parts.scribe.run),
            ChildSpec("waker", parts.waker.run),
        ],
    )


def work(parts: Parts) -> Supervisor:
    """What claims, runs and acks. One for all: none of them is of use without the others."""
    return Supervisor(
        "work",
        [
            ChildSpec("acker", parts.acker.run, shutdown_seconds=FLUSH_SECONDS),
            ChildSpec("recorder", parts.recorder.run, shutdown_seconds=FLUSH_SECONDS),
            workers(parts).spec(),
            ChildSpec("distributor", parts.distributor.run, shutdown_seconds=FLUSH_SECONDS),
        ],
        strategy=Strategy.ONE_FOR_ALL,
    )


def workers(parts: Parts) -> Supervisor:
    """A core each; the fork server is first in, so it is last out."""
    config = parts.config
    patience = config.drain_seconds + config.kill_grace_seconds + KILL_SECONDS
    return Supervisor(
        "workers",
        [
            ChildSpec("forkserver", parts.forkserver.run),
            *(
                ChildSpec(f"worker-{worker.number}", worker.run, shutdown_seconds=patience)
                for worker in parts.workers
            ),
            ChildSpec("drain", partial(_drain, parts)),
        ],
        # Those for flows do without their children rather than crash, so they lend it nothing.
        intensity=2 * sum(not worker.settings.beside for worker in parts.workers),
    )


async def _drain(parts: Parts, life: Life) -> None:
    """Have all Workers drain at once: they are stopped one after the other."""
    life.started()
    await life.wait_stopping()
    for worker in parts.workers:
        worker.leave()


def maintenance(parts: Parts, name: str = "maintenance") -> Supervisor:
    """What one node does for all."""
    parts.leader.duties = [
        ChildSpec("stager", parts.stager.run),
        ChildSpec("rescuer", parts.rescuer.run),
        ChildSpec("expirer", parts.expirer.run),
        ChildSpec("scheduler", parts.scheduler.run),
        ChildSpec("pruner", parts.pruner.run),
        ChildSpec("reindexer", parts.reindexer.run),
        ChildSpec("sweeper", parts.sweeper.run),
        ChildSpec("surveyor", parts.surveyor.run),
    ]
    return Supervisor(
        name,
        [
            ChildSpec("leader", parts.leader.run, shutdown_seconds=FLUSH_SECONDS),
            ChildSpec("elector", parts.elector.run),
            ChildSpec("registrar", parts.registrar.run),
        ],
    )
