"""From errors to outcomes, where no process is needed."""

from __future__ import annotations

import traceback
from typing import Any

import pytest

from runtime.child.ending import Judge, chain
from runtime.child.settings import ChildSettings
from runtime.errors import JobCancelled, JobTimeout, RunStopped
from runtime.outcome import Cancelled, Completed, Discarded, Failed, GivenBack, Outcome, Verdict
from runtime.wire import Done, encode
from tests.child.apps import SmallHandler

judge = Judge(ChildSettings(text_limit_bytes=4096, output_limit_bytes=100))


class Plain(SmallHandler):
    def __init__(self) -> None:
        super().__init__(len)


def raised(error: BaseException) -> BaseException:
    """The error with a traceback."""
    try:
        raise error
    except BaseException as caught:
        return caught


def of_error(error: BaseException) -> Outcome:
    outcome = judge.of_error(Plain(), 1, raised(error))
    encode(Done(1, 0.0, outcome))  # whatever is in it can be sent
    return outcome


class UnprintableError(Exception):
    def __str__(self) -> str:
        raise ValueError("no words")


def test_an_error_without_a_message_that_can_be_had_still_fails_the_run() -> None:
    outcome = of_error(UnprintableError())

    assert isinstance(outcome, Failed)
    assert outcome.failure.error_class == "tests.child.test_ending.UnprintableError"
    assert "ValueError" in outcome.failure.message


def test_a_trace_that_cannot_be_had_is_said_to_be_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise MemoryError

    monkeypatch.setattr(traceback.TracebackException, "from_exception", fail)
    outcome = of_error(ValueError("x"))

    assert isinstance(outcome, Failed)
    assert outcome.failure.trace == "ValueError (its trace cannot be had: MemoryError)"


def test_the_locals_of_a_handler_that_ran_out_of_memory_are_let_go() -> None:
    class Big:
        alive = True

        def __del__(self) -> None:
            Big.alive = False

    def handler() -> None:
        big = Big()
        raise MemoryError(f"{big!r:.0}")

    try:
        handler()
    except MemoryError as error:
        outcome = judge.of_error(Plain(), 1, error)
        assert not Big.alive
    assert isinstance(outcome, Failed)
    assert "in handler" in outcome.failure.trace


def test_groups_and_causes_are_in_the_trace() -> None:
    group = ExceptionGroup("both", [ValueError("left"), KeyError("right")])
    group.__cause__ = OSError("the cause")
    outcome = of_error(group)

    assert isinstance(outcome, Failed)
    for text in ("both", "left", "right", "the cause"):
        assert text in outcome.failure.trace


@pytest.mark.parametrize(
    ("interruption", "kind"),
    [(JobTimeout, Failed), (JobCancelled, Cancelled), (RunStopped, GivenBack)],
)
def test_the_reason_of_an_interrupt_decides(interruption: Any, kind: type[Outcome]) -> None:
    wrapped = ValueError("wrapped")
    wrapped.__context__ = interruption("reason")

    assert isinstance(of_error(interruption("reason")), kind)
    assert isinstance(of_error(wrapped), kind)


def test_an_interrupt_whose_context_was_suppressed_does_not_count() -> None:
    error = ValueError("unrelated")
    error.__context__ = RunStopped("stop")
    error.__suppress_context__ = True

    assert isinstance(of_error(error), Failed)


def test_a_chain_that_bites_its_tail_ends() -> None:
    one, other = ValueError("1"), ValueError("2")
    one.__cause__, other.__cause__ = other, one

    assert list(chain(one)) == [one, other]


def test_a_verdict_of_an_unknown_kind_fails_the_run() -> None:
    class Later(Verdict):
        """One of the user's own making."""

    assert isinstance(of_error(Later("?")), Failed)


def test_outputs_up_to_the_limit_complete_and_larger_ones_are_discarded() -> None:
    assert judge.of_value(Plain(), "x" * 98) == Completed('"' + "x" * 98 + '"')
    assert isinstance(judge.of_value(Plain(), "x" * 99), Discarded)
    assert isinstance(judge.of_value(Plain(), "ä" * 50), Discarded)  # bytes count, not characters


def test_an_encoder_that_raises_anything_discards_the_job() -> None:
    class Broken(Plain):
        def encode_output(self, value: Any, /) -> str | None:
            raise SystemExit(1)

    outcome = judge.of_value(Broken(), 1)

    assert isinstance(outcome, Discarded)
    assert outcome.failure.error_class == "PayloadInvalid"
