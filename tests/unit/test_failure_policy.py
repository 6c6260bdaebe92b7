"""Failure policies and resources, as they are given: by app and by handler, checked at once."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from runtime import App, CpuTimeout, JobTimeout, Resources, UsageError, constant
from runtime.lifecycle import JobState, Run, decide
from runtime.outcome import Failed, Failure
from tests.unit.test_lifecycle import OOPS, a_run


def test_a_handlers_own_policy_goes_before_its_apps_option_by_option() -> None:
    app = App(max_attempts=7, backoff=constant(9), max_crashes=5, discard_on=ValueError)

    @app.job
    def plain() -> None: ...

    @app.job(max_attempts=2, backoff={Exception: constant(1), OSError: constant(2)})
    def own() -> None: ...

    assert plain.new_job().max_attempts == 7
    assert own.new_job().max_attempts == 2
    assert (plain.info().backoff, plain.info().max_crashes) == (constant(9), 5)
    assert plain.backoff_for(1, OSError()) is None, "the node has it"
    assert own.info().backoff == constant(1), "where no error is at hand"
    assert own.backoff_for(1, TimeoutError()) == 2
    assert own.backoff_for(1, ZeroDivisionError()) == 1
    assert plain.gives_up_on(UnicodeError())
    assert own.gives_up_on(UnicodeError())
    assert not own.gives_up_on(OSError())


def test_what_a_node_brings_about_is_not_retried_if_that_is_said() -> None:
    app = App()

    @app.job(discard_on=(JobTimeout, MemoryError))
    def stern() -> None: ...

    @app.job(retry_on=(OSError,))
    def picky() -> None: ...

    assert stern.info().discards == ("JobTimeout", "CpuTimeout", "OutOfMemory")
    assert picky.info().discards == ()
    assert stern.gives_up_on(CpuTimeout())
    assert not picky.gives_up_on(JobTimeout()), "retry_on is about what it raises itself"


def test_resources_reach_the_node() -> None:
    app = App()
    limits = Resources(timeout=timedelta(minutes=1), cpu_timeout=2, memory_mib=64, nice=3, cores=2)

    @app.job(resources=limits)
    def heavy() -> None: ...

    info = heavy.info()
    assert (info.timeout_seconds, info.cpu_timeout_seconds) == (60.0, 2.0)
    assert (info.memory_mib, info.nice, info.cores) == (64, 3, 2)


def _async_with_limits() -> None:
    @App().job(resources=Resources(memory_mib=64))
    async def heavy() -> None: ...


def _two_timeouts() -> None:
    @App().job(timeout=1, resources=Resources(timeout=2))
    def heavy() -> None: ...


async def _async_hook(_job: Any, _error: BaseException) -> None: ...


def _two_hooks() -> None:
    app = App()
    for _ in range(2):
        app.on_error(lambda job, error: None)


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: Resources(cpu_timeout=0),
        lambda: Resources(memory_mib=0),
        lambda: Resources(nice=20),
        lambda: Resources(nice=True),
        lambda: Resources(cores=0),
        lambda: App(backoff=3),  # type: ignore[arg-type]
        lambda: App(backoff={OSError: 3}),  # type: ignore[dict-item]
        lambda: App(backoff={3: constant(1)}),  # type: ignore[dict-item]
        lambda: App(retry_on="OSError"),  # type: ignore[arg-type]
        lambda: App(discard_on=(OSError, 3)),  # type: ignore[arg-type]
        lambda: App(max_crashes=0),
        lambda: App(max_attempts=0),
        lambda: App().on_error(_async_hook),  # type: ignore[type-var]
        _async_with_limits,
        _two_timeouts,
        _two_hooks,
    ],
)
def test_what_cannot_be_is_refused_where_it_is_given(wrong: Callable[[], object]) -> None:
    with pytest.raises(UsageError):
        wrong()


def test_the_crash_that_uses_up_the_budget_quarantines_its_job() -> None:
    run = a_run(attempt=1, max_attempts=25)
    within = decide(Run(run.id, 5, 2, 25, crashes=1), Failed(OOPS, crashed=True))
    beyond = decide(Run(run.id, 5, 3, 25, crashes=2), Failed(OOPS, crashed=True))
    raised = decide(Run(run.id, 5, 3, 25, crashes=2), Failed(OOPS))

    assert (within.state, within.crashed, within.failure) == (JobState.RETRYABLE, True, OOPS)
    assert (beyond.state, beyond.crashed) == (JobState.DISCARDED, True)
    assert beyond.failure == Failure(
        "Quarantined",
        "3 of its runs have killed their process (max_crashes is 3); the last: ValueError: oops",
    )
    assert (raised.state, raised.crashed) == (JobState.RETRYABLE, False)
