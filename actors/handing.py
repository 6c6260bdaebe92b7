"""From jobs to the frames by which a child is handed them, and the runs that it then holds."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

import trio

from actors.runs import Runs, frame_of, timeout_of
from runtime import wire
from runtime.job import ClaimedJob, KindInfo


def in_time(jobs: Sequence[ClaimedJob]) -> tuple[list[ClaimedJob], list[ClaimedJob]]:
    """Those that may begin, and those whose deadline has come."""
    late = [job for job in jobs if job.expires_seconds is not None and job.expires_seconds <= 0]
    return ([job for job in jobs if job not in late] if late else list(jobs)), late


def trio_time(at_ns: int) -> float:
    """A time of `time.monotonic_ns()`, by trio's clock."""
    return trio.current_time() - (time.monotonic_ns() - at_ns) / 1e9


def hand_frames(
    jobs: Sequence[ClaimedJob],
    runs: Runs,
    kinds: Mapping[str, KindInfo],
    timeout_seconds: float | None,
    epoch: int,
    batched: bool,
) -> bytes:
    """Hold these jobs' runs; the frames that tell the child of them. `batched`: in one call."""
    now, now_ns = trio.current_time(), time.monotonic_ns()
    held = [
        runs.add(job, kinds[job.kind], timeout_of(job, kinds[job.kind], timeout_seconds), now)
        for job in jobs
    ]
    sizes = [0] * len(held)
    if batched and held:
        runs.bind(held)
        sizes[0] = len(held)
    return b"".join(
        [
            wire.encode(frame_of(run, epoch, now_ns, now, size))
            for run, size in zip(held, sizes, strict=True)
        ]
    )
