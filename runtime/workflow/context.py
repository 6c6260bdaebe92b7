"""Context: what a plain workflow function is given first.

    @app.workflow
    def order(ctx: Context, order_id: int) -> str:
        payment = ctx.step("charge", charge, order_id, retry=5)
        ctx.sleep(3600)
        approved = ctx.wait_signal("approved", timeout=86_400)
        return ctx.run(ship, order_id, approved)

Rules: what the function does besides must come to the same when it is called again with the same
args: it is, from its beginning, after each wait and each failure. Let BaseExceptions pass.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from functools import partial
from random import Random
from typing import TYPE_CHECKING, Any, Concatenate, Literal, NoReturn, ParamSpec, TypeVar, overload
from uuid import UUID

from runtime.handler_enqueue import Enqueuer
from runtime.workflow import facts
from runtime.workflow.anew import Anew
from runtime.workflow.children import Child, Start
from runtime.workflow.decorator import StepFunction
from runtime.workflow.driving import Threads, drive
from runtime.workflow.flow import Flow
from runtime.workflow.graph import Graph
from runtime.workflow.graph_run import GraphRun
from runtime.workflow.history import GATHER
from runtime.workflow.planning import map_of, step_of
from runtime.workflow.retry import RetryOption
from runtime.workflow.strand import Gate, Strand
from runtime.workflow.transacting import Transaction
from runtime.workflow.waits import EventWait, SignalWait, Sleep

if TYPE_CHECKING:
    from runtime.child.context import JobContext

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")
C = TypeVar("C")
Seconds = float | timedelta

# So short a sleep is cheaper in the process than to suspend and to replay.
_SHORT_SLEEP_SECONDS = 0.1


class Context:
    """See the module's docstring. `job`: the job and its run."""

    def __init__(self, job: JobContext, strand: Strand, handler: Any) -> None:
        self.job = job
        self._strand = strand
        self._handler = handler
        self._desk = job.run_and_desk[1]

    def __repr__(self) -> str:
        return f"<Context of {self.job!r}>"

    def _do(self, make: Callable[[Strand], Flow[T]]) -> T:
        strand = self._strand
        return drive(strand, self._desk, make(strand))

    @overload
    def step(self, function: StepFunction[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R: ...
    @overload
    def step(
        self,
        name: str,
        function: Callable[..., R],
        /,
        *args: Any,
        retry: RetryOption,
        timeout: Seconds | None = None,
        **kwargs: Any,
    ) -> R: ...
    @overload
    def step(
        self, name: str, function: Callable[..., R], /, *args: Any, timeout: Seconds, **kwargs: Any
    ) -> R: ...
    @overload
    def step(
        self, name: str, function: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs
    ) -> R: ...
    def step(self, first: Any, /, *args: Any, **kwargs: Any) -> Any:
        """Call a function once, and keep what it returns: a replay gets that instead.

        It may be called again while its result is not recorded: where its process dies before. The
        result comes back from JSON, by the function's return annotation.
        Args: name: people's, and must not change. retry: a number of tries, a Backoff or a Retry;
        None: one try. timeout: of each try; it interrupts in the main thread only. What goes on for
        the node's grace beyond it, as C code may, is killed with its process: the run has failed.
        Raises: StepFailed, once its tries are used up, at every replay too.
        """
        return self._do(step_of(first, args, kwargs))

    def sleep(self, seconds: Seconds) -> None:
        """Go on after so long, by the database's clock; years, if need be. Holds no worker."""
        self._do(Sleep(seconds, short=_SHORT_SLEEP_SECONDS))

    def sleep_until(self, time: datetime) -> None:
        """Go on at this time, or now where it has passed. `time` has a time zone."""
        self._do(Sleep(until=time, short=_SHORT_SLEEP_SECONDS))

    def wait_signal(self, name: str, timeout: Seconds | None = None) -> Any:
        """The value of the oldest signal of this name that no wait of this job has taken.

        Raises: SignalTimeout, if none has come in time.
        """
        return self._do(SignalWait(name, timeout))

    def wait_event(self, name: str, timeout: Seconds | None = None) -> Any:
        """The value of the event of this name, once somebody has emitted it.

        Raises: EventTimeout, if nobody has in time.
        """
        return self._do(EventWait(name, timeout))

    def publish(self, key: str, value: Any) -> None:
        """Let everybody read a value by `client.read(job, key)`, in place of the one before.

        Raises: PayloadInvalid, PayloadTooLarge.
        """
        self._do(facts.Publish(key, value))

    def run(self, target: Enqueuer[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R:
        """Have a child job run, and wait for its output; no worker waits. Cancelled with this job.

        `target`: a handler, one `with_options`, or a Kind.
        Raises: ChildFailed; ArgsInvalid, PayloadError, before anything is written.
        """
        output: R = self._do(Child(target, args, kwargs).only)
        return output

    def map(
        self,
        target: Enqueuer[Concatenate[Any, ...], R] | Enqueuer[..., R],
        items: Iterable[Any],
        *,
        max_in_flight: int | None = None,
        failures: Literal["first", "all"] = "first",
    ) -> list[R]:
        """Have a child job run for each item, its first arg, and wait for their outputs, in order.

        Args: max_in_flight: so many of them at once. failures: "first": the first failure ends the
        wait, and cancels the other jobs; "all": wait for all, then tell all failures.
        Raises: ChildFailed, ChildrenFailed; ArgsInvalid, PayloadError.
        """
        return self._do(map_of(target, items, max_in_flight, failures))

    def start(self, target: Enqueuer[P, Any], /, *args: P.args, **kwargs: P.kwargs) -> UUID:
        """Enqueue a job exactly once, which is no child: nobody waits for it. Returns its id."""
        return self._do(Start(target, args, kwargs))

    @overload
    def gather(self, *branches: Callable[[Context], T]) -> list[T]: ...
    @overload
    def gather(self, *branches: Callable[[Context], Any]) -> list[Any]: ...
    def gather(self, *branches: Callable[[Context], Any]) -> list[Any]:
        """Call functions at the same time, each in a thread with a context of its own.

        Returns their values, in order. All are waited for; if one waits for something, so does the
        workflow. Raises: the error of the first, in this order, that failed.
        """
        strand, desk, gate = self._strand, self._desk, Gate()
        spot = drive(strand, desk, strand.enter(GATHER))
        with strand.busy():
            strands = strand.branches(spot, len(branches), gate)
            calls = [
                partial(branch, Context(self.job, each, self._handler))
                for branch, each in zip(branches, strands, strict=True)
            ]
            return strand.joined(strands, Threads(calls, desk).run(gate))

    def graph(self, graph: Graph) -> dict[str, Any]:
        """Have child jobs run, each after those that it needs; their outputs by name. See Graph.

        Raises: GraphFailed, once all that began has ended.
        """
        return self._do(GraphRun(graph))

    def transaction(
        self,
        name: str,
        conn: C,
        function: Callable[Concatenate[C, P], R],
        /,
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> R:
        """A step whose effects in the jobs' own database happen exactly once.

        Begins a transaction on `conn`, calls `function(conn, ...)`, records the step there, and
        commits both. `conn` is of any sync library that `enqueue` takes, in no transaction.
        Raises: StepFailed, with all it did rolled back; UsageError.
        """
        output: R = self._do(Transaction(name, conn, function, args, kwargs))
        return output

    def now(self) -> datetime:
        """The time, in UTC, at which the workflow came here first."""
        return self._do(facts.now)

    def random(self) -> Random:
        """Dice that fall alike at every replay."""
        return self._do(facts.random)

    def uuid(self) -> UUID:
        """A new id, which is the same at every replay."""
        return self._do(facts.new_uuid)

    def continue_as_new(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Begin anew with other args and an empty history: for workflows without end.

        The job's id stays, and what was published, and signals that nobody took. Jobs that `start`
        enqueued go on. Child jobs have ended, since they were waited for; but those that a caught
        failure has left are cancelled, and none of them is a child of the new round.
        """
        self._do(Anew(self._handler, args, kwargs))
        raise AssertionError("it has raised")
