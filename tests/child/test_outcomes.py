"""Every way in which a plain handler can end by itself, in a real child."""

from __future__ import annotations

import json
from typing import Any

import pytest

from runtime.child import current
from runtime.child.settings import ChildSettings
from runtime.outcome import Cancelled, Completed, Discarded, Failed, Failure, Snoozed
from tests.child.steering import JOB_ID, Steered, one_child

pytestmark = pytest.mark.measured


async def test_a_returned_value_is_the_output(child: Steered) -> None:
    assert await child.run("give", value={"n": [1, "ä"]}) == Completed('{"n":[1,"ä"]}')


async def test_none_is_no_output(child: Steered) -> None:
    assert await child.run("give") == Completed(None)


async def test_runs_handed_ahead_are_answered_in_their_order(child: Steered) -> None:
    seqs = [await child.hand("give", value=n) for n in range(50)]

    answers = [await child.answer(seq) for seq in seqs]

    assert answers == [Completed(str(n)) for n in range(50)]
    assert list(child.done) == seqs
    assert child.child.page.begun_seq == seqs[-1]
    assert child.child.page.rss_kib > 1000


@pytest.mark.parametrize("how", ["give_verdict", "raise_verdict"])
async def test_verdicts_count_whether_raised_or_returned(child: Steered, how: str) -> None:
    assert await child.run(how, name="snooze") == Snoozed(2.5)
    assert await child.run(how, name="discard") == Discarded(Failure("Discard", "why"))
    assert await child.run(how, name="cancel") == Cancelled(Failure("Cancel", "no"))


async def test_an_error_is_a_failure_with_the_users_frames_only(child: Steered) -> None:
    outcome = await child.run("raise_unstorable")

    assert isinstance(outcome, Failed)
    assert outcome.delay_seconds is None
    assert outcome.failure.error_class == "ValueError"
    assert outcome.failure.message == "bad \\x00 \\ud800 value"
    assert "in raise_unstorable" in outcome.failure.trace
    assert outcome.failure.trace.endswith("ValueError: bad \\x00 \\ud800 value\n")
    assert "runtime/child" not in outcome.failure.trace


async def test_an_error_of_the_users_own_is_named_with_its_module(child: Steered) -> None:
    outcome = await child.run("raise_error", name="OddError")

    assert isinstance(outcome, Failed)
    assert outcome.failure.error_class == "tests.child.apps.OddError"


@pytest.mark.parametrize("name", ["SystemExit", "KeyboardInterrupt"])
async def test_what_would_end_a_program_ends_only_the_run(child: Steered, name: str) -> None:
    outcome = await child.run("raise_error", name=name, message="1")

    assert isinstance(outcome, Failed)
    assert outcome.failure.error_class == name
    assert await child.run("give", value=1) == Completed("1")


async def test_the_handlers_own_backoff_sets_the_delay(child: Steered) -> None:
    outcome = await child.run("raise_error", name="ZeroDivisionError")

    assert isinstance(outcome, Failed)
    assert outcome.delay_seconds == 15.0  # 7.5 s times the attempt, 2


async def test_a_backoff_that_raises_is_told_beside_the_error_and_sets_none(child: Steered) -> None:
    outcome = await child.run("raise_error", name="KeyError", message="first")

    assert isinstance(outcome, Failed)
    assert outcome.delay_seconds is None
    assert outcome.failure.error_class == "KeyError"
    assert "KeyError: 'first'" in outcome.failure.trace
    assert "in the backoff function" in outcome.failure.trace


async def test_endless_recursion_fails_the_run(child: Steered) -> None:
    outcome = await child.run("recurse")

    assert isinstance(outcome, Failed)
    assert outcome.failure.error_class == "RecursionError"
    assert await child.run("give", value=1) == Completed("1")


@pytest.mark.parametrize("kind", ["give_unwritable", "give_deep"])
async def test_an_output_that_is_no_json_discards_the_job(child: Steered, kind: str) -> None:
    outcome = await child.run(kind)

    assert isinstance(outcome, Discarded)
    assert outcome.failure.error_class == "PayloadInvalid"


async def test_an_output_over_the_limit_discards_the_job() -> None:
    async with one_child(ChildSettings(output_limit_bytes=1000)) as child:
        assert isinstance(await child.run("give_letters", count=998), Completed)

        outcome = await child.run("give_letters", count=999)

        assert isinstance(outcome, Discarded)
        assert outcome.failure.error_class == "PayloadTooLarge"
        assert "1,001 bytes of JSON; the limit is 1,000" in outcome.failure.message


async def test_long_texts_are_cut_to_the_limit() -> None:
    async with one_child(ChildSettings(text_limit_bytes=2000)) as child:
        outcome = await child.run("raise_error", name="ValueError", message="y" * 10_000)

        assert isinstance(outcome, Failed)
        for text in (outcome.failure.message, outcome.failure.trace):
            assert len(text.encode()) <= 2000
            assert "bytes cut" in text


async def test_an_output_of_two_mebibytes_goes_through(child: Steered) -> None:
    outcome = await child.run("give_letters", count=2 * 1024 * 1024 - 2)

    assert isinstance(outcome, Completed)
    assert outcome.output is not None
    assert len(outcome.output) == 2 * 1024 * 1024


async def test_a_kind_that_the_app_does_not_have_fails(child: Steered) -> None:
    outcome = await child.run("no_such_kind")

    assert isinstance(outcome, Failed)
    assert outcome.failure.error_class == "UnknownKind"


async def test_args_that_do_not_fit_fail_the_run(child: Steered) -> None:
    outcome = await child.run("give", wrong=1)

    assert isinstance(outcome, Failed)
    assert outcome.failure.error_class == "TypeError"


async def test_a_handler_can_ask_for_its_job(child: Steered) -> None:
    outcome = await child.run("context")

    assert isinstance(outcome, Completed)
    assert outcome.output is not None
    assert json.loads(outcome.output) == expected_context()


def expected_context() -> list[Any]:
    metadata = {"trace": "t-1"}
    shown = f"<JobContext context {JOB_ID} attempt 2/25>"
    return [str(JOB_ID), "context", "default", 2, 25, 101, metadata, shown]


async def test_what_a_run_sets_in_its_context_is_gone_with_it(child: Steered) -> None:
    assert await child.run("count_in_context") == Completed("1")
    assert await child.run("count_in_context") == Completed("1")


def test_outside_of_a_handler_there_is_no_current_job() -> None:
    with pytest.raises(LookupError):
        current.get()
