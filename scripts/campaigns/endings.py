"""How each poison must end: one table, and the judge of what was seen. Pure.

A poison may also be hit by another one: by the death of the fork server that both had, by what an
earlier one had left in the same child, or, among async ones, by the end of a neighbour. Such a
failure is not held against it, and does not show anything either.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from uuid import UUID

import attrs


@attrs.frozen
class Told:
    """A failure, as the database has it. `at`: when that was written, in seconds of our clock."""

    run_number: int
    error_class: str
    message: str
    trace: str
    pid: int | None
    exit_status: int | None
    signal: str | None
    at: float = 0.0


@attrs.frozen
class Ended:
    """A job that is no traced one, and its failures, oldest first."""

    kind: str
    state: str
    failures: tuple[Told, ...] = ()


@attrs.frozen
class Ending:
    """What must be seen.

    Attributes: state, of the job; errors, one of which each failure has; signals and statuses, one
    of which each has, None among them where it may have none; says, in its message; stack, whether
    its trace leads into the handler; attempts, after which it is given up; slow, whether it takes
    seconds.
    """

    errors: tuple[str, ...] = ()
    state: str = "discarded"
    signals: tuple[str | None, ...] = (None,)
    statuses: tuple[int | None, ...] = (None,)
    says: str = ""
    stack: bool = False
    attempts: int = 2
    slow: bool = False

    @property
    def is_death(self) -> bool:
        """Whether the child dies by itself, at once."""
        return self.errors == ("ChildDied",) and not self.slow


def _exits(status: int) -> Ending:
    return Ending(("ChildDied",), statuses=(status,), says=f"exited with status {status}")


def _dies(signal: str, *, says: str = "", stack: bool = False) -> Ending:
    return Ending(("ChildDied",), signals=(signal,), says=says, stack=stack)


def _raises(error: str, *, stack: bool = True, slow: bool = False) -> Ending:
    return Ending((error,), stack=stack, slow=slow)


def _refused(error: str = "PayloadInvalid", *, says: str = "", slow: bool = False) -> Ending:
    return Ending((error,), says=says, attempts=1, slow=slow)


def _told_to_stop(*signals: str | None, stack: bool = False) -> Ending:
    return Ending(("JobTimeout",), signals=signals, stack=stack, attempts=1, slow=True)


_COMPLETES = Ending(state="completed", attempts=0)
_STUBBORN = _told_to_stop("SIGKILL")
_STUBBORN_WITH_STACK = _told_to_stop("SIGKILL", stack=True)

ENDINGS: dict[str, Ending] = {
    "exits": _exits(0),
    "exits_oddly": _exits(3),
    "segfaults": _dies("SIGSEGV", says="killed by SIGSEGV", stack=True),
    "aborts": _dies("SIGABRT", says="killed by SIGABRT", stack=True),
    "kills_itself": _dies("SIGKILL", says="which this node did not send"),
    "crash_loops": Ending(("ChildDied", "Quarantined"), signals=("SIGSEGV",), says="SIGSEGV"),
    "takes_memory_in_earnest": Ending(
        ("OutOfMemory",), signals=("SIGKILL",), says="over its limit of 96 MiB", attempts=1
    ),
    "raises_exit": _raises("SystemExit"),
    "raises_interrupt": _raises("KeyboardInterrupt"),
    "raises_base": _raises("BaseException"),
    "raises_timeout": _raises("JobTimeout"),
    "raises_stopped": _raises("RunStopped"),
    "raises_speechless": _raises("scripts.campaigns.poisons.Speechless", stack=False),
    "raises_at_length": _raises("ValueError", slow=True),
    "raises_in_a_chain": _raises("ValueError", slow=True),
    "raises_a_nest": _raises("ExceptionGroup", stack=False),
    "recurses": _raises("RecursionError"),
    # A Python that watches the stack of C would raise.
    "recurses_in_c": Ending(("ChildDied", "RecursionError"), signals=("SIGSEGV", None), stack=True),
    "takes_memory": _raises("MemoryError"),
    "returns_too_much": _refused("PayloadTooLarge", says="output is 104,857,602 bytes"),
    "returns_no_json": _refused(says="has no JSON form"),
    "returns_no_number": _refused(says="is nan"),
    "returns_a_surrogate": _refused(says="lone surrogate"),
    "returns_a_depth": _refused(says="nested deeper"),
    "returns_itself": _refused(says="holds itself"),
    "returns_laughter": _refused(says="values", slow=True),
    "returns_a_trap": _refused(),
    "loops": _STUBBORN_WITH_STACK,
    "loops_in_c": _STUBBORN_WITH_STACK,
    "backtracks": _told_to_stop(None, stack=True),
    "stops_itself": _STUBBORN,
    "blocks_signals": _STUBBORN,
    "ignores_signals": _STUBBORN,
    "resets_signals": _told_to_stop("SIGUSR1"),
    "traces_itself": _STUBBORN,
    "sets_an_alarm": _COMPLETES,
    "limits_its_cpu": _COMPLETES,
    "async_blocks": _STUBBORN_WITH_STACK,
    "async_exits": _exits(3),
    # The end of the loop cancels its tasks, this one too.
    "async_stops_the_loop": Ending(
        ("asyncio.exceptions.CancelledError", "ChildDied"), statuses=(None, 70)
    ),
    # Its node waits a moment for it to be gone, and then sees to it.
    "closes_everything": Ending(("ChildDied",), signals=(None, "SIGKILL"), statuses=(70, None)),
    # So it does here, unless an orphan holds the socket open.
    "closes_everything_and_stays": Ending(
        ("ChildDied", "JobTimeout"),
        signals=("SIGKILL", None),
        statuses=(None, 70),
        attempts=1,
        slow=True,
    ),
    "writes_garbage": _dies("SIGKILL"),
    "promises_a_frame": _STUBBORN,
    # What it has written may look like a run that began long ago.
    "scribbles": Ending(("ChildDied", "JobTimeout"), signals=(None, "SIGKILL"), statuses=(4, None)),
    "truncates": _raises("PermissionError"),
    "kills_its_parent": _dies("SIGKILL", says="died with its fork server"),
    "outlives_its_parent": _dies("SIGKILL", says="died with its fork server"),
    "stops_its_parent": _STUBBORN,
    "forks_and_leaves": _exits(5),
    "forks_in_secret_and_leaves": _exits(5),
    "forks_in_secret": _COMPLETES,
    "forks_and_comes_back_twice": _COMPLETES,
    "leaves_threads": _COMPLETES,
    "hangs_at_exit": _COMPLETES,
    "loses_its_place": _COMPLETES,
    "fills_the_disk": _raises("OSError"),
}

# Their server is gone, and with it all its other children.
SERVER_KILLERS = frozenset({"kills_its_parent", "outlives_its_parent", "stops_its_parent"})
# What `sets_an_alarm` and `limits_its_cpu` leave in their child.
_LATE_SIGNALS = frozenset({"SIGALRM", "SIGXCPU"})


def shown(ended: Ended) -> bool:
    """Whether it came to an end of its own."""
    return ended.state == ENDINGS[ended.kind].state == "completed" or bool(own(ended))


def own(ended: Ended) -> list[Told]:
    """The failures that are the poison's own, and as they must be."""
    return [told for told in ended.failures if not _wrong(ended.kind, told)]


def known(begun: Mapping[tuple[UUID, int], float], ended: Mapping[UUID, Ended]) -> Iterator[float]:
    """How long after the begin of a poison that dies at once its death was on record, in seconds.

    Args: begun: when each run did. One that has not may have died of another one's work, as if of
    its own: where two kill the server that both have.
    """
    for job, each in ended.items():
        for told in own(each) if ENDINGS[each.kind].is_death else ():
            if (job, told.run_number) in begun:
                yield told.at - begun[job, told.run_number]


def wrongs(ended: Ended) -> Iterator[str]:
    """What is not as it must be, in words."""
    ending = ENDINGS[ended.kind]
    if ended.state != ending.state:
        yield f"{ended.kind} ended as {ended.state}, not as {ending.state}"
    for told in ended.failures:
        wrong = _wrong(ended.kind, told)
        if wrong and not _of_another(ended.kind, told):
            text = f"{told.error_class}: {told.message:.500}"
            yield f"{ended.kind}, run {told.run_number}: {wrong}; {text}"
    if len(own(ended)) == len(ended.failures) != ending.attempts:
        yield f"{ended.kind} was given up after {len(ended.failures)} attempts"


def _wrong(kind: str, told: Told) -> str:
    """What is wrong with a failure, if it is the poison's own; "" if nothing is."""
    ending = ENDINGS[kind]
    expected: Iterable[tuple[str, object, tuple[object, ...]]] = (
        ("the error", told.error_class, ending.errors),
        ("the signal", told.signal, ending.signals),
        ("the exit status", told.exit_status, ending.statuses),
    )
    for what, seen, possible in expected:
        if seen not in possible:
            return f"{what} is {seen!r}, not one of {possible}"
    if told.pid is None:
        return "the pid is missing"
    if ending.says not in told.message:
        return f"its message does not say {ending.says!r}"
    if ending.stack and f"in {kind}" not in told.trace:
        return "its trace does not lead into the handler"
    return ""


def _of_another(kind: str, told: Told) -> bool:
    if told.signal is None and told.exit_status is None:
        return False
    if "died with its fork server" in told.message:
        return True  # maybe while it was being stopped
    late = told.signal in _LATE_SIGNALS or kind.startswith("async_")
    return told.error_class in ("ChildDied", "Quarantined") and late
