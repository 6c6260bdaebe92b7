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
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from uuid import UUID

import attrs
import trio

from actors import events
from actors.acker import Acker, Settled
from actors.asking import Asks
from actors.batches import Batches, batches_of
from actors.capacity import Capacity
from actors.child import Child, ChildExit
from actors.core_share import CoreShare
from actors.cores import Cores
from actors.flows import Flows
from actors.handing import hand_frames, in_time, trio_time
from actors.kit.locks import at_once
from actors.ladder import Ladder
from actors.limits import Limits, limits_of
from actors.places import Places
from actors.post_mortem import death_of
from actors.recorder import Recorder
from actors.runs import HeldRun, Runs, TakeNote, take_no_note, waited
from actors.seat import Seat
from actors.settling import EXPIRED, Ends, settled_dead, settled_done
from actors.speech import Speech
from actors.tenure_settings import (
    LAST_WORDS_SECONDS,
    SHORT_DUMP_SECONDS,
    STUCK_SECONDS,
    TenureSettings,
)
from runtime import wire
from runtime.child.page import SETTLE_SECONDS
from runtime.job import ClaimedJob, KindInfo
from runtime.outcome import GivenBack


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
    take_note: TakeNote = take_no_note
    cores: Cores | None = None  # of the node; None: runs here need none
    batch_seats: Mapping[str, Seat] = attrs.field(factory=dict)  # by batch kind
    recorder: Recorder | None = None  # None: no workflow runs here
    flows: Flows | None = None  # is told how light the runs are
    served: int = attrs.field(default=0, init=False)  # runs that ended in this child
    closing: bool = attrs.field(default=False, init=False)  # takes no more jobs
    buried: int = attrs.field(default=0, init=False)  # runs that its death ended
    halted: bool = attrs.field(default=False, init=False)  # killed because the node must stop
    worn: trio.Event = attrs.field(factory=trio.Event, init=False)  # the child should be replaced
    _runs: Runs = attrs.field(factory=Runs, init=False)
    _decoder: wire.Decoder = attrs.field(factory=wire.Decoder, init=False)
    _changed: trio.Event = attrs.field(factory=trio.Event, init=False)
    _heard_out: trio.Event = attrs.field(factory=trio.Event, init=False)
    _impatient: bool = attrs.field(default=False, init=False)  # a run outlasts our patience
    _moved_at: float = attrs.field(default=0.0, init=False)  # a run was handed over, or heard of
    _kill_reason: str | None = attrs.field(default=None, init=False)
    _stack: str = attrs.field(default="", init=False)
    _handing: trio.Lock = attrs.field(factory=trio.Lock, init=False)  # held by a take-back, too
    _speech: Speech = attrs.field(init=False)
    _ladder: Ladder = attrs.field(init=False)
    _limits: Limits | None = attrs.field(init=False)
    _share: CoreShare = attrs.field(init=False)
    _batches: Batches = attrs.field(init=False)
    _places: Places = attrs.field(init=False)
    _asks: Asks = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self._speech = Speech(self.child, self.settings.is_async)
        self._ladder = Ladder(
            self._runs,
            self.settings.grace_seconds,
            say=self._speech.interrupt,
            ring=self.child.ring,
            kill=self._kill,
            observe=self.observe,
        )
        self._share = CoreShare(self.cores, self._drain, self._show_load)
        self._limits = limits_of(self._runs, self.child, self.kinds, self._ladder)
        hand = partial(self._hand_all, batched=True)
        self._batches = batches_of(
            self.batch_seats, self.kinds, self.acker, self._share, hand, self._show_load
        )
        self._places = Places(
            self.seat, self._batches, self._runs, self.child, self.capacity, self.settings
        )
        self._asks = Asks(self.recorder, self._runs, self._speech, self.acker, self.observe)

    @property
    def runs(self) -> Runs:
        """What the child holds."""
        return self._runs

    async def run(self) -> None:
        """Serve until the child is gone."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._hand_over)
            nursery.start_soon(self._speech.run)
            nursery.start_soon(self._receive)
            nursery.start_soon(self._watch)
            nursery.start_soon(self._share.keep)
            nursery.start_soon(self._batches.run)
            self._show_load()
            exit_ = await self.child.wait()
            with trio.move_on_after(LAST_WORDS_SECONDS):
                await self._heard_out.wait()
            nursery.cancel_scope.cancel()
        self._places.close()
        self._share.end()
        self._bury(exit_)

    # --- jobs in ----------------------------------------------------------------------------------

    async def _hand_over(self) -> None:
        while True:
            await self.acker.wait_room()
            jobs = await self.seat.take()
            wide = [job for job in jobs if self.kinds[job.kind].cores > 1] if self.cores else ()
            if not self._share.open:  # they were on their way when somebody lacked cores
                self._deal(jobs)
            elif wide:
                await self._run_wide(wide, [job for job in jobs if job not in wide])
            elif not await self._hand_all(jobs):
                return  # the child is gone; what it held goes back when it is buried

    async def _hand_all(self, jobs: Sequence[ClaimedJob], *, batched: bool = False) -> bool:
        """Hand these over. False if the child is gone."""
        if not self.may_begin():
            self._return(jobs)
            return True
        jobs, late = in_time(jobs)
        if late:
            self.acker.settle([Settled(job, EXPIRED) for job in late])
        with trio.CancelScope(shield=True):  # for SETTLE_SECONDS: the jobs are ours by now
            async with at_once(self._handing):
                timeout, epoch = self.settings.timeout_seconds, self.child.page.epoch
                frames = hand_frames(jobs, self._runs, self.kinds, timeout, epoch, batched)
        self._show_load()  # what was on the way is held now; the place is not free in between
        self._moved_at = trio.current_time()
        self._changed.set()
        sent = await self._speech.send(frames)
        if self.closing:
            await self.take_back()
        return sent

    async def _run_wide(self, jobs: Sequence[ClaimedJob], others: Sequence[ClaimedJob]) -> None:
        """Run jobs that take several cores, when these are free, and nothing beside them."""
        began, handed = trio.current_time(), False
        self._deal([*others, *self.seat.take_unread()])
        try:
            async with self._share.wide(max(self.kinds[job.kind].cores for job in jobs)):
                handed = True
                await self._hand_all([waited(job, trio.current_time() - began) for job in jobs])
                await self.wait_idle()
        finally:
            if not handed:
                self._return(jobs)

    def _show_load(self) -> None:
        """Tell the seat what we hold and want. While a run outlasts our patience: just that run."""
        self._places.show(not (self.closing or self._impatient or not self._share.open))

    # --- outcomes out -----------------------------------------------------------------------------

    async def _receive(self) -> None:
        try:
            while data := await self.child.receive():
                self._hear(self._decoder.feed(data))
                await self._asks.wait_room()
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
        ends = Ends(self.acker, self.observe, self.flows)
        try:
            for frame in frames:
                match frame:
                    case wire.Done():
                        self._impatient = False
                        run = self._runs.pop(frame.seq)
                        if run is not None:
                            ends.add(run, self._done(run, frame), frame.seconds)
                    case wire.Started():
                        self._runs.begin(frame.seq, trio_time(frame.at_ns))
                    case wire.Completing():
                        if (run := self._runs.held(frame.seq)) is not None:
                            run.completing = True
                    case wire.Noted():
                        if (run := self._runs.held(frame.seq)) is not None:
                            self.take_note(run.job.id, run.job.run_number, frame.note)
                    case wire.Asked():
                        self._asks.hear(frame)
                    case _:
                        raise wire.WireError(f"a child sent {type(frame).__name__}")
        finally:
            ends.hand_over(hurry=self._asks.idle)
        self._show_load()
        self._moved_at = trio.current_time()
        if self.closing or not self._runs:
            self._changed.set()
        if self.worn_out():
            self.worn.set()

    def _done(self, run: HeldRun, frame: wire.Done) -> Settled:
        if not isinstance(frame.outcome, GivenBack) and self._runs.ends_call(run):
            self.capacity.observe(frame.seconds)
        self.served += 1
        return settled_done(run, frame, self.child.pid, self.settings.max_crashes)

    # --- taking back ------------------------------------------------------------------------------

    async def take_back(self) -> None:
        """Take the runs that have not begun away from the child, and have them dealt again."""
        self._show_load()
        self._deal(self._batches.take_all())
        self._see_begun()
        if not self._runs.waiting():
            return
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
        at = min(trio_time(at_ns), trio.current_time())  # a handler may have lied
        self._runs.begin_up_to(seq, at)

    def _deal_again(self, runs: Sequence[HeldRun]) -> None:
        """To other Workers of this node, if they have places, or else back to the database."""
        now = trio.current_time()
        self._deal([run.job_at(now) for run in runs])

    def _deal(self, jobs: Sequence[ClaimedJob]) -> None:
        void = self.halted or not self.may_begin()  # others may run them by now
        self._return(jobs if void else self.redeal(jobs))

    def _return(self, jobs: Sequence[ClaimedJob]) -> None:
        """To the database, uncounted."""
        self.acker.settle([Settled(job, GivenBack("not begun")) for job in jobs])

    # --- watching ---------------------------------------------------------------------------------

    async def _watch(self) -> None:
        """Do what is due, sleep until the next thing can be: a timeout, a ring, or impatience."""
        while True:
            if self._changed.is_set():  # others wait for it too: never drop one that is not set
                self._changed = trio.Event()
            self._see_begun()
            now = trio.current_time()
            self._impatient = now >= self._impatient_at(now)
            next_at = min(await self._ladder.step(now), self._runs.due_of_waiting(now))
            if self._limits is not None:
                next_at = min(next_at, await self._limits.step(now))
            if self._impatient:
                await self.take_back()
            if now >= self._stuck_at():
                await self._kill("stuck")
            with trio.move_on_at(min(next_at, self._impatient_at(now), self._stuck_at())):
                await self._changed.wait()

    def _impatient_at(self, now: float) -> float:
        """When the jobs handed ahead have waited long enough for the run before them."""
        if self.settings.is_async or not self._runs.waiting():
            return float("inf")
        return self._runs.last_begun_at(now) + self.capacity.patience_seconds

    def _stuck_at(self) -> float:
        """When a child that runs nothing of what it holds is given up."""
        if self._kill_reason is not None or not self._runs or self._runs.begun():
            return float("inf")
        return self._moved_at + STUCK_SECONDS

    # --- the end ----------------------------------------------------------------------------------

    def cancel(self, job_id: UUID, why: str = "") -> bool:
        """Stop the run of this job, if the child holds it."""
        run = self._runs.find(job_id)
        if run is not None:
            self._ladder.tell(run, "cancel", why)
            self._changed.set()
        return run is not None or self._batches.cancel(job_id, why)

    def pause_job(self, job_id: UUID) -> None:
        """Have the run of this job end at its next operation, if it is a workflow's."""
        run = self._runs.find(job_id)
        if run is not None and run.asks is not None:
            self._speech.say(wire.encode(wire.Interrupt(run.seq, "pause", "")))

    def stop_runs(self) -> None:
        """Tell all runs to stop; those that do not are killed after the grace."""
        for run in list(self._runs):
            self._ladder.tell(run, "stop")
        self._changed.set()

    async def retire(self) -> None:
        """Take no more jobs; have those that have not begun dealt again."""
        self.closing = True
        self._places.close()
        await self.take_back()

    def worn_out(self) -> str:
        """Why the child should be replaced: "runs", "memory", "nice", or "" if it need not."""
        page = self.child.page
        return self.settings.wear_of(self.served, page.rss_kib, page.worn)

    async def _drain(self) -> None:
        """Run no more than what has begun."""
        await self.take_back()
        await self.wait_idle()

    async def wait_idle(self) -> None:
        """Wait until the child holds no run."""
        while self._runs:
            await self._changed.wait()

    def halt(self) -> None:
        """The node must stop now: kill the child; its runs go back, uncounted."""
        self.halted = True
        self.closing = True
        self._places.close()
        self.child.kill()

    async def _kill(self, reason: str, run: HeldRun | None = None) -> None:
        if self._kill_reason is not None:
            return
        self._kill_reason = reason
        with trio.move_on_after(SHORT_DUMP_SECONDS if reason == "memory" else float("inf")):
            self._stack = await self.child.dump_stack()
        self._runs.spare_all_but(run)
        self.observe(
            events.ChildKilled(self.worker, self.child.pid, reason, run.job.id if run else None)
        )
        self.child.kill()

    def _bury(self, exit_: ChildExit) -> None:
        """Settle what the child still held when it ended."""
        self._see_begun()
        waiting, calls = self._runs.take_waiting(), self._runs.calls
        begun = self._runs.take_all()
        self.buried = len(begun)
        stack = self._stack or self.child.last_stack()
        began_ns = self.child.page.cpu_ns_at_begin(begun[0].seq) if begun else None
        death = death_of(exit_, stack, began_ns, halted=self.halted)
        if begun or not self.closing:
            self.observe(death.event(self.worker, begun[0].job.id if begun else None))
        now, most, alone = trio.current_time(), self.settings.max_crashes, calls == 1
        ends = Ends(self.acker, self.observe, self.flows)
        for run in begun:
            settled = settled_dead(run, death, now, most, halted=self.halted, alone=alone)
            ends.add(run, settled, settled.wall_seconds or 0.0)
        ends.hand_over(hurry=self._asks.idle)
        self._deal_again(waiting)
        self._deal(self._batches.take_all())

    def abandon(self) -> None:
        """Give back what is still held when a Worker was cut off. Its child must be dead."""
        self._share.end()
        jobs = [run.job for run in self._runs.take_all()] + self._batches.take_all()
        self.acker.settle([Settled(job, GivenBack("its Worker broke off")) for job in jobs])
