"""SeveralStore: what a node's work asks of several namespaces, as if they were one.

Rules: a claim shares its places out by what each namespace holds of this node, and offers what one
does not take to the others. An outcome goes where its run came from. The lease is all of them or
none. What one namespace does not answer is not answered: the caller asks again, and what was taken
meanwhile is found by its holdings.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import TypeVar
from uuid import UUID

import attrs
import trio

from actors.store.protocol import (
    Acked,
    Demand,
    InDoubt,
    LimitedClaim,
    Listening,
    NodeInfo,
    NodeProcess,
    Rescued,
    RunNote,
    Served,
    Store,
)
from actors.store.several import workflows
from actors.store.several.homes import Homes, Run
from actors.store.several.listening import listen
from actors.store.several.shares import shares
from actors.store.workflows import RunRecords
from runtime.job import ClaimedJob
from runtime.lifecycle import Ack
from runtime.workflow.records import Collected, History, Recorded, Refused

P = TypeVar("P")
T = TypeVar("T")
Group = tuple[str, tuple[str, ...]]


@attrs.define
class SeveralStore:
    """See the module's docstring. Of the Store's methods it has those that the work calls."""

    stores: Sequence[Store]
    _ids: dict[int, tuple[int, ...]] = attrs.field(factory=dict, init=False)  # by the node's id
    homes: Homes = attrs.field(factory=Homes, init=False)
    _turn: int = attrs.field(default=0, init=False)

    def id_in(self, place: int) -> Callable[[int], int | None]:
        """The node's id in a namespace, by its id here."""
        return lambda node_id: self._ids[node_id][place] if node_id in self._ids else None

    async def join(self, node: NodeInfo, lease_seconds: float) -> int:
        """See Store. The node's id in the first namespace is its id here."""
        ids = await self._each(lambda _, store: store.join(node, lease_seconds))
        self.homes.clear()
        self._ids = {ids[0]: tuple(ids)}
        return ids[0]

    async def renew(self, node_id: int, lease_seconds: float) -> bool:
        """See Store."""
        ids = self._ids[node_id]
        return all(await self._each(lambda at, store: store.renew(ids[at], lease_seconds)))

    async def neighbours(self, node_id: int) -> list[NodeProcess]:
        """See Store. Their ids are made up here, for `leave`."""
        ids = self._ids[node_id]
        found = await self._each(lambda at, store: store.neighbours(ids[at]))
        return [
            attrs.evolve(process, node_id=self._made_up(at, process.node_id))
            for at, processes in enumerate(found)
            for process in processes
        ]

    def _made_up(self, at: int, node_id: int) -> int:
        return -(node_id * len(self.stores) + at)

    async def leave(self, node_id: int) -> None:
        """See Store."""
        if node_id < 0:
            own, at = divmod(-node_id, len(self.stores))
            await self.stores[at].leave(own)
            return
        ids = self._ids[node_id]
        await self._each(lambda at, store: store.leave(ids[at]))

    async def want_wakeups(self, node_id: int, wanted: bool) -> None:
        """See Store."""
        ids = self._ids[node_id]
        await self._each(lambda at, store: store.want_wakeups(ids[at], wanted))

    async def rescue(self, limit: int, term: int | None = None) -> Rescued:
        """See Store: for a node's predecessors, in no term."""
        assert term is None
        found = await self._each(lambda _, store: store.rescue(limit))
        soonest = [one.next_expiry_seconds for one in found if one.next_expiry_seconds is not None]
        return Rescued(
            nodes=tuple(dict.fromkeys(name for one in found for name in one.nodes)),
            jobs=sum(one.jobs for one in found),
            discarded=sum(one.discarded for one in found),
            next_expiry_seconds=min(soonest, default=None),
        )

    async def served(self, node_id: int, *, any_queue: bool) -> Served:
        """See Store. A queue that has limits in one namespace is asked with care in all."""
        ids = self._ids[node_id]
        found = await self._each(lambda at, store: store.served(ids[at], any_queue=any_queue))
        assigned: dict[str, str | None] = {}
        for one in found:
            assigned |= one.assigned
        return Served(
            limited=frozenset().union(*(one.limited for one in found)),
            assigned=assigned,
            waiting=tuple(dict.fromkeys(name for one in found for name in one.waiting)),
        )

    async def claim(self, node_id: int, demand: Sequence[Demand]) -> list[ClaimedJob]:
        """See Store. It looks from the head, whatever mark it is given."""
        ids = self._ids[node_id]
        return await self._shared(demand, lambda at, part: self.stores[at].claim(ids[at], part))

    async def claim_limited(self, node_id: int, demand: Sequence[Demand]) -> LimitedClaim:
        """See Store. Where such a queue has no limits, it is claimed from like any other."""
        ids = self._ids[node_id]
        again: dict[str, float | None] = {}

        async def ask(at: int, part: Sequence[Demand]) -> list[ClaimedJob]:
            took = await self.stores[at].claim_limited(ids[at], part)
            for queue, seconds in took.again_seconds.items():
                again[queue] = _sooner(again.get(queue), seconds)
            left = _less(part, took.jobs)
            return [*took.jobs, *(await self.stores[at].claim(ids[at], left) if left else ())]

        jobs = await self._shared(demand, ask)
        return LimitedClaim(jobs, again)

    async def _shared(
        self,
        demand: Sequence[Demand],
        ask: Callable[[int, Sequence[Demand]], Awaitable[list[ClaimedJob]]],
    ) -> list[ClaimedJob]:
        """Each asks for its share; then, one after the other, for what the others have left."""
        self._turn += 1
        parts = self._parts(demand)
        found = await self.some(parts, ask)
        jobs = [job for at in found for job in self._taken(at, found[at])]
        for at in self._in_turn():
            left = _less(demand, jobs)
            took = _by_group(parts.get(at, ()), found.get(at, ()))
            asked = {(each.queue, each.kinds): each.places for each in parts.get(at, ())}
            # Who did not fill its share has no more.
            open_ = [
                each
                for each in left
                if took[each.queue, each.kinds] >= asked.get((each.queue, each.kinds), 0)
            ]
            if open_:
                jobs += self._taken(at, await ask(at, open_))
        return jobs

    def _parts(self, demand: Sequence[Demand]) -> dict[int, list[Demand]]:
        held = self.homes.held(len(self.stores))
        parts: dict[int, list[Demand]] = {}
        for group in demand:
            for at, places in enumerate(shares(group.places, held, self._turn)):
                held[at] += places
                if places:
                    part = attrs.evolve(group, places=places, after=None)
                    parts.setdefault(at, []).append(part)
        return parts

    def _in_turn(self) -> list[int]:
        count = len(self.stores)
        return [(self._turn + step) % count for step in range(count)]

    def _taken(self, at: int, jobs: Sequence[ClaimedJob]) -> list[ClaimedJob]:
        """Those that may run here; another is given back with what is claimed and not known."""
        return [job for job in jobs if self.homes.take(at, (job.id, job.run_number))]

    async def ack(self, acks: Sequence[Ack]) -> Acked:
        """See Store."""
        sorted_, unknown = self.homes.sort(acks, lambda ack: ack.id)
        answers = await self.some(sorted_, lambda at, part: self.stores[at].ack(part))
        written = list(answers.values())
        self.homes.forget((ack.id, ack.run_number) for ack in acks)
        soonest = [one.next_due_seconds for one in written if one.next_due_seconds is not None]
        late = [run for one in written for run in one.stale]
        return Acked(
            written=sum(one.written for one in written),
            stale=(*late, *((ack.id, ack.run_number) for ack in unknown)),
            retried=sum(one.retried for one in written),
            discarded=sum(one.discarded for one in written),
            cancelled=sum(one.cancelled for one in written),
            next_due_seconds=min(soonest, default=None),
            parents=tuple(parent for one in written for parent in one.parents),
        )

    async def record(self, records: Sequence[RunRecords]) -> list[Recorded | Refused]:
        """See Store."""
        return await workflows.record(self, records)

    async def recall(
        self, job_id: UUID, run_number: int, after: str | None = None
    ) -> History | Refused:
        """See Store."""
        return await workflows.recall(self, job_id, run_number, after)

    async def recall_first(self, runs: Sequence[Run]) -> list[History | Refused]:
        """See Store."""
        return await workflows.recall_first(self, runs)

    async def collect(
        self, job_id: UUID, run_number: int, ids: Sequence[UUID]
    ) -> Collected | Refused:
        """See Store."""
        return await workflows.collect(self, job_id, run_number, ids)

    async def wake(self, job_ids: Sequence[UUID]) -> int:
        """See Store. They may be of any namespace."""
        return sum(await self._each(lambda _, store: store.wake(job_ids)))

    async def wake_event(self, name: str) -> int:
        """See Store. In all namespaces: an event of one is none of the others."""
        return sum(await self._each(lambda _, store: store.wake_event(name)))

    async def in_doubt(self, runs: Sequence[Run]) -> InDoubt:
        """See Store."""
        sorted_, _ = self.homes.sort(runs, lambda run: run[0])
        found = await self.some(sorted_, lambda at, part: self.stores[at].in_doubt(part))
        completed = tuple(run for one in found.values() for run in one.completed)
        held = tuple(run for one in found.values() for run in one.held)
        self.homes.forget(completed)  # no ack will say so
        return InDoubt(completed, held)

    async def note(self, notes: Sequence[RunNote]) -> int:
        """See Store."""
        sorted_, _ = self.homes.sort(notes, lambda note: note.job_id)
        kept = await self.some(sorted_, lambda at, part: self.stores[at].note(part))
        return sum(kept.values())

    async def release(self, runs: Sequence[Run]) -> int:
        """See Store."""
        sorted_, _ = self.homes.sort(runs, lambda run: run[0])
        released = await self.some(sorted_, lambda at, part: self.stores[at].release(part))
        self.homes.forget(runs)
        return sum(released.values())

    async def holdings(self, node_id: int) -> list[Run]:
        """See Store."""
        ids = self._ids[node_id]
        found = await self._each(lambda at, store: store.holdings(ids[at]))
        return sorted(
            run for at, runs in enumerate(found) for run in runs if self._is_from(at, run)
        )

    def _is_from(self, at: int, run: Run) -> bool:
        home = self.homes.of(run[0])
        return home == at or (home is None and self.homes.take(at, run))

    async def awaiting_cancel(self, node_id: int) -> dict[UUID, str | None]:
        """See Store."""
        ids = self._ids[node_id]
        found = await self._each(lambda at, store: store.awaiting_cancel(ids[at]))
        return {
            job_id: reason
            for at, jobs in enumerate(found)
            for job_id, reason in jobs.items()
            if self.homes.of(job_id) == at
        }

    async def awaiting_pause(self, node_id: int) -> list[UUID]:
        """See Store."""
        ids = self._ids[node_id]
        found = await self._each(lambda at, store: store.awaiting_pause(ids[at]))
        return sorted(
            job_id
            for at, jobs in enumerate(found)
            for job_id in jobs
            if self.homes.of(job_id) == at
        )

    async def check(self) -> None:
        """See Store."""
        await self._each(lambda _, store: store.check())

    def listen(self) -> AbstractAsyncContextManager[Listening]:
        """See Store."""
        return listen(self.stores)

    async def _each(self, ask: Callable[[int, Store], Awaitable[T]]) -> list[T]:
        """The answers of all namespaces, in order."""
        answers = await self.some(dict(enumerate(self.stores)), ask)
        return [answers[at] for at in range(len(self.stores))]

    async def some(
        self, parts: Mapping[int, P], ask: Callable[[int, P], Awaitable[T]]
    ) -> dict[int, T]:
        """The answers of these namespaces, asked at once. Raises: what the first raised."""
        answers: dict[int, T] = {}
        errors: list[Exception] = []

        async def ask_one(at: int, part: P) -> None:
            try:
                answers[at] = await ask(at, part)
            except Exception as error:
                errors.append(error)

        async with trio.open_nursery() as nursery:
            for at, part in parts.items():
                nursery.start_soon(ask_one, at, part)
        if errors:
            raise errors[0]
        return answers


def _sooner(one: float | None, other: float | None) -> float | None:
    known = [seconds for seconds in (one, other) if seconds is not None]
    return min(known, default=None)


def _by_group(demand: Sequence[Demand], jobs: Sequence[ClaimedJob]) -> Counter[Group]:
    """How many jobs were found for each group; a kind of a queue is in one group alone."""
    group_of = {
        (each.queue, kind): (each.queue, each.kinds) for each in demand for kind in each.kinds
    }
    return Counter(group_of[job.queue, job.kind] for job in jobs)


def _less(demand: Sequence[Demand], jobs: Sequence[ClaimedJob]) -> list[Demand]:
    """What is left of a demand once these jobs have places."""
    got = _by_group(demand, jobs)
    left = [
        attrs.evolve(each, places=each.places - got[each.queue, each.kinds], after=None)
        for each in demand
    ]
    return [each for each in left if each.places > 0]
