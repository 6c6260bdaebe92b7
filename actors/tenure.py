"""A Tenure: one child's service under its Worker, from its first run to its end.

    Seat ─▶ hand over ─▶ Run frames ─▶ child
                                         │ Done frames
    Acker ◀─ settled runs ◀─ receive ◀───┘
    watch: timeouts, patience, the ladder        end: post-mortem of what was left

Rules: every run handed over is settled once, or goes back to be dealt again. Jobs handed ahead are
taken back when the run before them lasts longer than expected, by moving the run page's epoch on:
that needs no help from the child. The kill ladder is one for timeout, cancel and stop: an exception
inside the handler, told again every second, then after the grace the stack and SIGKILL.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Mapping, Sequence
from uuid import UUID

import attrs
import trio

from actors import events
from actors.acker import Acker, Settled
from actors.capacity import Capacity
from actors.child import Child, ChildExit
from actors.kit.locks import at_once
from actors.ladder import Ladder
from actors.post_mortem import Death, outcome_of
from actors.run_events import ended, refusal
from actors.runs import HeldRun, Runs, timeout_of
from actors.seat import Seat
from actors.tenure_settings import TenureSettings
from runtime import wire
from runtime.child.page import SETTLE_SECONDS
from runtime.job import ClaimedJob, KindInfo
from runtime.outcome import GivenBack

# After a child's death, how long to wait for the end of what it had written: a process that it left
# behind may hold the socket open, so the end may never come.
LAST_WORDS_SECONDS = 0.1

# A child that holds runs, has begun none and says nothing for this long never will: it was stopped,
# or a thread that a handler left behind holds the GIL. Otherwise it takes 0.1 ms.
STUCK_SECONDS = 10.0

# Interrupt frames that wait to be sent to one child.
WORDS = 256


@attrs.define(eq=False)
class Tenure:
    """See the module's docstring. `run` returns when the child is gone and all is settled."""

    worker: int
    child: Child
    seat: Seat
    acker: Acker
    kinds: Mapping[str, KindInfo]
    settings: TenureSettings
    capacity: Capacity
    redeal: Callable[[Sequence[ClaimedJob]], list[ClaimedJob]]
    may_begin: Callable[[], bool]  # whether the node still has the right to run what it claimed
    observe: events.Observer = events.ignore
    served: int = attrs.field(default=0, init=False)  # runs that ended in this child
    closing: bool = attrs.field(default=False, init=False)  # takes no more jobs
    buried: int = attrs.field(default=0, init=False)  # runs that its death ended
    halted: bool = attrs.field(default=False, init=False)  # killed because the node must stop
    _runs: Runs = attrs.field(factory=Runs, init=False)
    _decoder: wire.Decoder = attrs.field(factory=wire.Decoder, init=False)
    _changed: trio.Event = attrs.field(factory=trio.Event, init=False)
    _heard_out: trio.Event = attrs.field(factory=trio.Event, init=False)
    _impatient: bool = attrs.field(default=False, init=False)  # a run outlasts our patience
    _moved_at: float = attrs.field(default=0.0, init=False)  # a run was handed over, or heard of
    _kill_reason: str | None = attrs.field(default=None, init=False)
    _stack: str = attrs.field(default="", init=False)
    _sending: trio.Lock = attrs.field(factory=trio.Lock, init=False)
    _handing: trio.Lock = attrs.field(factory=trio.Lock, init=False)  # held by a take-back, too
    _speech: trio.MemorySendChannel[wire.Interrupt] = attrs.field(init=False)
    _words: trio.MemoryReceiveChannel[wire.Interrupt] = attrs.field(init=False)
    _ladder: Ladder = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self._speech, self._words = trio.open_memory_channel(WORDS)
        self._ladder = Ladder(
            self._runs,
            self.settings.grace_seconds,
            say=self._say,
            ring=self.child.ring,
            kill=self._kill,
            observe=self.observe,
        )

    @property
    def running(self) -> int:
        """How many runs the child holds."""
        return len(self._runs)

    async def run(self) -> None:
        """Serve until the child is gone."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._hand_over)
            nursery.start_soon(self._tell)
            nursery.start_soon(self._receive)
            nursery.start_soon(self._watch)
            self._show_load()
            exit_ = await self.child.wait()
            with trio.move_on_after(LAST_WORDS_SECONDS):
                await self._heard_out.wait()
            nursery.cancel_scope.cancel()
        self.seat.close()
        self._bury(exit_)

    # --- jobs in ----------------------------------------------------------------------------------

    async def _hand_over(self) -> None:
        while True:
            await self.acker.wait_room()
            jobs = await self.seat.take()
            if not self.may_begin():
                self.acker.settle([Settled(job, GivenBack("not begun")) for job in jobs])
                continue
            with trio.CancelScope(shield=True):  # for SETTLE_SECONDS: the jobs are ours by now
                async with at_once(self._handing):
                    frames = b"".join([self._hand(job) for job in jobs])
            self._show_load()  # what was on the way is held now; the place is not free in between
            self._moved_at = trio.current_time()
            self._changed.set()
            if not await self._send(frames):
                return  # the child is gone; what it held goes back when it is buried
            if self.closing:
                await self.take_back()

    async def _tell(self) -> None:
        """Send what the ladder says. A task of its own, for the child may be long in reading."""
        async for frame in self._words:
            if await self._send(wire.encode(frame)):
                self.child.ring()

    async def _send(self, data: bytes) -> bool:
        """Send to the child; False if it is gone."""
        try:
            async with at_once(self._sending):
                await self.child.send(data)
        except trio.BrokenResourceError:
            return False
        return True

    def _say(self, frame: wire.Interrupt) -> None:
        """What finds no place is said again at the next ring."""
        with contextlib.suppress(trio.WouldBlock):
            self._speech.send_nowait(frame)

    def _hand(self, job: ClaimedJob) -> bytes:
        info = self.kinds[job.kind]
        timeout = timeout_of(job, info, self.settings.timeout_seconds)
        run = self._runs.add(job, info, timeout)
        frame = wire.Run(
            seq=run.seq,
            epoch=self.child.page.epoch,
            id=job.id.bytes,
            run_number=job.run_number,
            kind=job.kind,
            queue=job.queue,
            args=job.args,
            attempt=job.attempt,
            max_attempts=job.max_attempts,
            metadata=job.metadata,
        )
        return wire.encode(frame)

    def _show_load(self) -> None:
        """Tell the seat what we hold and want. While a run outlasts our patience: just that run."""
        if self.closing or self._impatient:
            self.seat.close()
        elif self.settings.is_async:
            self.seat.set_load(self.settings.concurrency, len(self._runs))
        else:
            self.seat.set_load(self.capacity.places, len(self._runs), self.capacity.refill)

    # --- outcomes out -----------------------------------------------------------------------------

    async def _receive(self) -> None:
        try:
            while data := await self.child.receive():
                self._hear(self._decoder.feed(data))
            self._heard_out.set()
            await trio.sleep(LAST_WORDS_SECONDS)  # a dying child closes its socket first
            await self._kill("closed")
        except wire.WireError as error:
            with contextlib.suppress(wire.WireError):
                self._hear(error.before)  # what it had answered until then
            await self._kill("garbage")  # what wrote into its socket may do anything
        except trio.BrokenResourceError:
            self._heard_out.set()  # reset by the child's death, which `child.wait` reports

    def _hear(self, frames: Sequence[wire.Frame]) -> None:
        settled: list[tuple[Settled, float]] = []
        self._impatient = False
        try:
            for frame in frames:
                match frame:
                    case wire.Done():
                        run = self._runs.pop(frame.seq)
                        if run is not None:
                            settled.append(self._done(run, frame))
                    case wire.Started():
                        self._runs.begin(frame.seq, self._from_monotonic(frame.at_ns))
                        self._changed.set()
                    case _:
                        raise wire.WireError(f"a child sent {type(frame).__name__}")
        finally:
            self._settle(settled)
        self._show_load()
        self._moved_at = trio.current_time()
        if self.closing or not self._runs:
            self._changed.set()

    def _done(self, run: HeldRun, frame: wire.Done) -> tuple[Settled, float]:
        if not isinstance(frame.outcome, GivenBack):
            self.capacity.observe(frame.seconds)
        self.served += 1
        return Settled(run.job, frame.outcome, run.info.backoff), frame.seconds

    def _settle(self, settled: Sequence[tuple[Settled, float]]) -> None:
        """Hand over outcomes, and tell of them, with the seconds that each run took."""
        if settled:
            idle = self.settings.is_async or not self._runs
            self.acker.settle([run for run, _ in settled], hurry=idle)
            self.observe(events.RunsEnded([ended(run, seconds) for run, seconds in settled]))
            for run, _ in settled:
                if (refused := refusal(run)) is not None:
                    self.observe(refused)

    @staticmethod
    def _from_monotonic(at_ns: int) -> float:
        return trio.current_time() - (time.monotonic_ns() - at_ns) / 1e9

    # --- taking back ------------------------------------------------------------------------------

    async def take_back(self) -> None:
        """Take the runs that have not begun away from the child, and have them dealt again."""
        self._see_begun()
        if not self._runs.waiting():
            return
        self._show_load()
        async with self._handing:  # a new run that began now would look as if these had begun
            self.child.take_back()
            await trio.sleep(SETTLE_SECONDS)
            self._see_begun()
            waiting = self._runs.take_waiting()
        self._deal_again(waiting)
        self._show_load()

    def _see_begun(self) -> None:
        """Learn from the run page, which is ahead of any frame. Runs begin in order."""
        seq, at_ns = self.child.page.begun
        at = min(self._from_monotonic(at_ns), trio.current_time())  # a handler may have lied
        self._runs.begin_up_to(seq, at)

    def _deal_again(self, runs: Sequence[HeldRun]) -> None:
        """To other Workers of this node, if they have places, or else back to the database."""
        left = self.redeal([run.job for run in runs])
        self.acker.settle([Settled(job, GivenBack("not begun")) for job in left])

    # --- watching ---------------------------------------------------------------------------------

    async def _watch(self) -> None:
        """Do what is due, sleep until the next thing can be: a timeout, a ring, or impatience."""
        while True:
            if self._changed.is_set():  # others wait for it too: never drop one that is not set
                self._changed = trio.Event()
            self._see_begun()
            now = trio.current_time()
            self._impatient = now >= self._impatient_at(now)
            next_at = min(await self._ladder.step(now), self._due_of_waiting(now))
            if self._impatient:
                await self.take_back()
            if now >= self._stuck_at():
                await self._kill("stuck")
            with trio.move_on_at(min(next_at, self._impatient_at(now), self._stuck_at())):
                await self._changed.wait()

    def _due_of_waiting(self, now: float) -> float:
        """No waiting run can be due before this: each of them begins after `now`."""
        timeouts = [run.timeout_seconds for run in self._runs.waiting() if run.timeout_seconds]
        return now + min(timeouts, default=float("inf"))

    def _impatient_at(self, now: float) -> float:
        """When the jobs handed ahead have waited long enough for the run before them."""
        if self.settings.is_async or not self._runs.waiting():
            return float("inf")
        begun = self._runs.begun()
        since = now if not begun or begun[-1].begun_at is None else begun[-1].begun_at
        return since + self.capacity.patience_seconds

    def _stuck_at(self) -> float:
        """When a child that runs nothing of what it holds is given up."""
        if self._kill_reason is not None or not self._runs or self._runs.begun():
            return float("inf")
        return self._moved_at + STUCK_SECONDS

    # --- the end ----------------------------------------------------------------------------------

    def cancel(self, job_id: UUID) -> bool:
        """Stop the run of this job, if the child holds it."""
        run = self._runs.find(job_id)
        if run is not None:
            self._ladder.tell(run, "cancel")
            self._changed.set()
        return run is not None

    def stop_runs(self) -> None:
        """Tell all runs to stop; those that do not are killed after the grace."""
        for run in list(self._runs):
            self._ladder.tell(run, "stop")
        self._changed.set()

    async def retire(self) -> None:
        """Take no more jobs; have those that have not begun dealt again."""
        self.closing = True
        self.seat.close()
        await self.take_back()

    def worn_out(self) -> str:
        """Why the child should be replaced: "runs", "memory", or "" if it need not."""
        settings = self.settings
        if settings.recycle_runs and self.served >= settings.recycle_runs:
            return "runs"
        if settings.recycle_mib and self.child.page.rss_kib >= settings.recycle_mib * 1024:
            return "memory"
        return ""

    async def wait_idle(self) -> None:
        """Wait until the child holds no run."""
        while self._runs:
            await self._changed.wait()

    def halt(self) -> None:
        """The node must stop now: kill the child; its runs go back, uncounted."""
        self.halted = True
        self.closing = True
        self.seat.close()
        self.child.kill()

    async def _kill(self, reason: str, run: HeldRun | None = None) -> None:
        if self._kill_reason is not None:
            return
        self._kill_reason = reason
        self._stack = await self.child.dump_stack()
        for other in self._runs:
            if run is not None and other is not run and other.reason is None:
                other.reason = "neighbour"
        self.observe(
            events.ChildKilled(self.worker, self.child.pid, reason, run.job.id if run else None)
        )
        self.child.kill()

    def _bury(self, exit_: ChildExit) -> None:
        """Settle what the child still held when it ended."""
        self._see_begun()
        waiting, begun = self._runs.take_waiting(), self._runs.take_all()
        self.buried = len(begun)
        death = self._death(exit_)
        if begun or not self.closing:
            job_id = begun[0].job.id if begun else None
            self.observe(
                events.ChildDied(
                    self.worker, death.pid, death.cause, death.exit_status, death.signal, job_id
                )
            )
        now = trio.current_time()
        self._settle(
            [
                (
                    Settled(run.job, outcome_of(run, death, self.halted), run.info.backoff),
                    now - (run.begun_at or now),
                )
                for run in begun
            ]
        )
        self._deal_again(waiting)

    def abandon(self) -> None:
        """Give back whatever is still held; for a Worker that was cut off or crashed.

        Its child must be dead. After an orderly end there is nothing.
        """
        runs = self._runs.take_all()
        self.acker.settle([Settled(run.job, GivenBack("its Worker broke off")) for run in runs])

    def _death(self, exit_: ChildExit) -> Death:
        cause = "killed" if self.halted or exit_.cause == "kill" else exit_.cause
        stack = self._stack or self.child.last_stack()
        return Death(exit_.pid, cause, exit_.exit_status, exit_.signal, stack, exit_.max_rss_kib)
