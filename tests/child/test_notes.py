"""What a run tells of itself: often, from threads, at its end, and while it is interrupted."""

from __future__ import annotations

import threading
import time
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest
import trio

from runtime import wire
from runtime.child.notebook import NOBODY, Notebook
from runtime.note import MOST_LINES, MOST_LOG_BYTES, Note
from runtime.outcome import Cancelled, Completed, Failed
from tests.child.steering import BOUND_SECONDS, Steered, child_of, serving, told
from tests.support.postgres import wait_until

APP = "tests.child.notes_app:app"


@pytest.fixture
async def child() -> AsyncIterator[Steered]:
    async with serving(APP) as server, child_of(server) as steered:
        yield steered


@pytest.fixture
async def async_child() -> AsyncIterator[Steered]:
    async with serving(APP) as server, child_of(server, 9, is_async=True) as steered:
        yield steered


def merged(child: Steered) -> Note:
    """All that was told, in one."""
    note = Note()
    for each in child.noted:
        note = note.then(each.note)
    return note


def texts(child: Steered) -> list[tuple[str, str, str]]:
    return [(line.level, line.logger, line.text) for line in merged(child).lines]


async def check_counted(child: Steered, kind: str) -> None:
    began = time.monotonic()
    assert await child.run(kind, steps=100, pause=0.002) == Completed("100")
    took = time.monotonic() - began
    assert 2 <= len(child.noted) <= 2 + took / 0.1, "ten a second at most, and the last"
    assert child.noted[0].note.progress == 0.01, "the first one went at once"
    assert (merged(child).progress, merged(child).message) == (1.0, "step 100")


async def test_progress_is_told_now_and_then_and_at_the_end(child: Steered) -> None:
    await check_counted(child, "counts")


@pytest.mark.measured
async def test_an_async_handler_tells_too_and_so_do_its_threads(async_child: Steered) -> None:
    await check_counted(async_child, "counts_async")
    assert [text for *_, text in texts(async_child)] == ["from a thread"]


async def test_what_came_too_soon_is_told_without_the_handlers_doing(
    child: Steered, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    seq = await child.hand("tells_once_and_works", path=str(gate))
    while len(child.noted) < 2:
        assert await child.read()
    assert [each.note.progress for each in child.noted] == [0.1, 0.2]
    assert not child.done, "it still works"
    gate.touch()
    assert await child.answer(seq) == Completed()


async def test_a_run_that_tells_nothing_sends_no_note(child: Steered) -> None:
    await child.run("tells_its_time")
    assert child.noted == []


@pytest.mark.parametrize(("lines", "size"), [(5, 0), (3_000, 0), (400, 5_000)])
@pytest.mark.measured
async def test_a_run_keeps_its_last_lines_within_bounds(
    child: Steered, lines: int, size: int
) -> None:
    await child.run("logs", lines=lines, size=size)
    kept = merged(child).lines
    assert merged(child).last_line == lines
    assert len(kept) <= MOST_LINES
    assert sum(len(line.text) for line in kept) <= MOST_LOG_BYTES
    assert len(kept) >= min(lines, MOST_LINES if not size else MOST_LOG_BYTES // (size + 20))
    shown = [int(line.text.split()[1].rstrip("x")) for line in kept]
    assert shown == list(range(lines - len(kept), lines)), "the last ones, without a gap"


@pytest.mark.measured
async def test_logging_is_captured_as_its_levels_let_it_through(child: Steered) -> None:
    assert await child.run("logs_of_all_sorts") == Completed()
    found = texts(child)
    assert [(level, logger) for level, logger, _ in found] == [
        ("INFO", "notes.app"),
        ("WARNING", "root"),
        ("ERROR", "notes.app"),
        ("INFO", "notes.app"),
        ("NOTICE", "job"),
        ("INFO", "job"),
    ]
    assert found[0][2] == "let through"
    assert found[2][2].startswith("went wrong\nTraceback")
    assert found[2][2].endswith("ValueError: oops")
    assert "cannot be formatted" in found[3][2]
    assert [text for *_, text in found[4:]] == ["its own", "of a thread"]


@pytest.mark.measured
async def test_a_stored_value_is_held_to_the_rules_of_an_output(child: Steered) -> None:
    assert await child.run("stores", value={"a": [1, None]}) == Completed()
    stored = merged(child).stored
    assert stored is not None
    assert msgspec.json.decode(stored) == {"a": [1, None]}

    outcome = await child.run("stores_too_much", size=3_000_000)
    assert isinstance(outcome, Failed)
    assert outcome.failure.error_class == "PayloadTooLarge"
    assert outcome.failure.message.startswith("stored is 3,000,002 bytes")
    outcome = await child.run("progresses_wrongly")
    assert isinstance(outcome, Failed)
    assert outcome.failure.message == "progress(nan): give a number from 0 to 1"


async def test_an_interruption_never_breaks_off_a_note(child: Steered, tmp_path: Path) -> None:
    """Else half a frame would stand in the stream, and the child would be of no more use."""
    for number in range(10):
        begun = tmp_path / str(number)
        seq = await child.hand("tells_for_ever", path=str(begun))
        async with child.listening():
            await told(begun)
            child.child.page.tell(seq, "cancel")
            await child.interrupt(seq, "cancel", "enough")
            await child.ended(seq)
        outcome = child.done[seq].outcome
        assert isinstance(outcome, Cancelled)
        assert outcome.failure.message == "enough"


async def test_a_helper_thread_learns_of_a_cancellation_while_the_main_thread_is_in_c(
    child: Steered, tmp_path: Path
) -> None:
    begun, seen = tmp_path / "begun", tmp_path / "seen"
    seq = await child.hand("is_watched_by_a_thread", path=str(begun), seen=str(seen))
    await told(begun)
    assert not seen.exists()
    child.child.page.tell(seq, "cancel")
    await child.interrupt(seq, "cancel")
    assert isinstance(await child.answer(seq), Cancelled)
    # The helper may still be writing.
    await trio.to_thread.run_sync(
        wait_until, lambda: seen.exists() and seen.read_text() == "cancel True"
    )


@pytest.mark.measured
async def test_a_handler_knows_how_long_it_may_go_on(child: Steered) -> None:
    assert await child.run("tells_its_time") == Completed("[null,null]")
    frame = msgspec.structs.replace(child.frame("tells_its_time"), timeout_seconds=30.0)
    await child.child.send(wire.encode(frame))
    outcome = await child.answer(frame.seq)
    assert isinstance(outcome, Completed)
    left, by_the_clock = msgspec.json.decode(outcome.output or "")
    assert 20.0 < left <= 30.0
    assert abs(left - by_the_clock) < 1.0

    soon_ns = time.monotonic_ns() + 20 * 10**9
    frame = msgspec.structs.replace(child.frame("tells_its_time"), expires_ns=soon_ns)
    await child.child.send(wire.encode(frame))
    outcome = await child.answer(frame.seq)
    assert isinstance(outcome, Completed)
    assert 10.0 < msgspec.json.decode(outcome.output or "")[0] <= 20.0


async def test_nothing_is_told_after_the_end(child: Steered) -> None:
    assert await child.run("tells_after_its_end") == Completed()
    assert await child.run("counts", steps=2, pause=0.1) == Completed("2")
    lines = [line.text for each in child.noted for line in each.note.lines]
    assert lines == ["before"]


def test_what_logs_while_something_is_told_is_told_too() -> None:
    """As a finalizer may, which the garbage collector calls in the midst of it."""
    told: list[wire.Noted] = []

    class Desk(type(NOBODY)):  # type: ignore[misc]
        def post(self, frame: wire.Noted) -> None:
            if not told:
                told.append(frame)
                notebook.log("within", "INFO", "a", 0.0)
            else:
                told.append(frame)

    notebook = Notebook(1, Desk())
    thread = threading.Thread(target=notebook.log, args=("first", "INFO", "a", 0.0), daemon=True)
    thread.start()
    thread.join(BOUND_SECONDS)
    assert not thread.is_alive()
    notebook.close()
    assert [[line.text for line in each.note.lines] for each in told] == [["first"], ["within"]]
