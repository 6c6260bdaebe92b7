"""SIGSTOP and SIGCONT for a group of trio tasks: the tasks of one simulated process.

A task that is to run is put into trio's run queue, by whoever wakes it. While its group is frozen
it is kept aside instead, with what woke it: an event, a timeout, a cancellation. Thawed, all these
tasks run, and see what time it has become. The same as for a process that was stopped.
"""

from __future__ import annotations

import contextvars
from collections import deque
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, TypeVarTuple, Unpack

import attrs
import trio
from trio._core import _run

Ts = TypeVarTuple("Ts")


@attrs.define(eq=False)
class Group:
    """The tasks of one process. `dead`: what is left of them only cleans up, and counts no more."""

    frozen: bool = False
    dead: bool = False
    _held: list[trio.lowlevel.Task] = attrs.field(factory=list)

    def hold(self, task: trio.lowlevel.Task) -> None:
        """Keep this task from running."""
        self._held.append(task)

    def freeze(self) -> None:
        """Let none of the tasks run from now on, but for one step of those that are about to."""
        self.frozen = True
        queue = _queue()
        for task in [each for each in queue if group_of(each) is self]:
            queue.remove(task)
            self.hold(task)

    def thaw(self) -> None:
        """Let them run."""
        self.frozen = False
        held, self._held = self._held, []
        for task in held:
            _queue().append(task)


_group: contextvars.ContextVar[Group | None] = contextvars.ContextVar("group", default=None)


def group_of(task: trio.lowlevel.Task) -> Group | None:
    """The group that a task belongs to; a task belongs to that of the one that started it."""
    return task.context.get(_group)


def current_group() -> Group | None:
    """The group of the task that asks."""
    return group_of(trio.lowlevel.current_task())


class _Gate(deque[trio.lowlevel.Task]):
    """trio's run queue, which tasks of frozen groups do not get into."""

    def append(self, task: trio.lowlevel.Task) -> None:
        group = group_of(task)
        if group is not None and group.frozen:
            group.hold(task)
        else:
            super().append(task)


def _queue() -> deque[trio.lowlevel.Task]:
    queue: deque[trio.lowlevel.Task] = _run.GLOBAL_RUN_CONTEXT.runner.runq
    return queue


def install() -> None:
    """Make groups work in the trio.run that this is called in."""
    _run.GLOBAL_RUN_CONTEXT.runner.runq = _Gate(_queue())


def start_in(
    group: Group | None,
    nursery: trio.Nursery,
    function: Callable[[Unpack[Ts]], Awaitable[Any]],
    *args: *Ts,
) -> None:
    """`nursery.start_soon` for a task of this group (None: of the world around)."""
    context = contextvars.copy_context()
    context.run(_group.set, group)
    context.run(partial(nursery.start_soon, function, *args))
