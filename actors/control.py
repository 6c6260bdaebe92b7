"""Control: carries out what people ask of a running node: cancel, pause, resume.

Rules: a command reaches us as a notification, which is a hint and may be a stranger's: whoever may
connect may notify. Behind it stands the database: the claim itself obeys a pause, and which jobs
are to be cancelled or held back is asked for at a hint, and now and then while we hold any. So a
forged hint stops no run, and keeps a queue waiting until the next poll at most.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from uuid import UUID

import attrs
import trio

from actors import events
from actors.distributor import Distributor
from actors.holdings import Holdings
from actors.kit.life import Life
from actors.lease import Lease
from actors.retry import ANSWER_SECONDS
from actors.rounds import Rounds
from actors.store.protocol import Store
from actors.worker import Worker

# Between looks for cancellations whose notification did not reach us.
LOOK_SECONDS = 5.0
# Commands that may wait; more are found by the next look.
COMMANDS = 1024
# A job that is ours by the database, and that no Worker has: it is on its way to one, or its
# outcome on its way to the database. Looked for again so soon, in seconds.
ON_ITS_WAY_SECONDS = 0.05

Wanted = tuple[Mapping[UUID, str | None], Sequence[UUID]]
"""Jobs that are to be cancelled, and the reasons that people gave; jobs that are held back."""


@attrs.define
class Control:
    """See the module's docstring."""

    store: Store
    lease: Lease
    holdings: Holdings
    distributor: Distributor
    workers: Sequence[Worker]
    observe: events.Observer = events.ignore
    _commands: trio.MemorySendChannel[str] = attrs.field(init=False)
    _arrivals: trio.MemoryReceiveChannel[str] = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self._commands, self._arrivals = trio.open_memory_channel(COMMANDS)

    def hear(self, payload: str) -> None:
        """A notification of the topic "control" arrived: "verb:object"."""
        try:
            self._commands.send_nowait(payload)
        except trio.WouldBlock:
            self.observe(events.StoreLost("control", "too many commands; the next look finds them"))

    async def run(self, life: Life) -> None:
        """Obey until asked to stop."""
        life.started()
        rounds = Rounds(
            life,
            "control",
            self._wanted,
            seconds=LOOK_SECONDS,
            jitter=0.1,
            answer_seconds=ANSWER_SECONDS,
            observe=self.observe,
        )
        self.holdings.on_expected = rounds.wake
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._look, rounds)
            with life.stop_scope():
                async for payload in self._arrivals:
                    self._obey(payload, rounds)

    def _obey(self, payload: str, rounds: Rounds[Wanted]) -> None:
        verb, _, what = payload.partition(":")
        match verb:
            case "cancel" if self._concerns_us(what):
                rounds.wake()
            case "pause":
                self.distributor.pause(what)
                self.observe(events.QueuePaused(what))
            case "resume":
                self.distributor.resume(what)
                self.observe(events.QueueResumed(what))
            case "queues":
                self.distributor.watch.look()

    def _concerns_us(self, name: str) -> bool:
        """What is no id concerns none of our jobs. One that we do not hold may be just claimed."""
        with contextlib.suppress(ValueError):
            job_id = UUID(name)
            if self.holdings.holds(job_id):
                return True
            self.holdings.expect(job_id)
        return False

    def _cancel(self, job_id: UUID, why: str) -> bool:
        return any(worker.cancel(job_id, why) for worker in self.workers)

    async def _look(self, rounds: Rounds[Wanted]) -> None:
        async for wanted in rounds:
            cancelled, paused = wanted
            for job_id in paused:
                for worker in self.workers:
                    worker.pause_job(job_id)
            reached = [self._cancel(job_id, why or "") for job_id, why in cancelled.items()]
            if not all(reached):
                rounds.again_within(ON_ITS_WAY_SECONDS)

    async def _wanted(self) -> Wanted:
        if len(self.holdings) == 0 or not self.lease.held:
            return {}, ()
        node_id = self.lease.node_id
        cancelled = await self.store.awaiting_cancel(node_id)
        return cancelled, await self.store.awaiting_pause(node_id)
