"""A child that a test plays, and a Tenure over it: no process, but the real run page and frames."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from typing import cast

import attrs
import trio

from actors.acker import Acker, Settled
from actors.capacity import Capacity
from actors.child import Child, ChildExit
from actors.recorder import Recorder
from actors.seat import Seat
from actors.tenure import Tenure
from actors.tenure_settings import TenureSettings
from runtime import wire
from runtime.child.page import RunPage, new_page_file
from runtime.ids import uuid7
from runtime.job import ClaimedJob, KindInfo
from runtime.outcome import Completed, Outcome


class Puppet:
    """The Child's interface on one side, the child's own deeds on the other.

    Attributes: handed: the runs that it has been sent, by seq. answers: to what it asked.
    on_take_back, on_run: what it does at that very moment.
    """

    pid = 4242

    def __init__(self) -> None:
        fd = new_page_file()
        self.page = RunPage(fd)
        os.close(fd)
        self.handed: dict[int, wire.Run] = {}
        self.answers: list[wire.Answered] = []
        self._killed = False
        self.end_as = ChildExit(self.pid, signal="SIGKILL", cause="kill")  # when it is killed
        self.on_take_back: Callable[[], None] = lambda: None
        self.on_run: Callable[[wire.Run], None] = lambda run: None
        self._decoder = wire.Decoder()
        self._said, self._hears = trio.open_memory_channel[bytes](1000)
        self._exit: ChildExit | None = None
        self._gone = trio.Event()

    # --- what its Worker asks of it ---------------------------------------------------------------

    async def send(self, data: bytes) -> None:
        await trio.lowlevel.checkpoint()
        self.hear(data)

    def hear(self, data: bytes) -> None:
        """Take in what its Worker sends, however it is cut."""
        for frame in self._decoder.feed(data):
            if isinstance(frame, wire.Run):
                self.handed[frame.seq] = frame
                self.on_run(frame)
            elif isinstance(frame, wire.Answered):
                self.answers.append(frame)

    def send_now(self, data: bytes) -> int:
        """There is no room at once."""
        return 0

    async def receive(self) -> bytes:
        try:
            return await self._hears.receive()
        except trio.EndOfChannel:
            return b""

    def take_back(self) -> None:
        self.page.advance_epoch()
        self.on_take_back()

    def ring(self) -> None:
        """Not heard."""

    def kill(self) -> None:
        self._killed = True
        self.die(self.end_as)

    async def dump_stack(self) -> str:
        await trio.lowlevel.checkpoint()
        return "its stack"

    def last_stack(self) -> str:
        return "its stack"

    def hang_up(self) -> None:
        self.die(ChildExit(self.pid, exit_status=0))

    async def close(self) -> None:
        self.kill()

    async def wait(self) -> ChildExit:
        await self._gone.wait()
        assert self._exit is not None
        return self._exit

    def was_killed(self) -> bool:
        """Whether its Worker had it killed."""
        return self._killed

    # --- what it does -----------------------------------------------------------------------------

    def begin(self, seq: int) -> None:
        """Begin a run, unless it was taken back."""
        if self.handed[seq].epoch == self.page.epoch:
            self.page.begin(seq, time.monotonic_ns())

    def say(self, *frames: wire.Frame) -> None:
        """Send frames to its Worker, all at once."""
        self.say_bytes(b"".join(map(wire.encode, frames)))

    def say_bytes(self, data: bytes) -> None:
        """Send anything to its Worker."""
        self._said.send_nowait(data)

    def say_no_more(self) -> None:
        """Close its end of the stream, and live on."""
        self._said.close()

    def done(self, seq: int, outcome: Outcome | None = None) -> wire.Done:
        """The frame that ends a run."""
        return wire.Done(seq, 0.001, outcome or Completed())

    def die(self, exit_: ChildExit) -> None:
        """End. What it said before is heard first."""
        if self._exit is None:
            self._exit = exit_
            self._said.close()
            self._gone.set()


@attrs.define
class Ledger:
    """An Acker's interface. Keeps what was settled; there is room until a test says otherwise."""

    settled: list[Settled] = attrs.field(factory=list)
    roomy: trio.Event = attrs.field(factory=trio.Event)

    def settle(self, settled: Sequence[Settled], *, hurry: bool = True) -> None:
        self.settled += settled

    async def wait_room(self) -> None:
        await self.roomy.wait()

    def outcomes(self) -> list[tuple[int, str]]:
        """(run number, kind of outcome), in order."""
        return [(run.job.run_number, type(run.outcome).__name__) for run in self.settled]


@attrs.define
class Stage:
    """A Tenure over a puppet, its seat, its ledger, and the jobs that it had dealt again."""

    settings: TenureSettings = attrs.field(factory=TenureSettings)
    recorder: Recorder | None = None
    puppet: Puppet = attrs.field(factory=Puppet)
    ledger: Ledger = attrs.field(factory=Ledger)
    again: list[ClaimedJob] = attrs.field(factory=list)
    seat: Seat = attrs.field(init=False)
    tenure: Tenure = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self.ledger.roomy.set()
        self.seat = Seat("seat", on_change=lambda: None)
        self.seat.open(("kind",))
        self.tenure = Tenure(
            may_begin=lambda: True,
            worker=0,
            child=cast("Child", self.puppet),
            seat=self.seat,
            acker=cast("Acker", self.ledger),
            kinds={"kind": KindInfo("kind", is_async=self.settings.is_async)},
            settings=self.settings,
            capacity=Capacity(),
            redeal=self._redeal,
            recorder=self.recorder,
        )

    def _redeal(self, jobs: Sequence[ClaimedJob]) -> list[ClaimedJob]:
        self.again += jobs
        return []


def claimed(run_number: int, **options: object) -> ClaimedJob:
    """A job in the run of this number."""
    fields = {"max_attempts": 25, "timeout_seconds": None, "metadata": "{}", **options}
    return ClaimedJob(
        uuid7(),
        run_number,
        "kind",
        "default",
        "{}",
        attempt=1,
        wait_seconds=0.0,
        **fields,  # type: ignore[arg-type]
    )
