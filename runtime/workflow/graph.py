"""Graph: child jobs that wait for one another, and get what those before them have put out.

    graph = Graph()
    pages = graph.add("pages", split, path)
    texts = graph.add("texts", read_all, pages)            # the output of `pages` is its arg
    graph.add("index", build_index, texts, after=[pages])
    results = ctx.graph(graph)                             # {"pages": ..., "texts": ..., ...}

Rules: a job can only come after jobs that were added before, so there are no circles. A job begins
when all before it have ended well; where one has not, it is skipped. All that has begun is waited
for. The workflow inserts the jobs as they become ready, and holds no worker in between.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

import attrs

from runtime.errors import UsageError
from runtime.handler_enqueue import Enqueuer
from runtime.handler_options import check_name
from runtime.workflow.children import Child
from runtime.workflow.failures import ChildFailed, GraphFailed
from runtime.workflow.flow import Flow
from runtime.workflow.history import GATHER
from runtime.workflow.strand import Ended, Gate, Strand
from runtime.workflow.suspend import Suspend


@attrs.frozen(eq=False)
class GraphJob:
    """One job of a graph. Given to another as an arg, or in a list of args, it is its output."""

    name: str
    target: Enqueuer[Any, Any]
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]
    before: tuple[GraphJob, ...]


class Graph:
    """See the module's docstring.

    Args: failures: "finish": what does not come after a failed job goes on; "stop": once one has
    failed, nothing more begins.
    """

    def __init__(self, *, failures: Literal["finish", "stop"] = "finish") -> None:
        if failures not in ("finish", "stop"):
            raise UsageError(f'failures of a graph is "finish" or "stop", not {failures!r:.100}')
        self.failures = failures
        self._jobs: dict[str, GraphJob] = {}

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
        after: Iterable[GraphJob] = (),
        **kwargs: Any,
    ) -> GraphJob:
        """Add a job of a handler, one `with_options`, or a Kind. `after`: beside those in its args.

        Raises: UsageError, for a name that is taken, or jobs of another graph.
        """
        check_name("a graph job's name", name)
        if name in self._jobs:
            raise UsageError(f"the graph has a job {name!r} already")
        if not isinstance(target, Enqueuer):
            raise UsageError(f"job {name!r} is of a handler, or of a Kind, not {target!r:.200}")
        before = [*after, *_within([*args, *kwargs.values()])]
        for each in before:
            if each not in self._jobs.values():
                raise UsageError(
                    f"job {name!r} comes after {each!r:.200}, which is not of its graph"
                )
        made = GraphJob(name, target, args, kwargs, tuple(dict.fromkeys(before)))
        self._jobs[name] = made
        return made


class GraphRun:
    """A graph, as a strand runs it."""

    def __init__(self, graph: Graph) -> None:
        if not isinstance(graph, Graph):
            raise UsageError(f"ctx.graph takes a Graph, not {graph!r:.200}")
        self._graph = graph
        self._jobs = graph.jobs

    def __call__(self, strand: Strand) -> Flow[dict[str, Any]]:
        """Its flow: the outputs by name. Raises: GraphFailed, once all that began has ended."""
        spot = yield from strand.enter(GATHER)
        branches = strand.branches(spot, len(self._jobs), Gate())
        ended: dict[GraphJob, Ended] = {}
        failed: dict[str, ChildFailed] = {}
        for job, branch in zip(self._jobs, branches, strict=True):
            if not self._may_begin(job, ended, failed, branch):
                continue
            ended[job] = yield from _run(job, branch, ended)
            error = ended[job].error
            if isinstance(error, ChildFailed):
                failed[job.name] = error
        waits = [Ended(error=each.error) for each in ended.values() if _waits(each)]
        strand.joined(branches, waits)
        outputs = {job.name: each.value for job, each in ended.items() if each.error is None}
        if failed:
            skipped = tuple(job.name for job in self._jobs if job not in ended)
            raise GraphFailed(failed, skipped, outputs)
        return outputs

    def _may_begin(
        self,
        job: GraphJob,
        ended: Mapping[GraphJob, Ended],
        failed: Mapping[str, ChildFailed],
        branch: Strand,
    ) -> bool:
        """Whether it has begun, or all before it have ended well, and nothing is in its way."""
        if any(each not in ended or ended[each].error is not None for each in job.before):
            return False
        return self._graph.failures == "finish" or not failed or branch.has_past


def _run(job: GraphJob, branch: Strand, ended: Mapping[GraphJob, Ended]) -> Flow[Ended]:
    args = [_given(each, ended) for each in job.args]
    kwargs = {name: _given(each, ended) for name, each in job.kwargs.items()}
    child = Child(job.target, args, kwargs, name=job.name)
    try:
        return Ended((yield from child.only(branch)))
    except (Suspend, ChildFailed) as error:
        return Ended(error=error)


def _waits(ended: Ended) -> bool:
    return isinstance(ended.error, Suspend)


def _within(values: Sequence[Any]) -> list[GraphJob]:
    found = []
    for each in values:
        if isinstance(each, GraphJob):
            found.append(each)
        elif isinstance(each, list | tuple):
            found += [inner for inner in each if isinstance(inner, GraphJob)]
    return found


def _given(value: Any, ended: Mapping[GraphJob, Ended]) -> Any:
    if isinstance(value, GraphJob):
        return ended[value].value
    if isinstance(value, list | tuple):
        return [_given(each, ended) if isinstance(each, GraphJob) else each for each in value]
    return value
