"""Graph: jobs that come after one another, and get what those before them have put out.

    graph = Graph()
    pages = graph.add("pages", split, path)
    texts = graph.add("texts", read_all, pages)            # the output of `pages` is its arg
    graph.add("index", build_index, texts.or_else([]), after=[pages])
    handle = client.enqueue_graph(graph)                   # or, in a workflow: ctx.graph(graph)
    handle.result()                                        # {"pages": ..., "texts": ..., ...}

Rules: a job can only come after jobs that were added before, so there are no circles. All jobs are
inserted at once; those that come after others are pending. A job begins when all that it comes
after have ended well. Where one has not, it is skipped (cancelled, never begun), and so is what
comes after it; unless it takes that in its stride: it needs `job.or_else(...)` or `job.outcome`, or
has on_failure="run". Whether it is skipped is decided when all that it comes after have ended.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

import attrs

from runtime.errors import UsageError
from runtime.handler_enqueue import Enqueuer
from runtime.handler_options import check_name


@attrs.frozen(eq=False)
class GraphJob:
    """One job of a graph. Given to another as an arg, or in a list of args, it is its output."""

    name: str
    target: Enqueuer[Any, Any]
    args: tuple[Any, ...] = attrs.field(repr=False)
    kwargs: Mapping[str, Any] = attrs.field(repr=False)
    before: Mapping[GraphJob, bool] = attrs.field(repr=False)  # whether it must have ended well
    on_failure: str = attrs.field(default="skip", repr=False)

    def or_else(self, value: Any = None) -> Needed:
        """Its output, or this where it has none, since it failed or was skipped."""
        return Needed(self, value)

    @property
    def outcome(self) -> Needed:
        """How it has ended: a dict of state, output, error_class and message."""
        return Needed(self, whole=True)


@attrs.frozen(eq=False)
class Needed:
    """A job as another needs it that begins also when it has failed."""

    job: GraphJob
    otherwise: Any = None
    whole: bool = False


class Graph:
    """See the module's docstring.

    Args: name: people's; a workflow's graph must keep it. failures: "finish": what does not come
    after a failed job goes on; "stop": once one has failed, none begins that still waits.
    """

    def __init__(
        self, *, name: str = "graph", failures: Literal["finish", "stop"] = "finish"
    ) -> None:
        if failures not in ("finish", "stop"):
            raise UsageError(f'failures of a graph is "finish" or "stop", not {failures!r:.100}')
        self.name = check_name("a graph's name", name)
        self.failures = failures
        self._jobs: dict[str, GraphJob] = {}

    def __repr__(self) -> str:
        return f"<Graph {self.name}: {len(self._jobs)} jobs>"

    @property
    def jobs(self) -> list[GraphJob]:
        """In the order in which they were added: each after those before it."""
        return list(self._jobs.values())

    def add(
        self,
        name: str,
        target: Enqueuer[Any, Any],
        /,
        *args: Any,
        after: Iterable[GraphJob | Needed] = (),
        on_failure: Literal["skip", "run"] = "skip",
        **kwargs: Any,
    ) -> GraphJob:
        """Add a job of a handler, one `with_options`, or a Kind.

        Args: after: beside those in its args. on_failure: "run": begin also when what it comes
        after has failed or was skipped: None is then in the place of its output.
        Raises: UsageError, for a name that is taken, or jobs of another graph.
        """
        check_name("a graph job's name", name)
        if name in self._jobs:
            raise UsageError(f"the graph has a job {name!r} already")
        if not isinstance(target, Enqueuer):
            raise UsageError(f"job {name!r} is of a handler, or of a Kind, not {target!r:.200}")
        if on_failure not in ("skip", "run"):
            raise UsageError(f'on_failure is "skip" or "run", not {on_failure!r:.100}')
        before: dict[GraphJob, bool] = {}
        for each in [*after, *_within([*args, *kwargs.values()])]:
            job = self._of_mine(name, each)
            strict = isinstance(each, GraphJob) and on_failure == "skip"
            before[job] = before.get(job, False) or strict
        made = GraphJob(name, target, args, kwargs, before, on_failure)
        self._jobs[name] = made
        return made

    def _of_mine(self, name: str, before: object) -> GraphJob:
        job = before.job if isinstance(before, Needed) else before
        if not isinstance(job, GraphJob) or self._jobs.get(job.name) is not job:
            raise UsageError(f"job {name!r} comes after {job!r:.200}, which is not of its graph")
        return job


def _within(values: Sequence[Any]) -> list[GraphJob | Needed]:
    found = []
    for each in values:
        inner = each if isinstance(each, list | tuple) else (each,)
        found += [one for one in inner if isinstance(one, GraphJob | Needed)]
    return found
