"""Whatever is asked of a Store, in whatever order: it answers and holds what the model does.

In the suite the same two thousand steps are made each time. To look further, with other steps each
time, fifty an example (a disagreement is printed as the shortest program that shows it):

    HEADRACE_TEST_MACHINE_EXAMPLES=2000 python -m pytest tests/store/machine -k agrees \\
        -o faulthandler_timeout=0
"""

from __future__ import annotations

import os
from functools import partial

import pytest
import trio
import trio.testing
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.store.machine.backends import Backend, MemoryBackend, PostgresBackend
from tests.store.machine.laws import Disagreement
from tests.store.machine.machine import StoreMachine
from tests.store.machine.mutants import MUTANTS, Mutant

pytestmark = pytest.mark.untraced

EXAMPLES = int(os.environ.get("HEADRACE_TEST_MACHINE_EXAMPLES", "0"))
STEPS = 50

at_length = pytest.mark.timeout(0 if EXAMPLES else 120)


def machine_settings(examples: int) -> settings:
    """So many examples, or as many as the environment wants."""
    return settings(
        max_examples=EXAMPLES or examples,
        stateful_step_count=STEPS,
        derandomize=not EXAMPLES,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        report_multiple_bugs=False,
    )


async def run_machine(backend: Backend, wanted: settings) -> None:
    """Hypothesis in a thread, the Store in this one."""

    class Machine(StoreMachine):
        def __init__(self) -> None:
            super().__init__(backend)

    await trio.to_thread.run_sync(partial(run_state_machine_as_test, Machine, settings=wanted))


@at_length
async def test_postgresql_agrees_with_the_model(postgres: PostgresBackend) -> None:
    await run_machine(postgres, machine_settings(20))


@at_length
async def test_the_store_in_memory_agrees_with_the_model(
    mock_clock: trio.testing.MockClock,
) -> None:
    await run_machine(MemoryBackend(), machine_settings(20))


async def take_steps(backend: Backend, mutant: Mutant) -> None:
    """A mutant's steps, without Hypothesis."""

    def run() -> None:
        machine = StoreMachine(backend)
        machine.the_store_holds_what_the_model_holds()
        for command in mutant.steps:
            machine.step(command)
            machine.the_store_holds_what_the_model_holds()

    await trio.to_thread.run_sync(run)


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.wrong)
async def test_a_faulty_statement_is_found(
    postgres: PostgresBackend, monkeypatch: pytest.MonkeyPatch, mutant: Mutant
) -> None:
    await take_steps(postgres, mutant)
    monkeypatch.setattr("runtime.sql.load", mutant.loader())

    with pytest.raises(Disagreement):
        await take_steps(postgres, mutant)
