"""What a child's death means for the runs that it held. Pure: facts in, an outcome out.

Rules: a run that had begun is over, and what ended it is told to the last detail. If its Worker was
stopping it, the death is the end of that: a timeout fails, a cancel cancels, a stop gives back. A
death that nobody ordered, and one for its memory or the timeout of a step (which would hang again
and again), is charged to the job's crash budget; but not where another run may have done it: the
fork server died, or several runs were in the child.
Runs that had not begun are no part of this: they go on elsewhere, uncounted.
"""

from __future__ import annotations

from uuid import UUID

import attrs

from actors import events
from actors.child import ChildExit
from actors.runs import HeldRun
from runtime.outcome import Cancelled, Discarded, Failed, Failure, GivenBack, Outcome


@attrs.frozen
class Death:
    """How a child ended, and the last stack that it left behind ("" if none)."""

    pid: int
    cause: str  # one word, as in events.ChildDied
    exit_status: int | None = None
    signal: str | None = None
    stack: str = ""
    max_rss_kib: int = 0  # the most memory it ever had resident
    cpu_seconds: float | None = None  # from the begin of the run that it died in; None: not known

    def event(self, worker: int, job_id: UUID | None) -> events.ChildDied:
        """What there is to tell of it. `job_id`: of a run that it died in."""
        return events.ChildDied(worker, self.pid, self.cause, self.exit_status, self.signal, job_id)

    def __str__(self) -> str:
        if self.cause == "server":
            return "died with its fork server"
        if self.cause == "signal" and self.signal == "SIGKILL":
            return (
                f"killed by SIGKILL, which this node did not send; the kernel does that when "
                f"memory runs out (this process had {self.max_rss_kib // 1024} MiB at its peak)"
            )
        if self.signal is not None:
            return f"killed by {self.signal}"
        if self.exit_status is not None:
            return f"exited with status {self.exit_status}"
        return "closed its connection"


def death_of(exit_: ChildExit, stack: str, began_ns: int | None, *, halted: bool) -> Death:
    """How a child died. `began_ns`: the CPU time that it had used when its last run began."""
    cause = "killed" if halted or exit_.cause == "kill" else exit_.cause
    cpu_seconds = None
    if began_ns is not None and exit_.cpu_seconds:
        cpu_seconds = max(0.0, exit_.cpu_seconds - began_ns / 1e9)
    return Death(
        exit_.pid,
        cause,
        exit_.exit_status,
        exit_.signal,
        stack,
        exit_.max_rss_kib,
        cpu_seconds,
    )


def outcome_of(run: HeldRun, death: Death, halted: bool, *, alone: bool = True) -> Outcome:
    """The outcome of a begun run whose child died.

    `halted`: the node itself was being stopped. `alone`: no other run was in the child.
    """
    if halted or run.reason == "stop":
        return GivenBack("the node stopped")
    if death.cause == "lease":
        return GivenBack("the node's lease ran out")
    if run.reason == "neighbour":
        return GivenBack("its child was killed because of another run")
    if run.reason == "cancel":
        message = f"{run.why or 'cancelled while it ran'}; did not stop when told to"
        return Cancelled(_failure("JobCancelled", message, death))
    if run.reason == "expired":
        return Discarded(_failure("Expired", "went on past its deadline (expires_at)", death))
    failed = _failed(run, death, alone)
    if failed.failure.error_class in run.info.discards:
        return Discarded(failed.failure)
    return failed


def _failed(run: HeldRun, death: Death, alone: bool) -> Failed:
    if run.reason == "timeout":
        limit = f"ran for longer than its timeout of {run.timeout_seconds:g} s"
        return Failed(_failure("JobTimeout", f"{limit}; did not stop when told to", death))
    if run.reason == "cpu":
        limit = f"used more CPU time than its timeout of {run.info.cpu_timeout_seconds:g} s"
        return Failed(_failure("CpuTimeout", f"{limit}; did not stop when told to", death))
    peak = f"{death.max_rss_kib // 1024} MiB at its peak"
    if run.reason == "memory":
        message = (
            f"its process had {peak}, over its limit of {run.info.memory_mib} MiB (memory_mib)"
        )
        return Failed(_failure("OutOfMemory", message, death), crashed=True)
    if run.reason == "step":
        message = "a step went on past its timeout; it did not stop when interrupted"
        return Failed(_failure("StepTimeout", message, death), crashed=True)
    if death.cause == "oom":
        message = f"the kernel killed its process, which had {peak}, for want of memory"
        return Failed(_failure("OutOfMemory", message, death), crashed=alone)
    what = "the worker process ended during the run"
    charged = alone and death.cause != "server"
    return Failed(_failure("ChildDied", what, death), crashed=charged)


def _failure(error_class: str, what: str, death: Death) -> Failure:
    return Failure(
        error_class=error_class,
        message=f"{what}: pid {death.pid} {death}",
        trace=death.stack,
        pid=death.pid,
        exit_status=death.exit_status,
        signal=death.signal,
    )
