"""AsyncContext: what an `async def` workflow is given first; as Context, with await.

    @app.workflow
    async def order(ctx: AsyncContext, order_id: int) -> str:
        payment = await ctx.step("charge", charge, order_id, retry=5)
        await ctx.sleep(3600)
        approved = await ctx.wait_signal("approved", timeout=86_400)
        return await ctx.run(ship, order_id, approved)

Rules: what the function does besides must come to the same when it is called again with the same
args: it is, from its beginning, after each wait and each failure. Let BaseExceptions pass.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine, Iterable
from datetime import datetime, timedelta
from random import Random
from typing import TYPE_CHECKING, Any, Concatenate, Literal, NoReturn, ParamSpec, TypeVar, overload
from uuid import UUID

from runtime.handler_enqueue import Enqueuer
from runtime.workflow import facts
from runtime.workflow.anew import Anew
from runtime.workflow.async_driving import drive, together
from runtime.workflow.children import Child, Start
from runtime.workflow.decorator import StepFunction
from runtime.workflow.flow import Flow
from runtime.workflow.graph import Graph
from runtime.workflow.graph_run import GraphRun
from runtime.workflow.history import GATHER
from runtime.workflow.operation import Operation
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

# So short a sleep is cheaper in the process than to suspend and to replay; others go on meanwhile.
_SHORT_SLEEP_SECONDS = 1.0


class AsyncContext:
    """See the module's docstring. `job`: the job and its run."""

    def __init__(self, job: JobContext, strand: Strand, handler: Any) -> None:
        self.job = job
        self._strand = strand
        self._handler = handler

    def __repr__(self) -> str:
        return f"<AsyncContext of {self.job!r}>"

    def _do(self, what: str, make: Callable[[Strand], Flow[T]]) -> Operation[T]:
        return Operation(self._strand, make, f"ctx.{what}")

    @overload
    def step(
        self,
        function: StepFunction[P, Coroutine[Any, Any, R]],
        /,
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> Operation[R]: ...
    @overload
    def step(
        self, function: StepFunction[P, R], /, *args: P.args, **kwargs: P.kwargs
    ) -> Operation[R]: ...
    @overload
    def step(
        self,
        name: str,
        function: Callable[..., Coroutine[Any, Any, R]],
        /,
        *args: Any,
        retry: RetryOption,
        timeout: Seconds | None = None,
        **kwargs: Any,
    ) -> Operation[R]: ...
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
    ) -> Operation[R]: ...
    @overload
    def step(
        self,
        name: str,
        function: Callable[..., Coroutine[Any, Any, R]],
        /,
        *args: Any,
        timeout: Seconds,
        **kwargs: Any,
    ) -> Operation[R]: ...
    @overload
    def step(
        self, name: str, function: Callable[..., R], /, *args: Any, timeout: Seconds, **kwargs: Any
    ) -> Operation[R]: ...
    @overload
    def step(
        self,
        name: str,
        function: Callable[P, Coroutine[Any, Any, R]],
        /,
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> Operation[R]: ...
    @overload
    def step(
        self, name: str, function: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs
    ) -> Operation[R]: ...
    def step(self, first: Any, /, *args: Any, **kwargs: Any) -> Any:
        """Call a function, sync or async, once; keep what it returns: a replay gets that instead.

        It may be called again while its result is not recorded: where its process dies before. The
        result comes back from JSON, by the function's return annotation. A plain function is called
        in a thread (see `runtime.workflow.threads`); what needs the event loop is an `async def`.
        Args: name: people's, and must not change. retry: a number of tries, a Backoff or a Retry;
        None: one try. timeout: of each try; a plain function then goes on in its thread, unheeded.
        Raises: StepFailed, once its tries are used up, at every replay too.
        """
        return self._do("step", step_of(first, args, kwargs))

    def sleep(self, seconds: Seconds) -> Operation[None]:
        """Go on after so long, by the database's clock; years, if need be. Holds no worker."""
        return self._do("sleep", Sleep(seconds, short=_SHORT_SLEEP_SECONDS))

    def sleep_until(self, time: datetime) -> Operation[None]:
        """Go on at this time, or now where it has passed. `time` has a time zone."""
        return self._do("sleep_until", Sleep(until=time, short=_SHORT_SLEEP_SECONDS))

    def wait_signal(self, name: str, timeout: Seconds | None = None) -> Operation[Any]:
        """The value of the oldest signal of this name that no wait of this job has taken.

        Raises: SignalTimeout, if none has come in time.
        """
        return self._do("wait_signal", SignalWait(name, timeout))

    def wait_event(self, name: str, timeout: Seconds | None = None) -> Operation[Any]:
        """The value of the event of this name, once somebody has emitted it.

        Raises: EventTimeout, if nobody has in time.
        """
        return self._do("wait_event", EventWait(name, timeout))

    def publish(self, key: str, value: Any) -> Operation[None]:
        """Let everybody read a value by `client.read(job, key)`, in place of the one before.

        Raises: PayloadInvalid, PayloadTooLarge.
        """
        return self._do("publish", facts.Publish(key, value))

    def run(self, target: Enqueuer[P, R], /, *args: P.args, **kwargs: P.kwargs) -> Operation[R]:
        """Have a child job run, and wait for its output; no worker waits. Cancelled with this job.

        `target`: a handler, one `with_options`, or a Kind.
        Raises: ChildFailed; ArgsInvalid, PayloadError, before anything is written.
        """
        return self._do("run", Child(target, args, kwargs).only)

    def map(
        self,
        target: Enqueuer[Concatenate[Any, ...], R] | Enqueuer[..., R],
        items: Iterable[Any],
        *,
        max_in_flight: int | None = None,
        failures: Literal["first", "all"] = "first",
    ) -> Operation[list[R]]:
        """Have a child job run for each item, its first arg, and wait for their outputs, in order.

        Args: max_in_flight: so many of them at once. failures: "first": the first failure ends the
        wait, and cancels the other jobs; "all": wait for all, then tell all failures.
        Raises: ChildFailed, ChildrenFailed; ArgsInvalid, PayloadError.
        """
        return self._do("map", map_of(target, items, max_in_flight, failures))

    def start(
        self, target: Enqueuer[P, Any], /, *args: P.args, **kwargs: P.kwargs
    ) -> Operation[UUID]:
        """Enqueue a job exactly once, which is no child: nobody waits for it. Returns its id."""
        return self._do("start", Start(target, args, kwargs))

    @overload
    async def gather(
        self, *branches: Operation[T] | Callable[[AsyncContext], Awaitable[T]]
    ) -> list[T]: ...
    @overload
    async def gather(
        self, *branches: Operation[Any] | Callable[[AsyncContext], Awaitable[Any]]
    ) -> list[Any]: ...
    async def gather(
        self, *branches: Operation[Any] | Callable[[AsyncContext], Awaitable[Any]]
    ) -> list[Any]:
        """Do operations of this context, or call functions, at the same time.

        Each function gets a context of its own. Returns their values, in order. All are waited for;
        if one waits for something, so does the workflow.
        Raises: the error of the first, in this order, that failed.
        """
        strand, gate = self._strand, Gate()
        spot = await drive(strand, strand.enter(GATHER))
        with strand.busy():
            strands = strand.branches(spot, len(branches), gate)
            calls = [
                self._branch(branch, each) for branch, each in zip(branches, strands, strict=True)
            ]
            return strand.joined(strands, await together(calls, gate))

    def _branch(
        self, branch: Operation[T] | Callable[[AsyncContext], Awaitable[T]], strand: Strand
    ) -> Callable[[], Awaitable[T]]:
        if isinstance(branch, Operation):
            return lambda: drive(strand, branch.taken()(strand))
        context = AsyncContext(self.job, strand, self._handler)
        return lambda: branch(context)

    def graph(self, graph: Graph) -> Operation[dict[str, Any]]:
        """Have child jobs run, each after those that it needs; their outputs by name. See Graph.

        Raises: GraphFailed, once all that began has ended.
        """
        return self._do("graph", GraphRun(graph))

    def transaction(
        self,
        name: str,
        conn: C,
        function: Callable[Concatenate[C, P], Coroutine[Any, Any, R]],
        /,
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> Operation[R]:
        """A step whose effects in the jobs' own database happen exactly once.

        Begins a transaction on `conn`, calls `function(conn, ...)`, records the step there, and
        commits both. `conn` is of any asyncio library that `enqueue` takes, in no transaction.
        Raises: StepFailed, with all it did rolled back; UsageError.
        """
        return self._do("transaction", Transaction(name, conn, function, args, kwargs))

    def now(self) -> Operation[datetime]:
        """The time, in UTC, at which the workflow came here first."""
        return self._do("now", facts.now)

    def random(self) -> Operation[Random]:
        """Dice that fall alike at every replay."""
        return self._do("random", facts.random)

    def uuid(self) -> Operation[UUID]:
        """A new id, which is the same at every replay."""
        return self._do("uuid", facts.new_uuid)

    async def continue_as_new(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Begin anew with other args and an empty history: for workflows without end.

        The job's id stays, and what was published, and signals that nobody took.
        """
        await self._do("continue_as_new", Anew(self._handler, args, kwargs))
        raise AssertionError("it has raised")
