"""What surrounds handlers: which resource a parameter gets, and what an enqueue passes."""

from __future__ import annotations

import asyncio
import importlib
import pickle
from collections.abc import Callable, Iterator
from typing import Annotated, Any

import msgspec
import pytest

from runtime import App, NewJob, UsageError, current_job, injected
from runtime.child.context import JobContext
from runtime.errors import ArgsInvalid, PayloadInvalid, PayloadTooLarge
from runtime.middleware import Call
from runtime.testing import perform

cloudpickle = importlib.import_module("cloudpickle")  # it has no types
Next = Callable[[NewJob], NewJob]


class Model:
    """A resource."""

    def __init__(self, name: str = "") -> None:
        self.name = name


class Other:
    """Another."""


app = App()
closed: list[str] = []


@app.resource(scope="child")
def model() -> Iterator[Model]:
    yield Model("real")
    closed.append("model")


@app.job
def use(times: int = 1, *, it: Model = injected) -> str:
    return it.name * times


@app.job
async def use_later(*, it: Model = injected) -> str:
    await asyncio.sleep(0)
    return it.name


def test_a_resource_is_no_part_of_the_args() -> None:
    assert use.new_job(times=2).args == '{"times":2}'
    with pytest.raises(ArgsInvalid, match="'it'"):
        use.new_job(it=Model())
    assert str(use.resources()) == "(<Resource model, of each child>,)"


def test_a_direct_call_gives_its_resources_itself() -> None:
    assert use(2, it=Model("x")) == "xx"
    assert asyncio.run(use_later(it=Model("y"))) == "y"
    with pytest.raises(UsageError, match="use: it is injected into jobs; give it"):
        use(2)


def test_perform_sets_resources_up_unless_they_are_given() -> None:
    closed.clear()
    assert perform(use, times=2) == "realreal"
    assert closed == ["model"]
    assert asyncio.run(perform(use_later)) == "real"
    assert perform(use, it=Model("z")) == "z"
    assert closed == ["model", "model"]


def test_the_marker_stays_itself_across_processes() -> None:
    copy = pickle.loads(cloudpickle.dumps(app))
    assert pickle.loads(pickle.dumps(injected)) is injected
    assert str(copy.handler("use")) == str(use) == "<SyncHandler use(times: 'int' = 1) -> 'str'>"


# --- what cannot be -------------------------------------------------------------------------------


def circle(it: Other) -> Model:
    return Model(str(it))


def other_of(it: Model) -> Other:
    return Other()


def plain_other() -> Other:
    return Other()


async def async_other() -> Other:
    return Other()


def second_other() -> Other:
    return Other()


def of_each_run() -> Other:
    return Other()


def silent_yield() -> Any:
    yield 1


def takes_other(*, it: Other = injected) -> None: ...


def takes_model(*, it: Model = injected) -> None: ...


def takes_second(*, it: Annotated[Other, "of mine"] = injected) -> None: ...


@pytest.mark.parametrize(
    ("handler", "resources", "message"),
    [
        (takes_other, {}, "no resource gives .*Other.*; the app's resources: none"),
        (takes_model, {circle: {}, other_of: {}}, "circle -> other_of -> circle"),
        (takes_other, {async_other: {}}, "takes_other is not async, and its resource async_other"),
        (takes_second, {plain_other: {}, second_other: {}}, "plain_other, second_other: say"),
        (takes_model, {circle: {}, of_each_run: {"scope": "run"}}, "circle -> of_each_run: a res"),
        (takes_other, {silent_yield: {}}, "silent_yield yields: annotate"),
    ],
)
def test_a_resource_that_cannot_be_had_is_found_when_the_app_is_prepared(
    handler: Callable[..., Any], resources: dict[Callable[..., Any], dict[str, Any]], message: str
) -> None:
    broken = App()
    broken.job(handler)
    for function, options in resources.items():
        broken.resource(**options)(function)
    with pytest.raises(UsageError, match=message):
        broken.prepare()


def test_what_cannot_surround_is_refused_where_it_is_defined() -> None:
    def by_position(it: Model = injected) -> None: ...

    def yields(job: object, call: object) -> Iterator[int]:
        yield 1

    with pytest.raises(UsageError, match="by name alone"):
        App().job(by_position)
    with pytest.raises(UsageError, match="only a resource of scope child can be eager"):
        app.resource(scope="run", eager=True)(plain_other)
    with pytest.raises(UsageError, match='"child" or "run"'):
        app.resource(scope="node")(plain_other)  # type: ignore[call-overload]
    with pytest.raises(UsageError, match="yields; a middleware returns"):
        app.around_run(yields)
    with pytest.raises(UsageError, match="is a plain function, as the handler is"):
        use.around_run(async_other)
    with pytest.raises(UsageError, match="takes a plain function"):
        app.around_enqueue(async_other)  # type: ignore[type-var]


# --- around runs ----------------------------------------------------------------------------------


def test_without_middleware_a_call_goes_straight_to_the_function() -> None:
    bare = App()

    @bare.job
    def plain(a: int) -> int:
        return a

    bare.prepare()
    assert plain._invoke is plain._function


def test_middleware_that_is_defined_later_counts_too() -> None:
    late = App()

    @late.job
    def double(number: int, /, by: int = 2) -> int:
        return number * by

    assert perform(double, 2) == 4

    @late.around_run
    def more(job: JobContext, call: Call) -> Any:
        call.args["by"] += 1
        assert job is current_job()
        return call() + 100

    assert perform(double, 2) == 106


# --- around enqueues ------------------------------------------------------------------------------


def stamped() -> App:
    made = App()

    @made.job(queue="q")
    def greet(name: str) -> str:
        return name

    @made.around_enqueue
    def stamp(job: NewJob, call: Next) -> NewJob:
        seen = call(msgspec.structs.replace(job, tags=(*job.tags, "outer")))
        return msgspec.structs.replace(seen, tags=(*seen.tags, "again"))

    @made.around_enqueue
    def decide(job: NewJob, call: Next) -> NewJob:
        match msgspec.json.decode(job.args)["name"]:
            case "refused":
                raise PermissionError("not you")
            case "args":
                return call(msgspec.structs.replace(job, args='{"name":"changed"}'))
            case "wrong":
                return call(msgspec.structs.replace(job, args='{"name":1}'))
            case "nul":
                return call(msgspec.structs.replace(job, args='{"name":"\\u0000"}'))
            case "large":
                return call(msgspec.structs.replace(job, args=f'{{"name":"{"x" * 3_000_000}"}}'))
            case "kind":
                return call(msgspec.structs.replace(job, kind="other"))
            case "nothing":
                return None  # type: ignore[return-value]
        return call(msgspec.structs.replace(job, tags=(*job.tags, "inner")))

    return made


def test_a_job_passes_what_is_around_its_enqueue() -> None:
    greet = stamped().handler("greet")
    assert greet.new_job(name="you").tags == ("outer", "inner", "again")
    assert greet.new_job(name="args").args == '{"name":"changed"}'
    with pytest.raises(PermissionError, match="not you"):
        greet.with_options(tags=["x"]).new_job(name="refused")


def test_a_uniqueness_is_that_of_the_job_that_is_sent() -> None:
    greet = stamped().handler("greet").with_options(unique=True)
    changed, same = greet.new_job(name="args"), greet.new_job(name="changed")
    assert changed.unique_key == same.unique_key is not None


@pytest.mark.parametrize(
    ("name", "error", "message"),
    [
        ("wrong", ArgsInvalid, "name"),
        ("nul", PayloadInvalid, "NUL"),
        ("large", PayloadTooLarge, "args is 3,000,011 bytes"),
        ("kind", UsageError, "made other"),
        ("nothing", UsageError, r"decide, around enqueue, returned None; return call\(job\)"),
    ],
)
def test_what_a_middleware_made_of_a_job_is_held_to_the_same_rules(
    name: str, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        stamped().handler("greet").new_job(name=name)
