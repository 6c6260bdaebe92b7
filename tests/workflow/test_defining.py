"""What may be a workflow, what its kind is, and what is around it as around any handler."""

from __future__ import annotations

import pickle
from typing import Any
from uuid import UUID

import cloudpickle  # type: ignore[import-untyped, unused-ignore]
import pytest

from runtime import (
    App,
    ArgsInvalid,
    AsyncContext,
    ChildFailed,
    ChildrenFailed,
    Context,
    SignalTimeout,
    StepFailed,
    UsageError,
    WorkflowChanged,
    injected,
)
from runtime.codec import AesGcm
from runtime.outcome import Completed
from tests.workflow.world import World


def test_the_context_is_no_arg() -> None:
    app = App()

    @app.workflow(queue="flows", priority=3)
    def flow(ctx: Context, number: int = 5) -> int:
        return number

    job = flow.new_job(7)
    assert (job.kind, job.args, job.queue, job.priority) == ("flow", '{"number":7}', "flows", 3)
    with pytest.raises(ArgsInvalid, match=r"flow\(number: 'int' = 5\)"):
        flow.new_job(1, 2)  # type: ignore[call-arg]
    with pytest.raises(ArgsInvalid):
        flow.new_job(ctx=5)  # type: ignore[call-arg]


def test_versions_are_kinds_of_their_own() -> None:
    app = App()

    @app.workflow(kind="order")
    def first(ctx: Context) -> str:
        return "old"

    @app.workflow(kind="order", version="2")
    def second(ctx: Context) -> str:
        return "new"

    @app.workflow(kind="order", version=3, aliases=["order@2.5"])
    def third(ctx: Context) -> str:
        return "newest"

    assert list(app.handlers) == ["order", "order@2", "order@3", "order@2.5"]
    assert second.new_job().kind == "order@2"


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda app: app.workflow(kind="a")(lambda: None), "takes no context"),
        (lambda app: app.workflow(5), "takes a function"),
        (lambda app: app.workflow(kind="a@b", version=1)(lambda ctx: None), "no @ in either"),
        (lambda app: app.workflow(kind="a", version="b c")(lambda ctx: None), "cannot be a kind"),
        (lambda app: app.workflow(kind="a")(lambda ctx, *more: None), r"takes \*more"),
    ],
)
def test_what_cannot_be_a_workflow_is_refused(make: Any, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        make(App())


def test_it_stays_callable_within_another_workflow() -> None:
    app = App()

    @app.workflow
    def inner(ctx: Context, number: int) -> int:
        return ctx.step("double", lambda: number * 2)

    @app.workflow
    def outer(ctx: Context) -> int:
        return inner(ctx, 5) + inner(ctx, 6)

    world = World(app, "outer")
    world.finish()
    assert world.output == 22
    assert list(world.steps) == ["1", "2"]


class Box:
    """A resource."""


def test_resources_and_middleware_are_around_it() -> None:
    app = App()
    seen: list[Any] = []

    @app.resource
    def box() -> Box:
        return Box()

    @app.around_run
    def around(job: Any, call: Any) -> Any:
        seen.append(dict(call.args))
        call.args["number"] += 1
        return call()

    @app.workflow
    def flow(ctx: Context, number: int, *, box: Box = injected) -> int:
        assert isinstance(box, Box)
        return ctx.step("a", lambda: number)

    world = World(app, "flow", number=5)
    world.finish()
    assert world.output == 6
    assert seen == [{"number": 5}]


def test_an_app_with_workflows_crosses_processes() -> None:
    app = App()

    @app.workflow
    def flow(ctx: Context) -> int:
        return ctx.step("a", lambda: 1)

    @app.workflow
    async def async_flow(ctx: AsyncContext) -> int:
        return await ctx.step("a", lambda: 1)

    copy = pickle.loads(cloudpickle.dumps(app))
    for kind in ("flow", "async_flow"):
        world = World(copy, kind)
        world.finish()
        assert world.output == 1


def test_what_is_recorded_is_sealed() -> None:
    app = App(codec=AesGcm({"k": b"0123456789abcdef" * 2}))

    @app.job
    def secret(word: str) -> str:
        return f"{word} of a child"

    @app.workflow
    def flow(ctx: Context) -> list[str]:
        first = ctx.step("secret", lambda: "a secret")
        ctx.publish("secret", "a secret")
        return [first, ctx.run(secret, "a secret")]

    world = World(app, "flow")
    outcome = world.finish()
    assert isinstance(outcome, Completed)
    assert "a secret" not in repr(world.steps) + repr(world.jobs) + repr(world.results)
    assert "a secret" not in repr(world.published)
    world.runs = 10
    again = world.run()
    assert isinstance(again, Completed)
    sealer = app.sealer
    opened = [
        sealer.unseal("output", each.output or "", "flow", UUID(int=world_id))
        for each, world_id in ((outcome, _ID), (again, _ID))
    ]
    assert opened == ['["a secret","a secret of a child"]'] * 2


_ID = UUID("018f0000-0000-7000-8000-000000000001").int


def test_errors_cross_processes() -> None:
    child = ChildFailed(UUID(int=5), "discarded", "ValueError", "m", 3)
    for error in (
        StepFailed("a", "ValueError", "m"),
        SignalTimeout("s"),
        child,
        ChildrenFailed(1, 2, (child,)),
        WorkflowChanged("1", "step 'a'", "step 'b'"),
    ):
        copy = pickle.loads(pickle.dumps(error))
        assert (type(copy), str(copy)) == (type(error), str(error))
        assert repr(vars(copy)) == repr(vars(error))
