"""What a child's death means for the runs that it held. Pure: facts in, an outcome out.

Rules: a run that had begun is over, and what ended it is told to the last detail. If its Worker was
stopping it, the death is the end of that: a timeout fails, a cancel cancels, a stop gives back.
Runs that had not begun are no part of this: they go on elsewhere, uncounted.
"""

from __future__ import annotations

import attrs

from actors.runs import HeldRun
from runtime.outcome import Cancelled, Failed, Failure, GivenBack, Outcome


@attrs.frozen
class Death:
    """How a child ended, and the last stack that it left behind ("" if none)."""

    pid: int
    cause: str  # one word, as in events.ChildDied
    exit_status: int | None = None
    signal: str | None = None
    stack: str = ""
    max_rss_kib: int = 0  # the most memory it ever had resident

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


def outcome_of(run: HeldRun, death: Death, halted: bool) -> Outcome:
    """The outcome of a begun run whose child died. `halted`: the node itself was being stopped."""
    if halted or run.reason == "stop":
        return GivenBack("the node stopped")
    if death.cause == "lease":
        return GivenBack("the node's lease ran out")
    if run.reason == "timeout":
        limit = f"ran for longer than its timeout of {run.timeout_seconds:g} s"
        return Failed(_failure("JobTimeout", f"{limit}; did not stop when told to", death))
    if run.reason == "cancel":
        message = "cancelled while it ran; did not stop when told to"
        return Cancelled(_failure("JobCancelled", message, death))
    if run.reason == "neighbour":
        return GivenBack("its child was killed because of another run")
    return Failed(_failure("ChildDied", "the worker process ended during the run", death))


def _failure(error_class: str, what: str, death: Death) -> Failure:
    return Failure(
        error_class=error_class,
        message=f"{what}: pid {death.pid} {death}",
        trace=death.stack,
        pid=death.pid,
        exit_status=death.exit_status,
        signal=death.signal,
    )
