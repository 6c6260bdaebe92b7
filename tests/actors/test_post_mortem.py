"""The post-mortem: what a child's death means for the run that it was in."""

from __future__ import annotations

from uuid import UUID

import pytest

from actors.post_mortem import Death, outcome_of
from actors.runs import HeldRun
from runtime.job import ClaimedJob, KindInfo
from runtime.outcome import Cancelled, Discarded, Failed, GivenBack

SEGFAULT = Death(42, "signal", signal="SIGSEGV", stack="File app.py, line 3")


def run(reason: str | None = None) -> HeldRun:
    job = ClaimedJob(UUID(int=1), 1, "kind", "default", "{}", 1, 25, None, "{}", 0.0)
    return HeldRun(1, job, KindInfo("kind"), 3.0, begun_at=1.0, reason=reason)


def test_a_segfault_fails_the_run_with_pid_signal_and_stack() -> None:
    outcome = outcome_of(run(), SEGFAULT, halted=False)

    assert isinstance(outcome, Failed)
    failure = outcome.failure
    assert failure.error_class == "ChildDied"
    assert (failure.pid, failure.signal, failure.trace) == (42, "SIGSEGV", "File app.py, line 3")
    assert "pid 42 killed by SIGSEGV" in failure.message


def test_an_exit_tells_its_status() -> None:
    outcome = outcome_of(run(), Death(42, "exit", exit_status=3), halted=False)

    assert isinstance(outcome, Failed)
    assert outcome.failure.exit_status == 3
    assert "exited with status 3" in outcome.failure.message


def test_a_kill_that_was_not_ours_hints_at_memory() -> None:
    death = Death(42, "signal", signal="SIGKILL", max_rss_kib=2048)
    outcome = outcome_of(run(), death, halted=False)

    assert isinstance(outcome, Failed)
    assert "memory" in outcome.failure.message
    assert "2 MiB" in outcome.failure.message


def test_a_run_killed_for_a_step_of_it_fails_with_that_and_is_charged() -> None:
    outcome = outcome_of(run("step"), Death(42, "killed", signal="SIGKILL"), halted=False)

    assert isinstance(outcome, Failed)
    assert outcome.crashed
    assert outcome.failure.error_class == "StepTimeout"
    assert "a step went on past its timeout" in outcome.failure.message


def test_a_run_killed_for_its_timeout_fails_with_it() -> None:
    outcome = outcome_of(run("timeout"), Death(42, "killed", signal="SIGKILL"), halted=False)

    assert isinstance(outcome, Failed)
    assert outcome.failure.error_class == "JobTimeout"
    assert "timeout of 3 s" in outcome.failure.message


def test_a_run_killed_for_its_cancellation_is_cancelled() -> None:
    outcome = outcome_of(run("cancel"), Death(42, "killed", signal="SIGKILL"), halted=False)

    assert isinstance(outcome, Cancelled)


@pytest.mark.parametrize(
    ("reason", "death", "halted"),
    [
        ("stop", Death(42, "killed", signal="SIGKILL"), False),
        (None, Death(42, "killed", signal="SIGKILL"), True),
        (None, Death(42, "lease", signal="SIGKILL"), False),
        ("neighbour", Death(42, "killed", signal="SIGKILL"), False),
    ],
)
def test_a_run_that_was_not_at_fault_goes_back(
    reason: str | None, death: Death, halted: bool
) -> None:
    assert isinstance(outcome_of(run(reason), death, halted), GivenBack)


def test_a_run_whose_fork_server_died_fails_counted_lest_it_did_that_itself() -> None:
    outcome = outcome_of(run(), Death(42, "server", signal="SIGKILL"), halted=False)

    assert isinstance(outcome, Failed)
    assert "fork server" in outcome.failure.message


@pytest.mark.parametrize(
    ("death", "alone", "charged"),
    [
        (SEGFAULT, True, True),
        (Death(42, "exit", exit_status=0), True, True),
        (Death(42, "oom", signal="SIGKILL", max_rss_kib=2048), True, True),
        (SEGFAULT, False, False),
        (Death(42, "server", signal="SIGKILL"), True, False),
    ],
)
def test_a_death_is_charged_where_no_other_run_can_have_done_it(
    death: Death, alone: bool, charged: bool
) -> None:
    outcome = outcome_of(run(), death, halted=False, alone=alone)

    assert isinstance(outcome, Failed)
    assert outcome.crashed is charged


@pytest.mark.parametrize(
    ("reason", "error_class", "crashed"),
    [
        ("timeout", "JobTimeout", False),
        ("cpu", "CpuTimeout", False),
        ("memory", "OutOfMemory", True),
    ],
)
def test_a_kill_of_our_own_is_told_by_its_reason(
    reason: str, error_class: str, crashed: bool
) -> None:
    held = run(reason)
    held.info = KindInfo("kind", cpu_timeout_seconds=2.0, memory_mib=1)
    killed = Death(42, "killed", signal="SIGKILL", max_rss_kib=2048)
    outcome = outcome_of(held, killed, halted=False)

    assert isinstance(outcome, Failed)
    assert (outcome.failure.error_class, outcome.crashed) == (error_class, crashed)
    held.info = KindInfo("kind", discards=(error_class,), cpu_timeout_seconds=2.0, memory_mib=1)
    assert isinstance(outcome_of(held, killed, halted=False), Discarded)


def test_a_kernels_kill_for_memory_is_told_as_such() -> None:
    death = Death(42, "oom", signal="SIGKILL", max_rss_kib=4096)
    outcome = outcome_of(run(), death, halted=False)

    assert isinstance(outcome, Failed)
    assert outcome.failure.error_class == "OutOfMemory"
    assert "which had 4 MiB at its peak" in outcome.failure.message


def test_a_run_killed_at_its_deadline_is_discarded() -> None:
    outcome = outcome_of(run("expired"), Death(42, "killed", signal="SIGKILL"), halted=False)

    assert isinstance(outcome, Discarded)
    assert outcome.failure.error_class == "Expired"
