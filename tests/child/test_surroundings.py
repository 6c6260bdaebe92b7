"""Resources and middleware in real children: their lifetimes, their order, their failures."""

from __future__ import annotations

from pathlib import Path

import pytest

from runtime.outcome import Cancelled, Completed, Failed, Snoozed
from tests.child.steering import Steered, child_of, eventually, serving

APP = "tests.child.surrounded_app:app"


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "log"
    path.touch()
    monkeypatch.setenv("SURROUNDED_LOG", str(path))
    return path


def lines(log: Path) -> list[str]:
    return log.read_text().splitlines()


async def end(child: Steered) -> None:
    """Let it end by itself, as a Worker does."""
    child.child.hang_up()
    assert (await child.child.wait()).exit_status == 0


@pytest.mark.measured
async def test_a_resource_is_set_up_once_a_child_and_cleaned_up_in_reverse(log: Path) -> None:
    async with serving(APP) as server, child_of(server) as child:
        assert lines(log) == ["tokens up"], "an eager one is there before the first run"
        assert await child.run("use", times=2) == Completed('["a",2]')
        assert await child.run("use", times=3) == Completed('["a",5]')
        await end(child)
        assert lines(log) == ["tokens up", "model up", "model down", "tokens down"]

        async with child_of(server, 1) as another:
            assert await another.run("use", times=1) == Completed('["a",1]')


@pytest.mark.measured
async def test_a_set_up_that_fails_costs_its_run_and_is_tried_again(log: Path) -> None:
    async with serving(APP) as server, child_of(server) as child:
        failed = await child.run("use_second")
        assert isinstance(failed, Failed)
        assert (failed.failure.error_class, failed.failure.message) == (
            "ConnectionError",
            "the first time",
        )
        assert "shelf.py" not in failed.failure.trace
        assert await child.run("use_second") == Completed('"second"')


async def test_a_resource_of_a_run_learns_how_the_run_ended_and_hides_nothing(log: Path) -> None:
    async with serving(APP) as server, child_of(server) as child:
        assert await child.run("transfer", fail=False) == Completed('"Transaction"')
        failed = await child.run("transfer", fail=True)
        assert isinstance(failed, Failed)
        assert failed.failure.message == "no money"

        seq = await child.hand("sleep_in_transaction")
        await eventually(lambda: "sleeping" in lines(log))
        await child.interrupt(seq, "cancel")
        assert isinstance(await child.answer(seq), Cancelled)
    assert [line for line in lines(log) if line.split()[0] in ("commit", "rollback")] == [
        "commit",
        "rollback ValueError",
        "rollback JobCancelled",
    ]


@pytest.mark.measured
async def test_async_runs_share_a_set_up_that_none_of_them_owns(log: Path) -> None:
    async with serving(APP) as server, child_of(server, 9, is_async=True) as child:
        seqs = [await child.hand("fetch") for _ in range(5)]
        await child.interrupt(seqs[0], "cancel")  # it is the one that has begun the set-up
        outcomes = [await child.answer(seq) for seq in seqs]
        assert isinstance(outcomes[0], Cancelled)
        assert outcomes[1:] == [Completed("4")] * 4, "each has counted itself in the same pool"
        await end(child)
    assert lines(log) == ["pool up", "pool down"]


async def test_a_set_up_that_nobody_waits_for_any_more_does_not_stay_in_the_way(log: Path) -> None:
    async with serving(APP) as server, child_of(server, 9, is_async=True) as child:
        first = await child.hand("insist")
        await eventually(lambda: lines(log) == ["stubborn up"])
        await child.interrupt(first, "timeout")
        assert isinstance(await child.answer(first), Failed)
        assert await child.run("insist") == Completed("1")


@pytest.mark.measured
async def test_middleware_is_passed_in_the_order_of_its_definition(log: Path) -> None:
    async with serving(APP) as server:
        async with child_of(server) as child:
            assert await child.run("greet", name="you") == Completed(
                '"outer(inner(own(hello YOU!)), 2)"'
            )
            assert await child.run("greet", name="nobody") == Snoozed(9.0)
            assert isinstance(await child.run("greet", name=7), Failed)
        async with child_of(server, 9, is_async=True) as other:
            assert await other.run("greet_later", name="you") == Completed('"around(later you)"')
