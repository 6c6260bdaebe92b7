"""What took effect in the database, as lines of the chronicle, and what the checkers must know."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any
from uuid import UUID

from actors.store.protocol import Acked, Rescued, Staged, Term
from runtime.job import ClaimedJob
from runtime.lifecycle import Ack, JobState
from tests.simulation.world import World

_Args = tuple[Any, ...]


def noted(world: World, who: str, name: str, args: _Args, answer: Any) -> None:
    """Note a call that took effect, if it is one to tell of."""
    tell = _TELL.get(name)
    text = tell(world, args, answer) if tell is not None else ""
    if text:
        world.chronicle.note(who, text)


def _claim(world: World, args: _Args, jobs: list[ClaimedJob]) -> str:
    runs = ", ".join(f"{_name(world, job.id)} run {job.run_number}" for job in jobs)
    return f"claims for node {args[0]}: {runs}" if jobs else ""


def _ack(world: World, args: _Args, acked: Acked) -> str:
    acks: Sequence[Ack] = args[0]
    late = set(acked.stale)
    for ack in acks:
        if (
            ack.state is JobState.AVAILABLE
            and not ack.counted
            and (ack.id, ack.run_number) not in late
        ):
            world.chronicle.given_back[ack.id, ack.run_number] = "ack"
    return "acks " + ", ".join(
        f"{_name(world, ack.id)} run {ack.run_number} "
        f"{'too late' if (ack.id, ack.run_number) in late else ack.state.value}"
        f"{'' if ack.failure is None else ' ' + ack.failure.error_class}"
        for ack in acks
    )


def _release(world: World, args: _Args, count: int) -> str:
    runs: Sequence[tuple[UUID, int]] = args[0]
    for run in runs:
        world.chronicle.given_back.setdefault(run, "release")
    named = ", ".join(f"{_name(world, job)} run {number}" for job, number in runs)
    return f"releases {count} of {named}"


def _rescue(world: World, args: _Args, rescued: Rescued) -> str:
    return f"rescues {rescued.jobs} jobs of {rescued.nodes}" if rescued.nodes else ""


def _stage(world: World, args: _Args, staged: Staged) -> str:
    return f"stages {staged.jobs} jobs" if staged.jobs else ""


def _elect(world: World, args: _Args, term: Term) -> str:
    return f"node {args[0]} leads, term {term.number}" if term.held else ""


def _name(world: World, job_id: UUID) -> str:
    plan = world.plans.get(job_id)
    return str(job_id) if plan is None else plan.name


_TELL: dict[str, Callable[[World, _Args, Any], str]] = {
    "claim": _claim,
    "ack": _ack,
    "release": _release,
    "rescue": _rescue,
    "stage": _stage,
    "elect": _elect,
    "enqueue": lambda world, args, _answer: (
        "enqueues " + ", ".join(_name(world, job.id) for job in args[0])
    ),
    "join": lambda _world, _args, node_id: f"joins as node {node_id}",
    "renew": lambda _world, args, held: "" if held else f"node {args[0]} has no lease to renew",
    "leave": lambda _world, args, _answer: f"node {args[0]} leaves",
    "want_wakeups": lambda _world, args, _answer: f"node {args[0]} wants wakeups: {args[1]}",
    "cancel": lambda world, args, job: f"cancels {_name(world, args[0])}: {job.state.value}",
    "pause": lambda _world, args, _answer: f"pauses {args[0]}",
    "resume": lambda _world, args, _answer: f"resumes {args[0]}",
}
