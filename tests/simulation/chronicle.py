"""What happened in a simulation: lines for people, and the records that the checkers are given."""

from __future__ import annotations

from uuid import UUID

import attrs
import trio

from scripts.campaigns.history import Answer, Enqueue, Fault


@attrs.define(eq=False)
class RunRecord:
    """One run of a handler. Times are of trio's clock.

    Attributes: how it ended by itself, or ""; ended, when it came to its end by itself; gone, when
    its process was; cause, of its process's end; heard, whether its Worker has read how it ended.
    """

    job: UUID
    number: int
    pid: int
    node: str
    begun: float
    how: str = ""
    ended: float | None = None
    gone: float | None = None
    cause: str = ""
    heard: bool = False

    @property
    def over(self) -> float | None:
        """When it ended, by itself or with its process; None if it goes on."""
        return self.gone if self.ended is None else self.ended


@attrs.define(eq=False)
class Chronicle:
    """See the module's docstring.

    Attributes: given_back, runs that a node has given back, with how; crashes, of actors.
    """

    lines: list[str] = attrs.field(factory=list)
    enqueues: list[Enqueue] = attrs.field(factory=list)
    runs: list[RunRecord] = attrs.field(factory=list)
    faults: list[Fault] = attrs.field(factory=list)
    given_back: dict[tuple[UUID, int], str] = attrs.field(factory=dict)
    crashes: list[str] = attrs.field(factory=list)
    failings: list[str] = attrs.field(factory=list)  # promises seen broken while it went on
    calls: int = 0
    spoiled: int = 0  # of the calls: those that failed, or were never answered

    def note(self, who: str, text: str) -> None:
        """Keep a line."""
        self.lines.append(f"{trio.current_time():12.6f}  {who:<10} {text}")

    def asked(self, job: UUID, answer: Answer) -> None:
        """Somebody has enqueued."""
        self.enqueues.append(Enqueue(job, answer))

    def fault(self, kind: str, whom: str, pids: frozenset[int] = frozenset()) -> None:
        """We have made a fault."""
        self.faults.append(Fault(kind, trio.current_time(), pids))
        self.note("FAULT", f"{kind}: {whom}" if whom else kind)

    def begin(self, job: UUID, name: str, number: int, pid: int, node: str, what: str) -> RunRecord:
        """A handler was called."""
        record = RunRecord(job, number, pid, node, trio.current_time())
        self.runs.append(record)
        self.note(node, f"{name} run {number} begins in {pid}: {what}")
        return record
