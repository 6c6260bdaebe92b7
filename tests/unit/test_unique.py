"""What makes jobs the same, and why no run's end can meet another's key."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import timedelta
from itertools import chain, combinations
from typing import Any

import pytest

from runtime import App, JobState, Kind, Unique, UsageError
from runtime.child import JobContext, current
from runtime.lifecycle import FINAL_STATES, TRANSITIONS
from runtime.unique import BEFORE_ITS_RUN, DEFAULT_STATES, UNFINISHED, holds_key, is_closed
from runtime.wire import Run

ALL_SETS = [
    frozenset(states)
    for states in chain.from_iterable(combinations(JobState, size) for size in range(9))
]


def _enters_another_way(states: frozenset[JobState]) -> bool:
    """Whether a transition that nobody asks for leads into a state in which a job holds its key."""
    bits = "".join("1" if state in states else "0" for state in _in_order())
    for (before, after), word in TRANSITIONS.items():
        if word == "retry":
            continue  # by hand; it may be refused
        for runs in (0, 1):
            runs_after = runs + (after is JobState.RUNNING)
            ran = before not in (*BEFORE_ITS_RUN, JobState.CANCELLED)
            if ran and runs == 0:
                continue  # such a job has begun a run
            if not holds_key(before, bits, runs) and holds_key(after, bits, runs_after):
                return True
    return False


def _in_order() -> list[JobState]:
    names = "available scheduled pending running retryable cancelled discarded completed"
    return [JobState(name) for name in names.split()]


def test_a_set_of_states_is_taken_if_and_only_if_no_transition_leads_into_it() -> None:
    taken = {states for states in ALL_SETS if is_closed(states)}
    assert {UNFINISHED, DEFAULT_STATES, BEFORE_ITS_RUN, UNFINISHED | FINAL_STATES} <= taken
    assert len(taken) == 2**3 + 2
    assert not any(_enters_another_way(states) for states in taken)
    for states in ALL_SETS:
        if JobState.RUNNING in states and states not in taken:
            assert _enters_another_way(states), states


def _text(unique: Unique, args: str, *, kind: str = "mail", queue: str = "default") -> str:
    return unique.text(kind, queue, args)


def test_the_key_is_the_hash_of_a_text_that_can_be_made_anywhere() -> None:
    text = '{"args":{"a":{"x":"ä","y":[1,2.5]},"b":null},"kind":"mail"}'
    given = '{"b": null, "a": {"y": [1.0, 2.5], "x": "\\u00e4"}}'
    assert _text(Unique(), given) == text
    assert Unique().key("mail", "default", given) == hashlib.sha256(text.encode()).digest()


@pytest.mark.parametrize(
    ("unique", "text"),
    [
        (Unique(args=("user", "none")), '{"args":{"user":7},"kind":"mail"}'),
        (Unique(args=False), '{"kind":"mail"}'),
        (Unique(args=False, kind=False, queue=True), '{"queue":"default"}'),
        (Unique(kind=False), '{"args":{"n":1,"user":7}}'),
    ],
)
def test_only_what_is_named_counts(unique: Unique, text: str) -> None:
    assert _text(unique, '{"user":7,"n":1}') == text


@pytest.mark.parametrize(
    ("options", "part"),
    [
        ({"args": "user"}, "args is True, False or names"),
        ({"args": ()}, "names none"),
        ({"args": False, "kind": False}, "all jobs would be the same"),
        ({"kind": "mail"}, "kind is True or False"),
        ({"period": 0}, "period is 0"),
        ({"period": float("nan")}, "period is nan"),
        ({"states": ["running"]}, "another holds"),
        ({"states": ["sleeping"]}, "another holds"),
        ({"states": 3}, "another holds"),
        ({"on_conflict": "ignore"}, "keep, replace or fail"),
        ({"replace": ("state",)}, "replace names some of args"),
        ({"replace": "args"}, "replace names some of args"),
    ],
)
def test_what_cannot_be_is_refused_with_the_reason(options: dict[str, Any], part: str) -> None:
    with pytest.raises(UsageError, match="unique: ") as caught:
        Unique(**options)
    assert part in str(caught.value)


def test_states_and_periods_may_be_given_as_they_come() -> None:
    unique = Unique(period=timedelta(minutes=1), states=["available", "scheduled", "pending"])
    assert (unique.period, unique.unique_states) == (60.0, "11100000")


def test_a_handler_knows_which_args_it_has_and_may_be_unique_no_more() -> None:
    app = App()

    @app.job(unique=Unique(args=("user",)))
    def mail(user: int, text: str = "") -> None: ...

    @app.job(unique=True)
    def anything(**args: int) -> None: ...

    one, other = mail.new_job(1), mail.new_job(1, "hello")
    assert one.unique_key == other.unique_key != mail.new_job(2).unique_key
    assert mail.with_options(unique=False).new_job(1).unique_key is None
    assert anything.with_options(unique=Unique(args=("n",))).new_job(n=1).unique_key
    with pytest.raises(UsageError, match="unique names 'nobody'"):
        mail.with_options(unique=Unique(args=("nobody",)))
    with pytest.raises(UsageError, match="unique is a Unique"):
        mail.with_options(unique="yes")  # type: ignore[arg-type]


def test_a_key_is_a_parameter_a_function_of_the_args_or_text() -> None:
    app = App()

    @app.job(key="user")
    def by_name(user: int, n: int = 3) -> None: ...

    @app.job(key=lambda user, n, **_: f"{user}/{n}")
    def by_function(user: int, n: int = 3) -> None: ...

    @app.job(key="users")
    def by_list(users: list[int]) -> None: ...

    @app.job(key="reports", sequence=True)
    def by_text() -> None: ...

    assert by_name.new_job(7).key == by_name.new_job(user=7).key == "7"
    assert by_function.new_job(7).key == "7/3"
    assert (by_text.new_job().key, by_text.new_job().sequence) == ("reports", True)
    assert by_name.with_options(key="other").new_job(7).key == "other"
    with pytest.raises(UsageError, match="cannot be a key"):
        by_list.new_job([1])


def test_a_key_function_that_fails_is_an_error_of_the_enqueue() -> None:
    app = App()

    @app.job(key=lambda user, **_: user["id"])
    def job(user: int) -> None: ...

    with pytest.raises(UsageError, match="its key function failed: TypeError"):
        job.new_job(7)
    with pytest.raises(UsageError, match="needs a key"):
        Kind("k").with_options(sequence=True).new_job()


def test_a_renamed_handler_takes_the_jobs_of_its_old_kinds() -> None:
    app = App()

    @app.job(aliases=["old"])
    def new() -> None: ...

    assert (list(app.handlers), app.handler("old"), new.kind) == (["new", "old"], new, "new")
    with pytest.raises(UsageError, match="kind 'old' is taken"):
        app.job(kind="old")(lambda: None)
    with pytest.raises(UsageError, match="a list of kinds"):
        app.job(kind="newer", aliases="older")(lambda: None)


class Binding:
    """A codec that lets a payload be read only as what it was sealed as."""

    name = "binding"

    def encode(self, data: bytes, bound: bytes) -> tuple[bytes, Mapping[str, str]]:
        return bound + data, {}

    def decode(self, data: bytes, bound: bytes, beside: Mapping[str, str]) -> bytes:
        assert data.startswith(bound), "another job's"
        return data.removeprefix(bound)


def test_sealed_jobs_of_an_old_kind_are_opened_and_answered_as_such() -> None:
    app = App(codec=Binding())

    @app.job(aliases=["old"])
    def new(a: int) -> int:
        return a + 1

    job = Kind("old", codec=Binding()).new_job(a=1)
    run = Run(1, 0, job.id.bytes, 1, "old", "default", job.args, 1, 1, "{}")
    token = current.set(JobContext(run))
    try:
        output = new.encode_output(new.call(job.args))
    finally:
        current.reset(token)
    assert output is not None
    assert app.sealer.unseal("output", output, "old", job.id) == "2"
