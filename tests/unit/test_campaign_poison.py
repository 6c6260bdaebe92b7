"""The judge of the campaign `poison`: each way of ending otherwise is caught."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import attrs
import pytest

from scripts.campaigns.endings import ENDINGS, SERVER_KILLERS, Ended, Told, known, shown, wrongs
from scripts.campaigns.poisons import app

SEGFAULT = Told(
    1,
    "ChildDied",
    "the worker process ended during the run: pid 7 killed by SIGSEGV",
    "Fatal Python error ... in segfaults",
    pid=7,
    exit_status=None,
    signal="SIGSEGV",
)
AGAIN = attrs.evolve(SEGFAULT, run_number=2)
GOOD = Ended("segfaults", "discarded", (SEGFAULT, AGAIN))
WITH_SERVER = attrs.evolve(
    SEGFAULT, message="pid 7 died with its fork server", trace="", signal="SIGKILL"
)


def test_each_poison_has_an_ending_and_each_ending_a_poison() -> None:
    poisons = {kind for kind, each in app.handlers.items() if ".poisons" in each.__module__}
    assert set(ENDINGS) == poisons
    assert set(ENDINGS) > SERVER_KILLERS


def test_a_poison_that_ends_as_it_must_passes() -> None:
    assert list(wrongs(GOOD)) == []
    assert shown(GOOD)
    assert shown(Ended("hangs_at_exit", "completed"))


def test_a_failure_that_another_poison_caused_neither_counts_nor_shows() -> None:
    hit = Ended("segfaults", "discarded", (WITH_SERVER, attrs.evolve(WITH_SERVER, run_number=2)))

    assert list(wrongs(hit)) == []
    assert not shown(hit)
    assert shown(attrs.evolve(hit, failures=(WITH_SERVER, AGAIN)))


def test_a_run_that_had_not_begun_does_not_tell_how_soon_its_death_was_known() -> None:
    """Its server was killed by another one: it looks as if it had done that itself."""
    job, server = UUID(int=1), attrs.evolve(WITH_SERVER, run_number=2, at=5.0)
    killer = Ended("kills_its_parent", "discarded", (attrs.evolve(server, run_number=1), server))

    assert list(known({(job, 1): 4.5}, {job: killer})) == [0.5]
    assert list(known({(job, 1): 4.5}, {job: Ended("hangs_at_exit", "completed")})) == []


@pytest.mark.parametrize(
    "change",
    [
        {"error_class": "JobTimeout"},
        {"signal": "SIGKILL"},
        {"signal": None},
        {"exit_status": 1},
        {"pid": None},
        {"message": "it ended"},
        {"trace": ""},
    ],
    ids=lambda change: next(iter(change)),
)
def test_a_failure_that_is_not_as_it_must_be_is_caught(change: dict[str, Any]) -> None:
    wrong = attrs.evolve(SEGFAULT, **change)

    assert len(list(wrongs(attrs.evolve(GOOD, failures=(wrong, AGAIN))))) == 1


def test_a_job_that_ends_in_another_state_or_at_another_attempt_is_caught() -> None:
    assert len(list(wrongs(attrs.evolve(GOOD, state="completed")))) == 1
    assert len(list(wrongs(attrs.evolve(GOOD, failures=(SEGFAULT,))))) == 1
    assert len(list(wrongs(attrs.evolve(GOOD, failures=())))) == 1
