"""Batch handlers: their args and keys at the enqueue, what cannot be one, and how they gather."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypedDict

import msgspec
import pytest

from actors.gathering import Gatherer
from runtime import App, Batch, BatchJob, Resources, Snooze, UsageError, injected
from runtime.child.context import JobContext
from runtime.errors import ArgsInvalid, PayloadInvalid
from runtime.ids import uuid7
from runtime.job import ClaimedJob, KindInfo
from runtime.middleware import Call
from runtime.testing import perform

app = App()
FEW = Batch(max_jobs=3, wait_ms=100)


@dataclass
class Page:
    url: str
    depth: int = 0
    due: datetime | None = None


class Row(TypedDict):
    name: str


class Index:
    """A resource."""

    def __init__(self) -> None:
        self.urls: list[str] = []


@app.resource
def an_index() -> Index:
    return Index()


@app.job(batch=FEW, key="url")
def index(jobs: list[BatchJob[Page]], *, into: Index = injected) -> list[int | None]:
    into.urls += [job.args.url for job in jobs]
    for job in jobs:
        if job.args.depth > 9:
            job.snooze(5)
    return [len(into.urls) for _ in jobs]


@app.job(batch=FEW)
async def copy_rows(jobs: list[BatchJob[Row]]) -> list[str]:
    return [job.args["name"] for job in jobs]


@app.job(batch=FEW)
def any_args(jobs: list[BatchJob[Any]]) -> None:
    """Args of any shape."""


def test_a_job_of_a_batch_kind_is_made_of_its_args_or_their_fields() -> None:
    job = index.new_job(Page("a", 2))
    assert (job.args, job.key) == ('{"url":"a","depth":2,"due":null}', "a")
    by_name = msgspec.json.decode(app.handler("index").new_job(url="b").args)
    assert by_name == {"url": "b"}
    assert copy_rows.new_job({"name": "x"}).args == '{"name":"x"}'
    assert any_args.new_job({"k": [1]}).args == '{"k":[1]}'
    assert index.info().batch == FEW


@pytest.mark.parametrize(
    ("args", "kwargs", "error", "message"),
    [
        ((), {"url": "a", "ulr": "b"}, ArgsInvalid, "ulr"),
        ((), {}, ArgsInvalid, "url"),
        ((), {"url": 3}, ArgsInvalid, "Expected `str`"),
        (({"url": "a"}, 3), {}, ArgsInvalid, "as one object, or its fields by name"),
        (("a",), {}, PayloadInvalid, "JSON object"),
    ],
)
def test_args_that_do_not_fit_are_refused_at_the_enqueue(
    args: tuple[Any, ...], kwargs: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        app.handler("index").new_job(*args, **kwargs)


async def test_performing_runs_a_batch_of_one_and_a_direct_call_any() -> None:
    assert perform(index, Page("a")) == 1
    with pytest.raises(Snooze):
        perform(index, Page("a", 10))
    assert await perform(copy_rows, Row(name="x")) == "x"

    jobs = [BatchJob(Page("a")), BatchJob(Page("b", 11))]
    assert index(jobs, into=Index()) == [2, 2]
    assert [job.marked for job in jobs] == [False, True]
    assert isinstance(jobs[1].error, Snooze)
    with pytest.raises(UsageError, match="is marked already"):
        jobs[1].complete()


def test_middleware_is_around_the_one_call_of_a_batch() -> None:
    other = App()

    @other.job(batch=FEW)
    def names(jobs: list[BatchJob[Row]]) -> list[str]:
        return [job.args["name"] for job in jobs]

    @other.around_run
    def shout(_job: JobContext, call: Call) -> Any:
        assert [type(job) for job in call.args["jobs"]] == [BatchJob]
        return [name.upper() for name in call()]

    assert perform(names, Row(name="x")) == "X"


def scalar(jobs: list[BatchJob[int]]) -> None: ...


def not_a_batch(jobs: list[Page]) -> None: ...


@pytest.mark.parametrize("function", [scalar, not_a_batch])
def test_a_function_that_takes_no_batch_is_refused_when_it_is_prepared(function: Any) -> None:
    broken = App()
    broken.job(batch=FEW)(function)
    with pytest.raises(UsageError, match=r"no fields|list of BatchJob"):
        broken.prepare()


def test_what_a_batch_cannot_be_is_refused_where_it_is_defined() -> None:
    def two(jobs: list[BatchJob[Page]], more: int) -> None: ...

    def fine(jobs: list[BatchJob[Page]]) -> None: ...

    with pytest.raises(UsageError, match="takes its jobs, and resources"):
        App().job(batch=FEW)(two)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="takes one core"):
        App().job(batch=FEW, resources=Resources(cores=2))(fine)
    with pytest.raises(UsageError, match="2 or more"):
        App().job(batch=FEW, max_crashes=1)(fine)
    for name, value in [("max_jobs", 0), ("max_jobs", 1.5), ("max_jobs", 2000), ("wait_ms", -1)]:
        with pytest.raises(UsageError, match=name):
            Batch(**{name: value})  # type: ignore[arg-type]


# --- gathering ------------------------------------------------------------------------------------


def claimed(kind: str = "k", key: str | None = None, crashes: int = 0) -> ClaimedJob:
    return ClaimedJob(
        uuid7(), 1, kind, "default", "{}", 1, 25, None, "{}", 0.0, key=key, crashes=crashes
    )


def gatherer(**options: Any) -> Gatherer:
    batch = Batch(max_jobs=3, wait_ms=1000, **options)
    return Gatherer({kind: KindInfo(kind, batch=batch) for kind in ("k", "other")})


def test_a_batch_is_ripe_when_it_is_full_or_its_first_job_has_waited() -> None:
    it = gatherer()
    jobs = [claimed() for _ in range(5)]
    it.add(jobs[:2], 10.0)
    assert (it.take_ripe(10.9), it.next_at, it.room("k")) == ([], 11.0, 1)
    it.add(jobs[2:], 10.5)
    assert it.take_ripe(10.5) == jobs[:3]
    assert it.take_ripe(10.5) == []
    assert it.take_ripe(11.5) == jobs[3:]
    assert (len(it), it.next_at) == (0, float("inf"))


def test_jobs_are_gathered_by_kind_and_if_asked_by_key() -> None:
    a, b, c = claimed(key="x"), claimed(key="y"), claimed("other", key="x")
    together, apart = gatherer(), gatherer(by_key=True)
    for it in (together, apart):
        it.add([a, b, c], 0.0)
    assert [together.take_ripe(5) for _ in range(3)] == [[a, b], [c], []]
    assert [apart.take_ripe(5) for _ in range(4)] == [[a], [b], [c], []]


def test_a_job_whose_child_has_died_is_alone() -> None:
    it = gatherer()
    good, suspect = claimed(), claimed(crashes=1)
    it.add([good, suspect], 0.0)
    assert it.take_ripe(0.0) == [suspect]
    assert it.take_ripe(1.0) == [good]


def test_a_gathered_job_can_be_taken_out() -> None:
    it = gatherer()
    a, b = claimed(), claimed()
    it.add([a, b], 0.0)
    assert (it.take(a.id), it.take(a.id)) == (a, None)
    assert it.take_all() == [b]
    assert it.next_at == float("inf")
