"""Whether the jobs that wait have somebody who runs them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import attrs

from actors.store.bridge import Bridge, Connection
from actors.store.protocol import NodeRow, QueueInfo, Store
from runtime import sql
from runtime.cli.checks.finding import Finding, advise, ok

# With nodes that serve the queue, a job waits this long only if they are full, or lack its kind.
LONG_WAIT_SECONDS = 600.0


# Of each queue so many jobs are looked at, from the head: what nobody serves gathers there. 40 ms.
JOBS_LOOKED_AT = 10_000
KINDS_NAMED = 10


@attrs.frozen
class WaitingKind:
    """Jobs of a kind that wait in a queue. `more`: not all jobs of that queue were looked at."""

    queue: str
    kind: str
    jobs: int
    more: bool


async def check_work(store: Store, bridge: Bridge) -> list[Finding]:
    """Look at queues, nodes, and the kinds that wait."""
    nodes, kinds = await store.nodes(), await bridge.run(_waiting_kinds)
    return [*_judge(await store.queues(), nodes), *_judge_kinds(kinds, nodes)]


async def _waiting_kinds(connection: Connection) -> list[WaitingKind]:
    rows = await connection.fetch(sql.load("check_kinds"), JOBS_LOOKED_AT)
    return [WaitingKind(**dict(row.items())) for row in rows]


def _judge_kinds(kinds: Sequence[WaitingKind], nodes: Sequence[NodeRow]) -> Iterator[Finding]:
    lacking = sorted(
        (each for each in kinds if _served_by_nobody(each, nodes)), key=lambda each: -each.jobs
    )
    if lacking:
        least = "at least " if any(each.more for each in lacking) else ""
        count = sum(each.jobs for each in lacking)
        text = f"{least}{count:,} available jobs of kinds that no node serves: {_named(lacking)}"
        advice = "serve an app with their handlers; to one that was renamed, give aliases=[...]"
        yield advise("kinds", text, advice)


def _served_by_nobody(waiting: WaitingKind, nodes: Sequence[NodeRow]) -> bool:
    """Though its queue is served. A node that has not said what it serves may serve anything."""
    wanted = {waiting.queue, "*"}
    serving = [node.kinds for node in nodes if node.live and wanted & set(node.queues)]
    lacking = [kinds is not None and waiting.kind not in kinds for kinds in serving]
    return bool(lacking) and all(lacking)


def _named(kinds: Sequence[WaitingKind]) -> str:
    names = [f"{each.kind} (queue {each.queue}): {each.jobs:,}" for each in kinds[:KINDS_NAMED]]
    left = len(kinds) - len(names)
    return ", ".join([*names, f"{left} more"] if left else names)


def _judge(queues: Sequence[QueueInfo], nodes: Sequence[NodeRow]) -> Iterator[Finding]:
    living = [node for node in nodes if node.live]
    served = {queue for node in living for queue in node.queues}
    if living:
        yield ok("nodes", f"{len(living)} alive, serving {', '.join(sorted(served))}")
    else:
        yield advise("nodes", "none is alive", "start one: python -m runtime serve APP")
    for queue in queues:
        yield from _judge_queue(queue, served)


def _judge_queue(queue: QueueInfo, served: set[str]) -> Iterator[Finding]:
    subject = f"queue {queue.name}"
    if queue.paused_at is not None:
        text = f"paused since {queue.paused_at:%Y-%m-%d %H:%M}Z; {queue.available} jobs wait"
        yield advise(subject, text, f"python -m runtime queue resume {queue.name}")
    elif queue.available and queue.name not in served:
        text = f"{queue.available} jobs wait, but no living node serves it"
        yield advise(subject, text, f"python -m runtime serve APP --queues {queue.name}")
    elif (queue.oldest_age_seconds or 0) > LONG_WAIT_SECONDS:
        text = f"a job has waited for {queue.oldest_age_seconds:.0f} s; {queue.available} wait"
        advice = "add nodes; or no app that is served has a handler of its kind"
        yield advise(subject, text, advice)
