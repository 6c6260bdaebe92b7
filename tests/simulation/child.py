"""A child of a simulated node: a process of its own, with the real run page and frames.

It obeys the protocol of `runtime.child.page` step by step, and between the steps it may
have to wait for a core. What its handlers do is decided by their jobs' plans.
"""

from __future__ import annotations

import time
from collections import deque
from uuid import UUID

import trio

from actors.child import BURIAL_SECONDS, ChildExit
from runtime import wire
from runtime.child.ending import TAKEN_BACK
from tests.actors.puppet import Puppet
from tests.simulation.acting import Acting, Ended
from tests.simulation.chronicle import RunRecord
from tests.simulation.flowing import Flowing
from tests.simulation.world import World

# Frames that may wait to be read by it: more than are ever handed ahead.
_FRAMES = 10_000


class SimulatedChild(Puppet):
    """A Child; see the module's docstring. `live` is its life, in a task of the world.

    Attributes: dead, from the moment on at which its process is no more.
    """

    def __init__(self, world: World, node: str, is_async: bool) -> None:
        super().__init__()
        self.pid = world.new_pid()
        self.dead = False
        self._world = world
        self._node = node
        self._is_async = is_async
        self._frames, self._arrivals = trio.open_memory_channel[wire.Run](_FRAMES)
        self._told: dict[int, wire.Interrupt] = {}
        self._acting: dict[int, Acting] = {}
        self._records: dict[int, RunRecord] = {}
        self._unread: deque[list[int]] = deque()  # the runs that each message ends
        self._scope = trio.CancelScope()
        world.processes[self.pid] = "child"

    # --- what its Worker asks of it ---------------------------------------------------------------

    async def send(self, data: bytes) -> None:
        """As Child.send."""
        await trio.lowlevel.checkpoint()
        if self.dead:
            raise trio.BrokenResourceError("it is gone")
        for frame in self._decoder.feed(data):
            if isinstance(frame, wire.Run):
                self._frames.send_nowait(frame)
            elif isinstance(frame, wire.Interrupt) and frame.reason == "pause":
                if frame.seq in self._acting:
                    self._acting[frame.seq].pause()
            elif isinstance(frame, wire.Interrupt):
                self._told[frame.seq] = frame
            elif isinstance(frame, wire.Answered) and frame.seq in self._acting:
                self._acting[frame.seq].answer(frame)

    async def receive(self) -> bytes:
        """As Child.receive."""
        data = await super().receive()
        for seq in self._unread.popleft() if data else ():
            if seq in self._records:
                self._records[seq].heard = True
        return data

    def ring(self) -> None:
        """As Child.ring: it is told a moment later."""
        self._world.start(self._hear)

    async def _hear(self) -> None:
        await self._world.blink()
        for seq, frame in list(self._told.items()):
            if seq in self._acting:
                self._acting[seq].interrupt(frame)

    def kill(self) -> None:
        """As Child.kill: its fork server is told to."""
        self._killed = True
        self._world.start(self._killed_soon)

    async def _killed_soon(self) -> None:
        await self._world.blink()
        self.end("kill", signal="SIGKILL")

    def hang_up(self) -> None:
        """As Child.hang_up: it ends when it has done what it was handed."""
        self._frames.close()

    async def close(self) -> None:
        """As Child.close."""
        with trio.move_on_after(BURIAL_SECONDS, shield=True):
            if not self.dead:
                self.kill()
            await self._gone.wait()

    # --- its life ---------------------------------------------------------------------------------

    async def live(self) -> None:
        """Serve until its end."""
        with self._scope:
            async with trio.open_nursery() as nursery:
                async for frame in self._arrivals:
                    begun_ns = await self._begin(frame)
                    if begun_ns and self._is_async:
                        nursery.start_soon(self._finish, frame, begun_ns)
                    elif begun_ns:
                        await self._finish(frame, begun_ns)
        self.end("exit", exit_status=0)

    def end(self, cause: str, *, exit_status: int | None = None, signal: str | None = None) -> None:
        """It is no more, from now on. Its node is told a moment later."""
        if self.dead:
            return
        self.dead = True
        self._scope.cancel()
        self._said.close()
        self._world.processes.pop(self.pid, None)
        for record in self._records.values():
            if record.gone is None:
                record.gone, record.cause = trio.current_time(), cause
        if self._acting:
            held = ", ".join(each.name for each in self._acting.values())
            self._world.chronicle.note(self._node, f"child {self.pid} ends ({cause}) in {held}")
        server_died = cause == "server"
        told = ChildExit(self.pid, exit_status, signal, cause, server_died)
        self._world.start(self._tell_end, told)

    async def _tell_end(self, exit_: ChildExit) -> None:
        await self._world.blink()
        self._exit = exit_
        self._gone.set()

    async def _begin(self, frame: wire.Run) -> int:
        """When it began; 0 if it did not. The order of steps is `runtime.child.page`'s."""
        if self.page.epoch != frame.epoch:
            return 0
        if not await self._lives_on():
            return 0
        begun_ns = time.monotonic_ns()
        self.page.begin(frame.seq, begun_ns)
        if not await self._lives_on():
            return 0
        if self.page.epoch != frame.epoch:
            self._say(frame.seq, wire.Done(frame.seq, 0.0, TAKEN_BACK))
            return 0
        return begun_ns

    async def _lives_on(self) -> bool:
        """Wait for a core; whether it has not died meanwhile."""
        await self._world.blink(0.0002)
        return not self.dead

    async def _finish(self, frame: wire.Run, begun_ns: int) -> None:
        """A run that has begun."""
        if self.dead:  # killed before this task had its turn
            return
        if self._is_async:
            self._say(0, wire.Started(frame.seq, begun_ns))
        ended = await self._act(frame)
        if ended is not None:
            seconds = (time.monotonic_ns() - begun_ns) / 1e9
            self._say(frame.seq, wire.Done(frame.seq, seconds, ended.outcome))

    async def _act(self, frame: wire.Run) -> Ended | None:
        """How the handler has ended; None if that was with the process."""
        plan = self._world.plans[UUID(bytes=frame.id)]
        acting_class = Flowing if plan.ops else Acting
        acting = acting_class(self._world, self, frame, self._node)
        self._acting[frame.seq] = acting
        self._records[frame.seq] = acting.record
        if frame.seq in self._told:
            acting.interrupt(self._told[frame.seq])
        ended = await acting.run()
        if self.dead:
            return None
        del self._acting[frame.seq]
        acting.record.ended, acting.record.how = trio.current_time(), ended.how
        self._world.chronicle.note(self._node, f"{acting.name} run {frame.run_number}: {ended.how}")
        return ended

    def _say(self, ends: int, frame: wire.Frame) -> None:
        self.write(wire.encode(frame), [ends])

    def write(self, data: bytes, ends: list[int]) -> None:
        """Write into its socket. `ends`: the runs whose ends are told."""
        try:
            self._said.send_nowait(data)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            return  # it has hushed, or its Worker reads no more
        self._unread.append(ends)

    def hush(self) -> None:
        """Close its end of the socket, and live on."""
        self._said.close()
